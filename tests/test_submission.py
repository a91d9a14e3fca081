import io
import os
import stat
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.errors import InstaHideError
from instahide.scoring.submission import Submission, read_submission

SHAPE = (4, 8, 8, 3)
ARRAY = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)


def npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), **options)
    return file.getvalue()


def npy_with(header, version=1):
    """A .npy file with any header text."""
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return (
        b"\x93NUMPY" + bytes([version, 0]) + length + header.encode("latin-1") + ARRAY.tobytes()
    )


NPY = npy(ARRAY)
PLAIN = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 8, 8, 3), }"


def zipped(members, compression=zipfile.ZIP_DEFLATED, comment=b""):
    """A zip of (name or ZipInfo, content) pairs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = comment
    return file.getvalue()


def entry(name, *, mode=0, method=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, method
    return info


MEMBERS = [("decryption.npy", NPY), ("description.txt", "mean image"), ("src/run.py", "pass")]
ZIP = zipped(MEMBERS)


@pytest.fixture
def read(tmp_path):
    def read(content, name="theirs.zip", shape=SHAPE):
        (tmp_path / name).write_bytes(content)
        return read_submission(tmp_path / name, shape=shape)

    return read


# What is accepted.


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_files(read, dtype, order, version):
    array = np.asarray(ARRAY, dtype, order=order)
    result = read(npy(array, version=version), "theirs.npy")
    assert result.decryption.dtype == np.float32
    assert result.decryption.flags.c_contiguous
    np.testing.assert_array_equal(result.decryption, array.astype(np.float32))
    assert (result.description, result.members) == (None, ())


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_several_chunks(read, order):
    array = np.random.default_rng(1).uniform(-1, 1, (50, 32, 32, 3)).astype("<f8", order=order)
    result = read(npy(array), "theirs.npy", shape=array.shape)
    np.testing.assert_array_equal(result.decryption, array.astype(np.float32))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr':'<f4','fortran_order':False,'shape':(4,8,8,3)}",
        "{'shape': (4, 8, 8, 3), 'fortran_order': False, 'descr': '<f4'}" + " " * 500 + "\n",
    ],
)
def test_headers_of_other_writers(read, header):
    np.testing.assert_array_equal(read(npy_with(header)).decryption, ARRAY)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["", "mine/"])
def test_zips(read, compression, folder):
    members = [(folder + name, content) for name, content in MEMBERS]
    members += [("empty/", ""), ("__MACOSX/._decryption.npy", "x")]
    result = read(zipped(members, compression, comment=b"made by hand"))
    np.testing.assert_array_equal(result.decryption, ARRAY)
    assert result.description == "mean image"
    assert result.members[:3] == tuple(name for name, _ in members[:3])
    assert "empty" not in result.members


def test_a_constant_decryption_may_be_packed_very_tightly(read):
    shape = (200, 32, 32, 3)
    content = zipped([("decryption.npy", npy(np.zeros(shape, np.float32)))])
    assert len(content) * 500 < 200 * 32 * 32 * 3 * 4
    assert not read(content, shape=shape).decryption.any()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"description.pdf": "x"}, None),
        ({"README.md": "lower", "a/DESCRIPTION.md": "deeper"}, "lower"),
        ({"readme": "later", "Description.rst": "first"}, "first"),
        ({"readme.md": "a\r\n\tb\x1b[31m\x00\u202e"}, "a\n\tb[31m"),
        ({"readme.md": b"\xffx"}, "\ufffdx"),
    ],
)
def test_descriptions(read, files, expected):
    assert read(zipped([*files.items(), MEMBERS[0]])).description == expected


def test_numbers_too_large_for_float32_become_infinite(read):
    array = ARRAY.astype(np.float64)
    array[0, 0, 0, 0] = 1e300
    assert np.isinf(read(npy(array)).decryption[0, 0, 0, 0])


# What is refused, each in one sentence that names the file.


def refused(read, content, says, name="theirs.zip"):
    with pytest.raises(InstaHideError, match=f"(?s)theirs.*{says}") as caught:
        read(content, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (ARRAY.transpose(0, 3, 1, 2).copy(), "channels last"),
        (ARRAY.transpose(3, 1, 2, 0), "axes are in another order"),
        (ARRAY.T, "axes are in another order"),
        (ARRAY[:3], "one image is expected for each of the 4"),
        (ARRAY.reshape(4, -1), "reshape"),
        (ARRAY[..., 0], r"has the shape \(4, 8, 8\), not \(4, 8, 8, 3\)"),
        (np.float32(1), r"has the shape \(\)"),
        (ARRAY.astype(np.uint8), "holds the type '|u1'"),
        (ARRAY.astype(np.int64), "holds the type '<i8'"),
        (ARRAY.astype(np.complex64), "holds the type '<c8'"),
        (ARRAY.astype("S4"), "holds the type"),
        (np.zeros(SHAPE, "V4"), "holds the type"),
        (np.zeros(SHAPE, [("a", "<f4")]), "no header of a plain array"),
        (np.empty(SHAPE, object), "holds the type '|O'"),
    ],
)
def test_other_arrays(read, array, says):
    refused(read, npy(array), says, "theirs.npy")
    refused(read, zipped([("decryption.npy", npy(array))]), says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "neither"),
        (b"\x80\x04\x95", "neither"),  # a pickle
        (NPY[:4], "ends too early"),
        (NPY[:9], "ends too early"),
        (NPY[:50], "ends too early"),
        (NPY[:-1], r"has 3199 bytes, but .* has 3200"),
        (NPY + b"\0", "has 3201 bytes"),
        (b"\x93NUMPX\x01\x00" + NPY[8:], "version 1, 2 or 3"),
        (b"\x93NUMPY\x04\x00" + NPY[8:], "version 1, 2 or 3"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + NPY[10:], "header of 4294967295 bytes"),
        (npy_with(PLAIN + " " * 2000), "header of 2065 bytes"),
        (npy_with("[" * 1000), "no header"),
        (npy_with("-" * 1000 + "1"), "no header"),
        (npy_with("__import__('os').abort()"), "no header"),
        (npy_with(PLAIN + "+[]"), "no header"),
        (npy_with(PLAIN.replace("'shape'", "'descr'")), "no header"),
        (npy_with(PLAIN.replace("False", "(1,)")), "no header"),
        (npy_with(PLAIN.replace("(4, 8, 8, 3)", "True")), "no header"),
        (npy_with(PLAIN.replace("8, 8", "-8, -8")), "no header"),
        (npy_with(PLAIN.replace("4,", "٤,".encode().decode("latin-1"))), "no header"),
        (npy_with(PLAIN.replace("(4", "(" + "9" * 18)), "one image is expected"),
        (npy_with(PLAIN.replace("'<f4'", "'<f8'")), "bytes, but"),
        (npy_with(" " * 1000), "no header"),
        (npy_with("{" + " " * 450 + "'descr'" + " " * 500), "no header"),
    ],
)
def test_damaged_and_hostile_npy(read, content, says):
    refused(read, content, says, "theirs.npy")


LINK, DEVICE = stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([("run.py", "")], "no files named decryption.npy"),
        ([("arr_0.npy", NPY)], "no files named"),
        ([*MEMBERS, ("old/decryption.npy", NPY)], "2 files named"),
        ([("decryption.npy/", "")], "no files named"),
        ([*MEMBERS, ("../evil.py", "")], "leads out"),
        ([*MEMBERS, ("a/../../evil.py", "")], "leads out"),
        ([*MEMBERS, ("/etc/passwd", "")], "leads out"),
        ([*MEMBERS, ("C:\\evil.py", "")], "leads out"),
        ([*MEMBERS, ("..\\evil.py", "")], "leads out"),
        ([*MEMBERS, ("a\x1b[2J", "")], "rename it"),
        ([*MEMBERS, ("a" * 301, "")], "name longer than 300"),
        ([*MEMBERS, (entry("link", mode=LINK), "/etc/passwd")], "'link', which is a link"),
        ([(entry("decryption.npy", mode=LINK), NPY)], "is a link"),
        ([*MEMBERS, (entry("null", mode=DEVICE), "")], "is a link or a device"),
        ([(entry("decryption.npy", method=zipfile.ZIP_BZIP2), NPY)], "compression"),
        ([(entry("decryption.npy", method=zipfile.ZIP_LZMA), NPY)], "compression"),
        ([*MEMBERS, ("./src/run.py", "")], "'src/run.py' more than once"),
        ([*MEMBERS, ("zeros", bytes(3 << 20))], "'zeros', which grows more than 200 times"),
        ([("decryption.npy", bytes(1 << 24))], "claims 16777216 bytes"),
        ([("decryption.npy", NPY[:-1])], "has 3199 bytes"),
        ([("decryption.npy", b"PK\x03\x04")], "ends too early"),
        ([*MEMBERS, ("readme", "x" * 70_000), ("a", "")][1:], "no files named"),
        ([MEMBERS[0], ("readme", "x" * 70_000)], "description 'readme' of more than 65536"),
        ([*MEMBERS, *((str(i), "") for i in range(1000))], "1003 members"),
        ([*MEMBERS, *((f"{i:0200}", "") for i in range(2000))], "table of contents"),
    ],
)
def test_hostile_zips(read, members, says):
    refused(read, zipped(members), says)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names(read):
    refused(read, zipped([MEMBERS[0], MEMBERS[0]]), "'decryption.npy' more than once")


def test_all_members_together_are_bounded(read, monkeypatch):
    monkeypatch.setattr("instahide.scoring.submission.MAX_OTHERS", 1000)
    noise = np.random.default_rng(2).bytes(600)
    refused(read, zipped([*MEMBERS, ("a", noise), ("b", noise)]), "would unpack to 1214 bytes")


def changed(content, member, *, local=(), central=()):
    """Overwrite fields, given as (offset, format, value), in a member's two headers."""
    content = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start, offset = archive.start_dir, archive.getinfo(member).header_offset
        for info in archive.infolist():
            if info.filename == member:
                break
            start += 46 + len(info.filename) + len(info.extra) + len(info.comment)
    for base, fields in ((offset, local), (start, central)):
        for field, form, value in fields:
            struct.pack_into(form, content, base + field, value)
    return bytes(content)


