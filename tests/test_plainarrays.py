"""Arrays of damaged and hostile files: read as NumPy reads them, or refused in a sentence."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.attacks.prng.seedsearch import load_labels
from instahide.attacks.unmixing.state import Assignment, State
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.files import load_npy, load_npz

ARRAYS = {
    "floats": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32),
    "bytes": np.arange(60, dtype=np.uint8).reshape(5, 4, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype=">i8").reshape(2, 3)),
    "names": np.array(["cat", "Çiğ", "狗"]),
    "truth": np.array([True, False]),
    "number": np.float64(2.5),
    "nothing": np.empty((0, 3), np.int64),
}


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=True)
    return file.getvalue()


def npy_with(descr="<f4", shape="(4, 3)", data=b"\0" * 48):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def npz(arrays, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in arrays.items():
            content = content if isinstance(content, bytes) else npy(content)
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_hold_what_numpy_wrote(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    found = load_npz(tmp_path / "a.npz", list(ARRAYS))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
        assert found[name].dtype.str == array.dtype.str


@pytest.mark.parametrize("name", ARRAYS)
def test_files_hold_what_numpy_wrote(tmp_path, name):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    found = load_npy(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, ARRAYS[name], strict=True)
    assert isinstance(found, np.memmap) or not found.size


BAD_ARRAYS = [
    (b"", "ends too early"),
    (b"\x80\x04\x95 a pickle", "not a readable .npy file"),
    (npy(np.array([None])), "holds the type '|O'"),
    (npy(np.zeros(2, [("a", "<f4")])), "no header of a plain array"),
    (npy(np.zeros(2, "V4")), "holds the type"),
    (npy_with(shape="(" + "9" * 18 + ",)"), "bytes, but an array"),
    (npy_with(shape="(4, 3" + "0" * 17 + ")"), "bytes, but"),
    (npy_with(shape="(-4, -3)"), "no header"),
    (npy_with(shape="(" * 500), "no header"),
    (npy_with(shape="'''"), "no header"),
    (npy_with("<U0", "(" + "9" * 18 + ",)", b""), "holds the type '<U0'"),
    (npy_with("<f3"), "holds the type '<f3'"),
    (npy_with(data=bytes(47)), "bytes, but"),
    (npy_with(data=bytes(49)), "bytes, but"),
    (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header of 4294967295 bytes"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ARRAYS)
def test_what_is_no_plain_array_is_refused(tmp_path, content, message):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InstaHideError, match=f"a.npy.*{message}"):
        load_npy(tmp_path / "a.npy")
    (tmp_path / "a.npz").write_bytes(npz({"x": content}))
    with pytest.raises(InstaHideError, match=f"x.npy in .*a.npz.*{message}"):
        load_npz(tmp_path / "a.npz", ["x"])


def huge(content, size=2**40):
    """The same archive, whose directory claims that its first member has `size` bytes."""
    content, start = bytearray(content), content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, start + 24, min(size, 2**32 - 2))
    return bytes(content)


BAD_ARCHIVES = [
    (b"PK\x03\x04", "not a readable .npz file"),
    (npy(ARRAYS["floats"]), "not a readable .npz file"),
    (npz({"y": ARRAYS["floats"]}), "lacks the array 'x'"),
    (npz({"x": ARRAYS["floats"]}, zipfile.ZIP_LZMA), "packed in a way"),
    (huge(npz({"x": npy_with(shape=f"({2**29},)")})), "claims 4294967294 bytes, more than"),
    (npz({"x": npy_with("<U3", "(4,)", b"\xff" * 48)}), "holds text that is none"),
    (npz({"x": npy_with("<U1", "(1,)", b"\x00\xd8\x00\x00")}), "holds text that is none"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ARCHIVES)
def test_what_is_no_archive_of_arrays_is_refused(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InstaHideError, match=f"a.npz.*{message}"):
        load_npz(tmp_path / "a.npz", ["x"])


def test_damaged_bytes_of_an_array_do_not_pass(tmp_path):
    content = npz({"x": np.zeros(1000)}, zipfile.ZIP_STORED)
    at = content.index(b"\n") + 500
    (tmp_path / "a.npz").write_bytes(content[:at] + b"\1" + content[at + 1 :])
    with pytest.raises(InstaHideError, match="Bad CRC"):
        load_npz(tmp_path / "a.npz", ["x"])


@pytest.mark.parametrize("load", [load_npy, lambda path: load_npz(path, ["x"])])
def test_what_is_no_file_is_named(tmp_path, load):
    with pytest.raises(InstaHideError, match="nowhere does not exist"):
        load(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / ("a" * 5000)):
        with pytest.raises(InstaHideError, match=r"is (no|not a readable) "):
            load(path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "theirs"


GOOD = {
    "truth": {
        "pairs": np.array([[0, 1], [1, 2], [2, 0]]),
        "public": np.array([[4, 5], [6, 7], [8, 9]]),
        "coefficients": np.full((3, 4), 0.25),
    },
    "private": {
        "images": np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3),
        "classes": np.array([0, 0, 1, 1]),
        "class_names": np.array(["cat", "ship"]),
    },
    "assignment": {
        "members": np.array([[0, 1], [1, -1]]),
        "weights": np.full((2, 2), 0.5, np.float32),
    },
}
GOOD["state"] = GOOD["assignment"] | {
    "images": np.zeros((3, 5), np.float32),
    "level": np.ones(2, np.float32),
    "unmasked": np.zeros((2, 5), np.float32),
}
READERS = {
    "truth": load_plan,
    "private": load_private,
    "assignment": Assignment.load,
    "state": State.load,
}
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 4),
        st.binary(max_size=4) | st.sampled_from([b"PK\x01\x02", b"\xff" * 8, b"((((", b"'''"]),
    ),
    min_size=1,
    max_size=4,
)


def edited(content, edits):
    """Replace a few bytes here and there; places are given as shares of the length."""
    content = bytearray(content)
    for place, count, insertion in edits:
        at = int(place * len(content))
        content[at : at + count] = insertion
    return bytes(content)


def survives(read, path, content):
    """Read a file: a result or one sentence, in little memory."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        read(path)
    except InstaHideError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2 << 20


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@settings(max_examples=150, deadline=None)
@given(edits=EDITS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_mutated_archives_end_in_a_sentence_or_a_result(scratch, kind, compression, edits):
    survives(READERS[kind], scratch, edited(npz(GOOD[kind], compression), edits))


@pytest.mark.parametrize("read", [load_npy, load_labels])
@settings(max_examples=300, deadline=None)
@given(edits=EDITS, name=st.sampled_from(list(ARRAYS)))
def test_mutated_arrays_end_in_a_sentence_or_a_result(scratch, read, edits, name):
    survives(read, scratch, edited(npy(ARRAYS[name]), edits))


OTHERS = st.sampled_from([*ARRAYS.values(), np.full((3, 2), np.nan), np.zeros((3, 2, 1), int)])


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=50, deadline=None)
@given(data=st.data(), array=OTHERS)
def test_archives_of_other_arrays_end_in_a_sentence_or_a_result(scratch, kind, data, array):
    name = data.draw(st.sampled_from(list(GOOD[kind])))
    survives(READERS[kind], scratch, npz(GOOD[kind] | {name: array}))
