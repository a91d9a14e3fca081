"""A person's own folder of images, of whatever kind, becomes images; nothing is lost unsaid."""

import os
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from instahide.auditing.pictures import decode_picture, read_picture, stretched
from instahide.auditing.reading import OwnImages, Reading, read_own_images
from instahide.auditing.resampling import chosen_size, to_square
from instahide.errors import InstaHideError
from instahide.photos.decoding import PhotoError, bounded_header
from instahide.randomness.keystream import Key

RANDOM = np.random.default_rng(0)
KEY = Key.from_seed(0)
NAMES = ("صورة.png", "患者-胸部.png", "naïve 😀.png", "рентген снимок.png")


def noise(height, width, channels=3, high=256, dtype=np.uint8):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return RANDOM.integers(0, high, shape, dtype=dtype)


def save(path, pixels=None, **options):
    """Write an image in the format of its suffix; noise of 40 × 40 without one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = noise(40, 40) if pixels is None else pixels
    Image.fromarray(pixels).save(path, **options)
    return pixels


def read(folder, **wanted) -> OwnImages:
    return read_own_images(folder, Reading(**wanted), KEY)


def reasons(own):
    return dict(own.unreadable)


def picture(content):
    return decode_picture(content, bounded_header(content, 1))


def encoded(array, kind, **options):
    buffer = BytesIO()
    if kind == "tiff":
        tifffile.imwrite(buffer, array, **options)
    else:
        Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def as_png(array):
    """Return any depth and channels, in the order RGB or RGBA, as PNG."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(array.shape[-1]) if array.ndim == 3 else None
    return cv2.imencode(".png", array if order is None else array[..., order])[1].tobytes()


def test_photos_of_mixed_sizes_are_cropped_and_shrunk_and_it_is_said(tmp_path):
    wide = save(tmp_path / "a.png", noise(200, 300))
    save(tmp_path / "b.jpg", noise(480, 640))
    save(tmp_path / "c.webp", noise(100, 100))
    own = read(tmp_path)
    assert own.images.images.shape == (3, 64, 64, 3)
    middle = wide[4:196, 54:246].reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))
    square = read(tmp_path, size=192).images.images[0]
    told = " ".join(own.reading)
    assert "The 3 images have from 100 × 100 to 640 × 480 pixels." in told
    assert "2 of 3 are not square: they were cropped to the square in their middle" in told
    assert "All 3 of them were shrunk to 64 × 64 pixels" in told
    assert own.unreadable == () and own.folders == ("", "", "")
    assert square.shape == (192, 192, 3)
    exact = to_square(wide[4:196, 54:246], 64, "crop")
    assert np.abs(exact - middle).max() <= 0.5


def test_padding_keeps_all_of_an_image(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.png", np.full((30, 60, 3), 200, np.uint8))
    own = read(tmp_path, square="pad", size=32)
    image = own.images.images[0]
    assert (image[8:24] == 200).all() and not image[:8].any() and not image[24:].any()
    assert "padded with black to squares" in " ".join(own.reading)


def test_sizes_follow_from_the_images_or_the_wish(tmp_path):
    for name, side in (("a", 20), ("b", 50), ("c", 60)):
        save(tmp_path / f"{name}.png", noise(side, side))
    own = read(tmp_path)
    assert own.images.images.shape[1] == 48
    assert "1 of 3 was smaller, and was enlarged to 48 × 48" in " ".join(own.reading)
    assert read(tmp_path, size=224).images.images.shape[1:] == (224, 224, 3)
    assert "This size" not in " ".join(read(tmp_path, size=224).reading)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_the_chosen_size_enlarges_no_more_than_half(sides):
    size = chosen_size(sides)
    assert size in (16, 24, 32, 48, 64)
    assert size == 16 or 2 * sum(side < size for side in sides) <= len(sides)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(16, 40), st.sampled_from([1, 3]))
def test_squares_of_one_colour_stay_so(height, width, size, channels):
    pixels = np.full((height, width, channels), 77, np.uint8)
    assert (to_square(pixels, size, "crop") == 77).all()
    padded = to_square(pixels, size, "pad")
    assert padded.shape == (size, size, channels)
    assert set(np.unique(padded)) <= {0, 77} and (padded == 77).any()