@pytest.mark.parametrize(
    ("local", "central", "says"),
    [
        ([(6, "<H", 1)], [(8, "<H", 1)], "is encrypted"),
        ([(6, "<H", 0x40)], [(8, "<H", 0x40)], "is encrypted"),
        ([], [(24, "<I", 0xFFFFFF0)], "claims 268435440 bytes"),
        ([], [(24, "<I", 3100)], "damaged zip"),
        ([], [(24, "<I", 3201)], "has 3201 bytes, but"),
        ([], [(16, "<I", 12345)], r"damaged zip \(Bad CRC"),
        ([], [(20, "<I", 10_000)], "overlap"),
        ([], [(20, "<I", 40)], "damaged zip"),
        ([(0, "<I", 0)], [], "neither"),
        ([(26, "<H", 60_000)], [], "damaged zip"),
        ([(30, "<B", 65)], [], "damaged zip"),
        ([], [(42, "<I", 0xFFFFFFF0)], "damaged zip|overlap"),
        ([(30 + 14, "<Q", 2**64 - 1)], [], "damaged zip"),
    ],
)
def test_zips_whose_headers_lie(read, local, central, says):
    refused(read, changed(ZIP, "decryption.npy", local=local, central=central), says)


def test_members_without_a_name(read):
    content = zipped([*MEMBERS, ("a", "")])
    # The byte of the name becomes one of an extra field.
    nameless = {"local": [(26, "<H", 0), (28, "<H", 1)], "central": [(28, "<I", 1 << 16)]}
    refused(read, changed(content, "a", **nameless), "has a member without a name")
    refused(read, zipped([*MEMBERS, (".", "")]), "has a member without a name")


