import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.errors import InstaHideError
from instahide.photos import listing as photos
from instahide.photos.listing import (
    Photo,
    PhotoError,
    bundled_photos,
    decode,
    list_photos,
    load_index,
    read_photo,
    save_index,
)
from instahide.photos.part import part_of

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "imagenet-sample"
LONG = "n0144/" + "long" * 60 + ".JPEG"  # beyond the 100 bytes of a plain tar header
CONTENTS = {
    "n0144/n0144_2.JPEG": b"second" * 300,
    "n0144/n0144_10.JPEG": b"first",
    "n0155/images/a.png": bytes(5000),
    "n0155/b.WebP": b"",
    LONG: b"x" * 512,
}
OTHERS = {"n0144/boxes.txt": b"0 0", ".hidden.jpg": b"1", "n0155/._b.jpg": b"2"}


def tar_bytes(contents, **options):
    """Make a tar in memory; values that are not bytes are `TarInfo`s without data."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", **options) as tar:
        for name, content in contents.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                tar.addfile(info)
    return file.getvalue()


def zip_bytes(contents, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(source):
    return {photo.name: read_photo(photo) for photo in list_photos(source)}


def as_folder(folder):
    for name, content in (CONTENTS | OTHERS).items():
        save(folder / "photos" / name, content)
    return folder / "photos"


def as_tar(kind):
    def make(folder):
        return save(folder / "photos.tar", tar_bytes(CONTENTS | OTHERS, format=kind))

    return make


def as_tar_of_tars(folder):
    outer = {}
    for class_name in ("n0155", "n0144"):
        inner = {
            name.partition("/")[2]: content
            for name, content in (CONTENTS | OTHERS).items()
            if name.startswith(class_name)
        }
        outer[f"{class_name}.tar"] = tar_bytes(inner)
    return save(folder / "train.tar", tar_bytes(outer))


def as_zip(compression):
    def make(folder):
        return save(folder / "photos.zip", zip_bytes(CONTENTS | OTHERS, compression))

    return make


def as_folder_of_archives(folder):
    by_class = [
        {n.partition("/")[2]: c for n, c in CONTENTS.items() if n.startswith(class_name)}
        for class_name in ("n0144", "n0155")
    ]
    save(folder / "photos" / "n0144.tar", tar_bytes(by_class[0]))
    save(folder / "photos" / "n0155.ZIP", zip_bytes(by_class[1]))
    return folder / "photos"


LAYOUTS = {
    "folder": as_folder,
    "pax tar": as_tar(tarfile.PAX_FORMAT),
    "gnu tar": as_tar(tarfile.GNU_FORMAT),
    "ustar": as_tar(tarfile.USTAR_FORMAT),
    "tar of tars": as_tar_of_tars,
    "stored zip": as_zip(zipfile.ZIP_STORED),
    "deflated zip": as_zip(zipfile.ZIP_DEFLATED),
    "folder of archives": as_folder_of_archives,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_names_and_contents(layout, tmp_path):
    expected = dict(CONTENTS)
    if layout == "ustar":
        expected.pop(LONG)
        source = save(tmp_path / "u.tar", tar_bytes(expected, format=tarfile.USTAR_FORMAT))
    else:
        source = LAYOUTS[layout](tmp_path)
    listed = list_photos(source)
    assert [photo.name for photo in listed] == sorted(expected)
    assert found(source) == found(str(source)) == expected


def test_a_tar_by_gnu_tar_is_read_with_its_leading_dots(tmp_path):
    folder = as_folder(tmp_path)
    command = ["tar", "-cf", tmp_path / "photos.tar", "-C", folder, "."]
    subprocess.run(command, check=True)
    assert found(tmp_path / "photos.tar") == CONTENTS


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}(/[a-z0-9 ä]{1,60}){0,2}\.jpg", fullmatch=True),
        st.binary(max_size=1500),
        min_size=1,
        max_size=6,
    )
)
def test_archives_give_back_whatever_was_put_in(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("archives")
    assert found(save(folder / "a.tar", tar_bytes(contents))) == contents
    assert found(save(folder / "a.zip", zip_bytes(contents))) == contents


def test_nested_tars_may_lack_their_end_mark_of_ten_kilobytes(tmp_path):
    inner = tar_bytes({"1.jpg": b"one"})
    outer = {"a.tar": inner[: 512 * 4], "b.tar": tar_bytes({})}
    assert found(save(tmp_path / "t.tar", tar_bytes(outer))) == {"a/1.jpg": b"one"}


def test_a_zip_behind_other_bytes_is_read(tmp_path):
    # As self-extracting archives are: all offsets in the zip itself are too small.
    path = save(tmp_path / "a.zip", b"PK\x03\x04" + bytes(96) + zip_bytes({"1.jpg": b"one"}))
    assert found(path) == {"1.jpg": b"one"}


# --- what is refused ---


def refused(source):
    with pytest.raises(InstaHideError) as caught:
        list_photos(source)
    assert str(source) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content", [tar_bytes({}), zip_bytes({}), tar_bytes(OTHERS), None], ids=repr
)
def test_empty_sources_are_refused(content, tmp_path):
    source = tmp_path / "source"
    save(source, content) if content else source.mkdir()
    assert "holds no photos" in refused(source)


def test_a_missing_source_is_refused(tmp_path):
    assert "does not exist" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_compressed_tars_are_refused_wherever_they_are(mode, tmp_path):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{mode}"):
        pass
    packed = file.getvalue()
    for path in (f"a.tar.{mode}", "a.tar"):
        assert "decompress it first" in refused(save(tmp_path / path, packed))
    save(tmp_path / "folder" / f"a.tar.{mode}", packed)
    assert "decompress it first" in refused(tmp_path / "folder")
    outer = save(tmp_path / "outer.tar", tar_bytes({f"a.tar.{mode}": packed}))
    assert "decompress it first" in refused(outer)


def test_other_compressed_files_are_not_taken_for_photos(tmp_path):
    save(tmp_path / "labels.csv.gz", b"\x1f\x8b")
    save(tmp_path / "1.jpg", b"1")
    assert found(tmp_path) == {"1.jpg": b"1"}


@pytest.mark.parametrize("make", [tar_bytes, zip_bytes])
@pytest.mark.parametrize(
    "name",
    [
        "/etc/1.jpg",
        "../1.jpg",
        "a/../../1.jpg",
        "..\\1.jpg",
        "C:\\1.jpg",
        "C:/1.jpg",
        "../notes.txt",
    ],
)
def test_names_that_lead_out_of_the_archive_are_refused(make, name, tmp_path):
    path = save(tmp_path / "hostile", make({"good.jpg": b"1", name: b"2"}))
    assert "leads out of the archive" in refused(path)


def test_hostile_names_in_nested_tars_are_refused(tmp_path):
    inner = tar_bytes({"../1.jpg": b"1"})
    path = save(tmp_path / "t.tar", tar_bytes({"a.tar": inner}))
    assert "leads out of the archive" in refused(path)


@pytest.mark.parametrize("name", ["a\n.jpg", "a\x1b[2J.jpg", os.fsdecode(b"\xff.jpg")])
def test_names_that_are_not_text_are_refused(name, tmp_path):
    save(tmp_path / "folder" / name, b"1")
    assert "rename it" in refused(tmp_path / "folder")
    path = save(tmp_path / "t.tar", tar_bytes({name: b"1"}, errors="surrogateescape"))
    assert "rename it" in refused(path)


@pytest.mark.parametrize("name", ["a\n", "a\u2028", os.fsdecode(b"\xff")])
@pytest.mark.parametrize("suffix", [".tar", ".ZIP"])
def test_names_of_archives_are_checked_like_those_of_photos(name, suffix, tmp_path):
    make = tar_bytes if suffix == ".tar" else zip_bytes
    save(tmp_path / "folder" / "deep" / (name + suffix), make({"1.jpg": b"1"}))
    assert "rename it" in refused(tmp_path / "folder")
    inner = {name + suffix.lower(): tar_bytes({"1.jpg": b"1"})}
    path = save(tmp_path / "t.tar", tar_bytes(inner, errors="surrogateescape"))
    assert "rename it" in refused(path)
    assert "a" in refused(path) or "\\xff" in refused(path)


def test_names_of_other_files_do_not_matter(tmp_path):
    save(tmp_path / "folder" / "no\nphoto.txt", b"1")
    save(tmp_path / "folder" / "1.jpg", b"1")
    assert found(tmp_path / "folder") == {"1.jpg": b"1"}


def test_names_in_a_zip_are_read_to_their_end_and_as_what_they_are(tmp_path):
    zeros = zip_bytes({"a.jpg_txt": b"1"}).replace(b"a.jpg_", b"a.jpg\0")
    assert r"a.jpg\x00txt" in refused(save(tmp_path / "z.zip", zeros))
    other = zip_bytes({"ä.jpg": b"1"}).replace("ä".encode(), b"\xff\xfe")
    assert r"\xff\xfe" in refused(save(tmp_path / "z.zip", other))


@pytest.mark.parametrize("make", [tar_bytes, zip_bytes])
def test_empty_names_are_left_out_and_long_ones_are_read(make, tmp_path):
    contents = {"1.jpg": b"1", "n" * 5000 + ".jpg": b"2", "d/" * 2500 + "1.jpg": b"3"}
    empty = ""
    if make is zip_bytes:  # which takes the name "" for no name at all
        empty = zipfile.ZipInfo("x")
        empty.filename = ""
    source = save(tmp_path / "a", make(contents | {empty: b"4"}))
    assert found(source) == contents
    save_index(tmp_path / "i.csv", list_photos(source))
    assert load_index(tmp_path / "i.csv") == list_photos(source)


@pytest.mark.parametrize("path", ["n" * 5000, "d/" * 2500, "a\0b"])
def test_sources_with_impossible_paths_are_refused(path):
    with pytest.raises(InstaHideError, match="does not exist") as caught:
        list_photos(path)
    assert len(str(caught.value)) < 400


def test_a_photo_too_deep_in_a_folder_is_refused(tmp_path):
    # The path of the deepest folder can still be listed, that of its photo is too long.
    place, last = os.open(tmp_path, os.O_RDONLY), 4000 - len(str(tmp_path)) - 15 * 251
    for length in [250] * 15 + [last - 1]:
        os.mkdir("d" * length, dir_fd=place)
        place, above = os.open("d" * length, os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(os.open("1" * 200 + ".jpg", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    with pytest.raises(
        InstaHideError, match=r"cannot list the folder .*name too long"
    ) as caught:
        list_photos(tmp_path)
    assert len(str(caught.value)) < 400


def test_names_do_not_depend_on_the_locale(tmp_path):
    save(tmp_path / "folder" / "Çiğ" / "ä.jpg", b"1")
    save(tmp_path / "t.tar", tar_bytes({"Çiğ/ä.jpg": b"1"}, format=tarfile.GNU_FORMAT))
    code = (
        "import sys; from instahide.photos.listing import list_photos, read_photo;"
        "[print(ascii(p.name), read_photo(p)) for s in sys.argv[1:] for p in list_photos(s)]"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "folder", tmp_path / "t.tar"],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        encoding="utf-8",
    )
    assert result.stdout.splitlines() == [f"{'Çiğ/ä.jpg'!a} b'1'"] * 2, result.stderr


def test_links_and_devices_are_left_out(tmp_path):
    members = {"good.jpg": b"1"}
    for number, kind in enumerate(
        [
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.CHRTYPE,
            tarfile.BLKTYPE,
            tarfile.FIFOTYPE,
            tarfile.DIRTYPE,
        ]
    ):
        info = tarfile.TarInfo(f"{number}.jpg")
        info.type, info.linkname = kind, "/etc/passwd"
        members[info.name] = info
    assert found(save(tmp_path / "t.tar", tar_bytes(members))) == {"good.jpg": b"1"}

    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = save(tmp_path / "z.zip", zip_bytes({"good.jpg": b"1", link: b"/etc/passwd"}))
    assert found(path) == {"good.jpg": b"1"}


def test_links_in_folders_are_not_followed(tmp_path):
    secret = save(tmp_path / "outside" / "secret.jpg", b"secret")
    save(tmp_path / "tree" / "good.jpg", b"1")
    (tmp_path / "tree" / "link.jpg").symlink_to(secret)
    (tmp_path / "tree" / "folder").symlink_to(secret.parent)
    (tmp_path / "tree" / "loop").symlink_to(tmp_path / "tree")
    assert found(tmp_path / "tree") == {"good.jpg": b"1"}


def test_duplicate_names_are_refused(tmp_path):
    info = tarfile.TarInfo("./1.jpg")
    twice = tar_bytes({"1.jpg": b"1", "again": info})
    assert "two photos named '1.jpg'" in refused(save(tmp_path / "t.tar", twice))
    save(tmp_path / "folder" / "a" / "1.jpg", b"1")
    save(tmp_path / "folder" / "a.zip", zip_bytes({"1.jpg": b"1"}))
    assert "two photos named 'a/1.jpg'" in refused(tmp_path / "folder")


WHOLE = {
    "tar": tar_bytes({"1.jpg": b"1" * 2000, "2.jpg": b"2" * 700})[: 512 * 10],
    "tar of tars": tar_bytes({"a.tar": tar_bytes({"1.jpg": b"1" * 2000})[: 512 * 6]}),
    "zip": zip_bytes({"1.jpg": b"1" * 2000, "2.jpg": os.urandom(700)}),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_truncated_archives_are_refused_wherever_they_end(kind, tmp_path):
    whole = WHOLE[kind]
    assert list_photos(save(tmp_path / "a", whole))
    needed = len(whole.rstrip(b"\0")) if kind == "tar of tars" else len(whole) - 512
    for length in range(0, needed, 97):
        assert "not a whole" in refused(save(tmp_path / "a", whole[:length]))


def test_damage_in_the_middle_of_a_tar_is_not_taken_for_its_end(tmp_path):
    damaged = bytearray(WHOLE["tar"])
    damaged[512 * 5 : 512 * 6] = b"?" * 512  # the second header
    assert "damaged at byte 2560" in refused(save(tmp_path / "a.tar", bytes(damaged)))


def test_a_nested_tar_cannot_reach_beyond_itself(tmp_path):
    liar = tarfile.TarInfo("1.jpg")
    liar.size = 5000
    inner = liar.tobuf() + bytes(1024)
    content = tar_bytes({"a.tar": inner, "secret.jpg": bytes(9000)})
    assert "ends inside '1.jpg'" in refused(save(tmp_path / "a.tar", content))


def test_headers_with_hostile_numbers_are_refused(tmp_path):
    for size in (-1, -512, -(10**6)):
        info = tarfile.TarInfo("1.jpg")
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
        assert "not a whole" in refused(save(tmp_path / "a.tar", header + bytes(2048)))
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 10**12
    header = long.tobuf(tarfile.GNU_FORMAT)
    assert "a header claims" in refused(save(tmp_path / "a.tar", header + bytes(2048)))


def test_headers_that_announce_headers_without_end_are_refused(tmp_path):
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2
    header = long.tobuf(tarfile.GNU_FORMAT) + b"a" + bytes(511)
    assert "not a whole" in refused(save(tmp_path / "a.tar", header * 5000))


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(sorted(WHOLE)),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
)
def test_damage_never_raises_anything_but_our_error(tmp_path_factory, kind, edits):
    damaged = bytearray(WHOLE[kind])
    for position, value in edits:
        damaged[position % len(damaged)] = value
    path = save(tmp_path_factory.getbasetemp() / "damaged", bytes(damaged))
    try:
        for photo in list_photos(path):
            read_photo(photo)
    except InstaHideError:
        pass


def test_what_is_no_archive_is_refused(tmp_path):
    assert "not a whole tar or zip" in refused(save(tmp_path / "a.jpg", b"\xff\xd8" * 999))


def test_encrypted_and_exotic_zips_are_refused(tmp_path):
    packed = zip_bytes({"1.jpg": b"1" * 99}, zipfile.ZIP_BZIP2)
    assert "packs '1.jpg' in a way" in refused(save(tmp_path / "b.zip", packed))
    encrypted = bytearray(zip_bytes({"1.jpg": b"1"}))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(save(tmp_path / "e.zip", bytes(encrypted)))


def test_zip_members_must_be_where_the_index_says(tmp_path):
    damaged = bytearray(zip_bytes({"1.jpg": b"1", "2.jpg": b"2"}))
    damaged[damaged.rindex(b"PK\x03\x04") + 3] ^= 1
    assert "no header of '2.jpg'" in refused(save(tmp_path / "z.zip", bytes(damaged)))


# --- reading ---


def reason(photo):
    with pytest.raises(PhotoError) as caught:
        read_photo(photo)
    return caught.value.reason


def test_reading_says_what_is_wrong(tmp_path):
    path = save(tmp_path / "1.jpg", b"12345")
    photo = list_photos(tmp_path)[0]
    assert reason(replace(photo, size=6)) == "truncated"
    assert reason(replace(photo, offset=3)) == "truncated"
    assert reason(replace(photo, size=photos.MAX_PHOTO_BYTES + 1)) == "large"
    path.unlink()
    assert reason(photo) == "unreadable"


def test_reading_from_a_damaged_zip_says_so(tmp_path):
    source = save(tmp_path / "z.zip", zip_bytes({"1.jpg": os.urandom(50) * 50}))
    photo = list_photos(source)[0]
    assert reason(replace(photo, size=photo.size + 1)) == "truncated"
    save(source, source.read_bytes()[: photo.offset] + b"\xff" * 1000)
    assert reason(photo) in ("truncated", "unreadable")


def test_a_bomb_in_a_zip_gives_no_more_than_it_claims(tmp_path):
    source = save(tmp_path / "z.zip", zip_bytes({"1.jpg": bytes(10**7)}))
    photo = replace(list_photos(source)[0], size=1000)
    assert read_photo(photo) == bytes(1000)


# --- bundled photos ---


def test_ten_colour_photos_are_bundled():
    listed = bundled_photos()
    stems = [Path(photo.name).stem for photo in listed]
    assert stems == sorted(stems) and len(set(stems)) == 10
    for photo in listed:
        image = decode(read_photo(photo), channels=3, min_side=200)
        assert np.ptp(image.astype(int), axis=2).mean() > 5, "has colours"


def test_a_missing_bundled_photo_names_the_package(monkeypatch):
    monkeypatch.setitem(photos._FROM_SCIKIT_IMAGE, "cat.png", "gone.png")
    with pytest.raises(InstaHideError, match=r"gone\.png is missing: install scikit-image"):
        bundled_photos()


# --- the index ---


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
NUMBER = st.integers(0, 2**50)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.builds(Photo, TEXT, TEXT, NUMBER, NUMBER, NUMBER), max_size=5))
def test_an_index_gives_back_the_listing(tmp_path_factory, listing):
    path = tmp_path_factory.getbasetemp() / "index.csv"
    save_index(path, listing)
    assert load_index(path) == listing
    before = path.read_bytes()
    save_index(path, load_index(path))
    assert path.read_bytes() == before


def test_an_index_is_plain_csv(tmp_path):
    save_index(tmp_path / "i.csv", [Photo("ä.jpg", "/x,y/ä.jpg", 0, 3)])
    expected = '"name","container","offset","size","packed"\n"ä.jpg","/x,y/ä.jpg",0,3,0\n'
    assert (tmp_path / "i.csv").read_bytes() == expected.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header is not"),
        (b"name,size\n", "header is not"),
        (b"name,container,offset,size,packed\na,b,1,2\n", "photo 1: not a photo"),
        (b"name,container,offset,size,packed\na,b,1,2,0\na,b,1,x,0\n", "photo 2: not a photo"),
        (b"name,container,offset,size,packed\na,b,1,-2,0\n", "photo 1: negative"),
        (b'name,container,offset,size,packed\n"a,b,1,2,0\n', "not a readable index"),
        (b"\xff\xfe", "header is not"),
    ],
)
def test_a_damaged_index_is_refused(content, message, tmp_path):
    path = save(tmp_path / "i.csv", content)
    with pytest.raises(InstaHideError, match=message) as caught:
        load_index(path)
    assert str(path) in str(caught.value)


def test_an_index_of_a_folder_whose_name_is_not_utf8_works(tmp_path):
    listing = [Photo("1.jpg", os.fsdecode(b"/\xff/1.jpg"), 0, 1)]
    save_index(tmp_path / "i.csv", listing)
    assert load_index(tmp_path / "i.csv") == listing


def test_a_missing_index_is_refused(tmp_path):
    with pytest.raises(InstaHideError, match="does not exist"):
        load_index(tmp_path / "i.csv")


# --- real photos ---


@pytest.mark.skipif(not SAMPLE.exists(), reason="the shared sample is not here")
def test_real_photos_are_the_same_from_folder_tar_and_zip(tmp_path):
    listed = list_photos(SAMPLE)
    assert len(listed) == 1000
    files = {photo.name: read_photo(photo) for photo in listed[::100]}
    assert found(save(tmp_path / "v.tar", tar_bytes(files))) == files
    assert found(save(tmp_path / "t.zip", zip_bytes(files))) == files
    for content in files.values():
        decode(content, channels=1, min_side=64)


def test_parts_of_photos_share_none_and_leave_none_out():
    photos = [f"{number}.png" for number in range(11)]
    parts = [part_of(photos, f"{number}/4") for number in (1, 2, 3, 4)]
    assert sorted(photo for part in parts for photo in part) == sorted(photos)
    assert part_of(photos, "1/1") == photos
    with pytest.raises(InstaHideError, match="bring more photos"):
        part_of(photos[:1], "2/2")


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/", "²/2", "-1/2"])
def test_what_is_no_part_is_refused(part):
    with pytest.raises(InstaHideError, match="part: "):
        part_of(["1.png"], part)