def test_sub_folders_are_classes_however_deep_files_lie(tmp_path):
    save(tmp_path / "ill" / "2020" / "ward 3" / "x.png")
    save(tmp_path / "ill" / "y.png")
    save(tmp_path / "well" / "x.png")
    save(tmp_path / "z.png")
    own = read(tmp_path)
    assert own.images.files == ("z.png", "ill/2020/ward 3/x.png", "ill/y.png", "well/x.png")
    assert own.folders == ("", "ill", "ill", "well")
    assert own.images.class_names == (".", "ill", "well")


def test_one_class_and_five_images_are_enough(tmp_path):
    for number in range(5):
        save(tmp_path / "only" / f"{number}.png")
    own = read(tmp_path)
    assert own.folders == ("only",) * 5 and len(own.images.images) == 5


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_by_what_is_there(kind, channels, tmp_path):
    deep = noise(40, 40, channels, 3000, np.uint16) + np.uint16(500)
    content = as_png(deep) if kind == "png" else encoded(deep, "tiff")
    for name in "ab":
        (tmp_path / f"{name}.{kind}").write_bytes(content)
    own = read(tmp_path, size=40)
    expected = (deep - deep.min()) / (deep.max() - deep.min()) * 255
    found = own.images.images[0].reshape(deep.shape)
    assert np.abs(found - expected).max() <= 0.5 + 1e-6
    assert own.images.images.shape[3] == channels
    assert "more than 8 bits in a sample" in " ".join(own.reading)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_other_numbers_of_tiffs_are_scaled_too(dtype):
    values = (noise(20, 30, 1, 3000, np.int64) - 1000).astype(dtype)
    found = picture(encoded(values, "tiff"))
    assert np.array_equal(found.pixels[..., 0], stretched(values))
    assert found.notes == {"stretched"}


def test_tiffs_in_which_zero_is_white_are_turned():
    for values in (noise(20, 30, 1), noise(20, 30, 1, 2**16, np.uint16)):
        found = picture(encoded(values, "tiff", photometric="miniswhite")).pixels[..., 0]
        eight = stretched(values) if values.dtype == np.uint16 else values
        assert np.array_equal(found, 255 - eight)


def test_numbers_that_are_none_are_refused():
    values = np.ones((20, 30), np.float32)
    values[3, 3] = np.nan
    with pytest.raises(PhotoError, match="no finite numbers"):
        picture(encoded(values, "tiff"))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_transparent_is_drawn_on_black(depth):
    pixels = np.zeros((20, 20, 4), depth)
    most = np.iinfo(depth).max
    pixels[..., 0], pixels[:10, :, 3] = most, most
    found = picture(as_png(pixels))
    assert found.pixels[0, 0].tolist() == [255, 0, 0] and not found.pixels[10:].any()
    assert "alpha" in found.notes


def test_transparency_of_palettes_greys_and_tiffs_is_seen():
    clear = noise(20, 20, 2)
    clear[..., 1] = 0
    grey = Image.fromarray(clear, "LA")
    palette = Image.fromarray(noise(20, 20, 1) % 4, "P")
    palette.putpalette([255, 0, 0] * 4)
    for image, options in ((grey, {}), (palette, {"transparency": bytes(4)})):
        buffer = BytesIO()
        image.save(buffer, "PNG", **options)
        found = picture(buffer.getvalue())
        assert not found.pixels.any() and found.notes == {"alpha"}
    clear = np.dstack([noise(20, 20), clear[..., 1]])
    content = encoded(clear, "tiff", photometric="rgb", extrasamples=["unassalpha"])
    found = picture(content)
    assert not found.pixels.any() and found.notes == {"alpha"}