def test_members_that_share_bytes(read):
    content = zipped([("decryption.npy", NPY), ("other", NPY)])
    shared = changed(content, "other", central=[(42, "<I", 0)])
    refused(read, shared, "overlap")


@pytest.mark.parametrize("cut", [4, 30, 200, len(ZIP) - 22, len(ZIP) - 1])
def test_zips_cut_short(read, cut):
    refused(read, ZIP[:cut], "damaged zip")


def test_what_is_no_file(tmp_path):
    for name, says in (("none.npy", "does not exist"), ("folder", "is not a file")):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(InstaHideError, match=f"{name} {says}"):
            read_submission(tmp_path / name, shape=SHAPE)
    with pytest.raises(InstaHideError, match=r"cannot read .*aaa: File name too long"):
        read_submission(tmp_path / ("a" * 5000), shape=SHAPE)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InstaHideError, match="is not a file"):
        read_submission(tmp_path / "pipe", shape=SHAPE)


# Anything at all: an error or a valid result, within a bound of memory.


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "theirs"


def survives(path, content):
    path.write_bytes(content)
    try:
        result = read_submission(path, shape=SHAPE)
    except InstaHideError as error:
        assert str(path) in str(error)
    else:
        assert isinstance(result, Submission)
        assert (result.decryption.shape, result.decryption.dtype) == (SHAPE, np.float32)