def test_usual_kinds_are_decoded_as_pillow_does(tmp_path):
    grey, colour = noise(20, 30, 1), noise(20, 30)
    cases = {
        "bmp": encoded(colour, "bmp"),
        "palette": encoded(np.asarray(colour), "png"),
        "bits": None,
        "webp": encoded(colour, "webp", lossless=True),
        "grey": encoded(grey, "png"),
    }
    buffer = BytesIO()
    Image.fromarray(grey > 99).save(buffer, "PNG")
    cases["bits"] = buffer.getvalue()
    for content in cases.values():
        expected = np.asarray(Image.open(BytesIO(content)).convert("RGB"))
        found = picture(content).pixels
        assert np.array_equal(np.broadcast_to(found, expected.shape), expected)


def test_jpegs_are_turned_upright_and_cmyk_is_converted():
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    found = picture(encoded(pixels, "jpeg", exif=exif)).pixels
    assert found.shape == (64, 32, 3) and found[:30].min() > 240 and found[34:].max() < 15
    buffer = BytesIO()
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(buffer, "JPEG")
    red, green, blue = picture(buffer.getvalue()).pixels[10, 10].tolist()
    assert red > 200 and max(green, blue) < 90


def test_grey_and_colour_are_told_apart_by_pixels(tmp_path):
    save(tmp_path / "grey.png", noise(40, 40, 1))
    save(tmp_path / "stored as colour.png", np.repeat(noise(40, 40, 1)[..., None], 3, 2))
    own = read(tmp_path)
    assert own.images.images.shape[3] == 1
    assert "All images are grey in every pixel" in " ".join(own.reading)
    assert read(tmp_path, channels=3).images.images.shape[3] == 3
    save(tmp_path / "colour.png")
    own = read(tmp_path)
    assert own.images.images.shape[3] == 3
    assert "2 of 3 are grey, and got three equal values" in " ".join(own.reading)
    own = read(tmp_path, channels=1)
    assert own.images.images.shape[3] == 1
    assert "1 of 3 had colours, and was made grey." in own.reading


def test_names_in_any_script_are_kept(tmp_path):
    for name in NAMES:
        save(tmp_path / "مرضى" / name)
    own = read(tmp_path)
    assert set(own.images.files) == {f"مرضى/{name}" for name in NAMES}
    assert own.images.class_names == ("مرضى",)


def test_names_that_are_no_utf8_or_hold_line_ends_are_escaped(tmp_path):
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)
    content = encoded(noise(40, 40), "png")
    for name in (b"/a\xff.png", b"/b\nc.png"):
        with open(place + name, "wb") as file:
            file.write(content)
    own = read(tmp_path)
    assert own.images.files == ("caf\\xe9/a\\xff.png", "caf\\xe9/b\\x0ac.png")
    assert own.folders == ("caf\\xe9",) * 2


def test_all_that_cannot_be_used_is_named_with_the_reason(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png")
    whole = encoded(noise(100, 100), "jpeg")
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "list.csv").write_text("a,b", encoding="utf-8")
    save(tmp_path / "dot.png", noise(4, 90))
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".cache" / "x.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "0.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "0.png", "0.png")
    own = read(tmp_path)
    assert own.images.files == ("0.png", "1.png", "2.png")
    expected = {
        "cut.jpg": "no end mark",
        "text.png": "not a JPEG, PNG, BMP, TIFF, WebP or DICOM image",
        "empty.tif": "is empty",
        "list.csv": "not a JPEG",
        "dot.png": "too few",
        ".hidden.png": "is hidden",
        ".cache/": "is hidden",
        "link.png": "is a link",
        "loop": "is a link",
        "pipe.png": "a pipe or a device",
        "more.zip": "is an archive: unpack it",
    }
    assert reasons(own).keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons(own)[name]


def test_bombs_and_numbers_of_other_kinds_are_named(tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.png")
    huge = bytearray(encoded(np.zeros((10, 10), np.uint8), "png"))
    huge[16:24] = (60_000).to_bytes(4) * 2
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4)
    (tmp_path / "huge.png").write_bytes(huge)
    halves = encoded(np.ones((40, 40), np.float16), "tiff")
    (tmp_path / "halves.tif").write_bytes(halves)
    own = read(tmp_path)
    assert own.images.files == ("0.png", "1.png")
    assert "60000 x 60000 pixels are more than" in reasons(own)["huge.png"]
    assert "cannot be decoded" in reasons(own)["halves.tif"]