def memory_for(path, content):
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    survives(path, content)
    return tracemalloc.get_traced_memory()[1] - before


def mutate(content, rng):
    """Flip, overwrite, cut, insert, repeat or splice a few times, preferably in headers."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        places = len(content) + 1
        edge = rng.integers(0, min(places, 200)) * rng.choice([1, -1])
        place = int(rng.choice([edge % places, rng.integers(places)]))
        length = int(rng.integers(1, rng.choice([3, 40, 400])))
        other = (NPY, ZIP)[rng.integers(2)]
        begin = int(rng.integers(len(other)))
        interesting = [b"\0", b"\xff", b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\x7f"]
        insertions = (
            rng.bytes(length),
            interesting[rng.integers(len(interesting))] * int(rng.integers(1, 4)),
            bytes(content[place : place + length]) * 2,
            other[begin : begin + length],
            b"",
        )
        insertion = insertions[rng.integers(len(insertions))]
        replaced = int(rng.choice([0, len(insertion), length]))
        content[place : place + replaced] = insertion
    return bytes(content)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("seed", range(6))
def test_mutated_files_end_in_an_error_or_a_result(scratch, seed):
    rng = np.random.default_rng(seed)
    stored = zipped(MEMBERS, zipfile.ZIP_STORED, comment=b"comment")
    sources = [NPY, npy(ARRAY.astype("<f8", order="F")), ZIP, stored]
    tracemalloc.start()
    try:
        for turn in range(1000):
            content = mutate(sources[turn % len(sources)], rng)
            # Whatever else runs meanwhile takes memory once; a file takes it each time.
            assert any(memory_for(scratch, content) < 2 << 20 for _ in range(3))
    finally:
        tracemalloc.stop()


@settings(max_examples=300, deadline=None)
@given(
    header=st.text(
        "{}()[]'\": ,0123456789<>|=fuOVdescrfortran_ordershapeTrueFalse-+\\\n", max_size=200
    )
    | st.builds(
        "{{'descr': {}, 'fortran_order': {}, 'shape': {}}}".format,
        st.sampled_from(
            ["'<f4'", "'|O'", "[('a', '<f4')]", "('<f4', (2,))", "'<f4,<f4'", "None"]
        ),
        st.sampled_from(["True", "False", "0", "'True'"]),
        st.lists(st.sampled_from([-1, 0, 4, 8, 3, 2**31, 2**63, 10**30]), max_size=6).map(
            lambda sides: str(tuple(sides))
        ),
    ),
    version=st.sampled_from([1, 2, 3]),
)
def test_invented_headers_end_in_an_error_or_a_result(scratch, header, version):
    survives(scratch, npy_with(header, version))


def test_memory_is_the_array_and_little_more(tmp_path):
    shape = (400, 32, 32, 3)
    array = np.random.default_rng(3).uniform(-1, 1, shape).astype("<f8", order="F")
    path = tmp_path / "large"
    for content in (npy(array), zipped([("decryption.npy", npy(array))])):
        path.write_bytes(content)
        tracemalloc.start()
        try:
            result = read_submission(path, shape=shape)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < result.decryption.nbytes + (1 << 20)


def test_a_directory_of_millions_of_members_takes_little_memory(tmp_path):
    record = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *[0] * 9, 1, *[0] * 6) + b"a"
    directory = record * 200_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 4, 0)
    path = tmp_path / "theirs.zip"
    path.write_bytes(b"PK\x03\x04" + directory + end)
    tracemalloc.start()
    try:
        with pytest.raises(InstaHideError, match="table of contents"):
            read_submission(path, shape=SHAPE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20