WHOLE = {kind: encoded(noise(20, 20), kind) for kind in ("png", "jpeg", "bmp", "webp", "tiff")}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_file_is_read_or_named(tmp_path_factory, data):
    content = bytearray(WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path_factory.mktemp("wild") / "x"
    path.write_bytes(content)
    try:
        assert read_picture(str(path)).pixels.dtype == np.uint8
    except PhotoError as error:
        assert str(error)


@pytest.mark.parametrize("images", [0, 1])
def test_too_few_images_end_in_a_sentence(images, tmp_path):
    (tmp_path / "a.txt").write_text("no image", encoding="utf-8")
    if images:
        save(tmp_path / "b.png")
    found = "one image" if images else "no image"
    with pytest.raises(InstaHideError, match=rf"{found} that .* \(a\.txt not a JPEG.*put 2 or"):
        read(tmp_path)


def test_folders_that_are_none_are_refused(tmp_path):
    with pytest.raises(InstaHideError, match="does not exist: name a folder"):
        read(tmp_path / "none")
    save(tmp_path / "a.png")
    with pytest.raises(InstaHideError, match="is not a folder: name a folder"):
        read(tmp_path / "a.png")
    with pytest.raises(InstaHideError, match="holds no image that can be read: put 2"):
        read_own_images(save_nothing(tmp_path / "empty"), Reading(), KEY)


def save_nothing(folder):
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"size": 15}, "15 × 15 pixels: ask for 16 to 1024"),
        ({"size": 5000}, "to 1024"),
        ({"square": "stretch"}, "crop or pad"),
        ({"channels": 2}, "not 2"),
        ({"most": 1}, "2 or more"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(wanted, message):
    with pytest.raises(InstaHideError, match=message):
        Reading(**wanted)


def test_nothing_is_written_to_originals(tmp_path):
    root = tmp_path / "mine"
    for number in range(3):
        save(root / "a" / f"{number}.png")
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*.png")
    }
    for path in (*root.rglob("*"), root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(read(root).images.images) == 3
        after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before}
        assert after == before
        assert {path for path in root.rglob("*") if path.is_file()} == set(before)
    finally:
        for path in (root, root / "a"):
            path.chmod(0o755)


def test_some_of_many_are_drawn_evenly_and_by_the_key(tmp_path):
    for name, count in (("a", 12), ("b", 12), ("c", 2)):
        for number in range(count):
            save(tmp_path / name / f"{number}.png")
    own = read(tmp_path, most=10)
    assert [own.folders.count(name) for name in "abc"] == [4, 4, 2]
    assert own.images.files == read(tmp_path, most=10).images.files
    other = read_own_images(tmp_path, Reading(most=10), Key.from_seed(1))
    assert other.images.files != own.images.files
    assert any("Of 26 files 10 were drawn" in one for one in own.reading)
    everything = read(tmp_path, most=26)
    assert len(everything.images.images) == 26
    assert not any("drawn at random" in one for one in everything.reading)


def test_broken_files_are_made_up_for_where_some_are_drawn(tmp_path):
    for number in range(6):
        save(tmp_path / f"{number}.png")
        (tmp_path / f"broken {number}.png").write_bytes(b"none")
    assert len(read(tmp_path, most=6).images.images) == 6


def test_more_memory_than_there_is_is_refused_before(tmp_path, monkeypatch):
    for number in range(3):
        save(tmp_path / f"{number}.png")
    monkeypatch.setenv("INSTAHIDE_MEMORY", "10K")
    with pytest.raises(InstaHideError, match="reading 3 images of 32 × 32 pixels needs about"):
        read(tmp_path)


def test_progress_is_shown(tmp_path, capsys):
    for number in range(3):
        save(tmp_path / f"{number}.png")
    read(tmp_path)
    assert "reading images" in capsys.readouterr().err
    assert Path(tmp_path, "0.png").exists()
