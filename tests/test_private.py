import hashlib
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instahide.challenge.making import make_challenge
from instahide.challenge.private import (
    load_private,
    load_selection,
    private_digest,
    save_private,
)
from instahide.challenge.selection import read_labelled, select
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.files import sha256_of_arrays
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key

STREAM = Key.from_seed(3).stream("private")


def test_selection_is_stratified_in_class_order_and_seeded(private):
    chosen = select(private, 10, STREAM)
    assert chosen.classes.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert len(np.unique(chosen.images, axis=0)) == 10
    assert np.array_equal(chosen.images, select(private, 10, STREAM).images)
    other = select(private, 10, Key.from_seed(4).stream("private"))
    assert not np.array_equal(chosen.images, other.images)


def test_a_class_with_too_few_images_is_named(private):
    with pytest.raises(InstaHideError, match="class 'cat' has 5 images and 6 are needed"):
        select(private, 21, STREAM)
    with pytest.raises(InstaHideError, match="ask for 1 or more"):
        select(private, 0, STREAM)


def test_files_give_back_what_was_saved_and_only_to_the_owner(private, tmp_path):
    path = tmp_path / "set.npz"
    save_private(path, private)
    again = load_private(path)
    assert private_digest(again) == private_digest(private)
    assert again.class_names == private.class_names
    assert path.stat().st_mode & 0o777 == 0o600


def with_files(private):
    files = tuple(
        f"{place}/\u67d0\u4eba \u0645\u0631\u064a\u0645 \U0001f600.png" for place in range(20)
    )
    return replace(private, files=files)


def test_names_of_files_are_selected_with_their_images_and_kept(private, tmp_path):
    chosen = select(with_files(private), 10, STREAM)
    for image, file in zip(chosen.images, chosen.files, strict=True):
        np.testing.assert_array_equal(image, private.images[int(file.split("/")[0])])
    save_private(tmp_path / "set.npz", chosen)
    assert load_private(tmp_path / "set.npz").files == chosen.files


def test_sets_that_do_not_name_their_files_are_still_read(private, tmp_path):
    save_private(tmp_path / "set.npz", private)
    with np.load(tmp_path / "set.npz") as arrays:
        assert "files" not in arrays
    assert load_private(tmp_path / "set.npz").files == ()


def test_names_of_files_do_not_move_the_digest(private):
    named = with_files(private)
    assert private_digest(named) == private_digest(private)
    assert private_digest(named, 1) == private_digest(private, 1)


@pytest.mark.parametrize(
    "files",
    [
        np.arange(20),
        np.array(["a.png"] * 19),
        np.array([["a.png"]] * 20),
        np.array(["a\nb.png"] * 20),
        np.array([""] * 20),
    ],
)
def test_names_of_files_that_are_none_are_refused(files, private, tmp_path):
    arrays = {name: getattr(private, name) for name in ("images", "classes", "class_names")}
    np.savez(tmp_path / "set.npz", **arrays, files=files)
    with pytest.raises(InstaHideError, match=r"set\.npz is no private set"):
        load_private(tmp_path / "set.npz")


def test_names_of_files_are_in_the_secret_part_only(private, pool, tmp_path):
    marked = replace(private, files=tuple(f"Smith-Jane-{place}.png" for place in range(20)))
    save_private(tmp_path / "set.npz", marked)
    key, chosen = Key.from_seed(5), of_scheme(Scheme("inside", k=3, rows_per_image=3))
    make_challenge(tmp_path / "made", tmp_path / "set.npz", None, key, chosen)
    kept = load_private(tmp_path / "made" / "secret" / "private.npz")
    assert kept.files == marked.files
    public = [path for path in (tmp_path / "made").iterdir() if path.is_file()]
    assert {path.name for path in public} >= {"challenge.json", "label.npy", "release.zip"}
    with zipfile.ZipFile(tmp_path / "made" / "release.zip") as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    for content in (*contents, *(path.read_bytes() for path in public)):
        assert b"Smith" not in content
        assert "Smith".encode("utf-32-le") not in content


def test_a_set_says_what_it_was_selected_with_and_not_the_seed(private, tmp_path):
    for kind in ("256 bits", "integer"):
        path = tmp_path / f"{kind}.npz"
        save_private(path, private, kind)
        assert load_selection(path) == kind
        assert private_digest(load_private(path)) == private_digest(private)
    save_private(tmp_path / "old.npz", private)
    assert load_selection(tmp_path / "old.npz") == "unknown"
    odd = {"images": private.images, "selection": np.arange(3)}
    np.savez(tmp_path / "odd.npz", **odd)
    assert load_selection(tmp_path / "odd.npz") == "unknown"


def test_the_digest_tells_sets_apart(private):
    renamed = LabelledImages(private.images, private.classes, ("cat", "dog", "frog", "boat"))
    flipped = LabelledImages(private.images[::-1].copy(), private.classes, private.class_names)
    assert len({private_digest(s) for s in (private, renamed, flipped)}) == 3


def named(names):
    images = np.zeros((len(names), 8, 8, 3), np.uint8)
    return LabelledImages(images, np.zeros(len(names), np.int64), names)


def test_names_that_hold_newlines_are_told_apart():
    sets = [named(names) for names in (("a\nb", "c"), ("a", "b\nc"))]
    assert private_digest(sets[0]) != private_digest(sets[1])
    assert private_digest(sets[0], 1) == private_digest(sets[1], 1)  # as it was


def test_names_of_arrays_cannot_stand_for_other_arrays():
    one, two = np.zeros(1, np.uint8), {"a": np.zeros(0, np.uint8), "b": np.zeros(1, np.uint8)}
    sha256_of_arrays(two)
    with pytest.raises(ValueError, match="no name of an array"):
        sha256_of_arrays({"a:|u1:(0,);b": one})


def test_names_of_classes_that_are_no_utf8_are_refused():
    with pytest.raises(InstaHideError, match=r"'caf\\udce9' is no UTF-8: rename its folder"):
        named(("caf\udce9", "b"))


@given(
    st.lists(
        st.text("ab\n\x01\u00e7", min_size=1, max_size=4), min_size=2, max_size=3, unique=True
    ),
    st.lists(
        st.text("ab\n\x01\u00e7", min_size=1, max_size=4), min_size=2, max_size=3, unique=True
    ),
)
def test_equal_digests_are_of_equal_names(left, right):
    images, classes = np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1, np.int64)
    sets = [LabelledImages(images, classes, tuple(names)) for names in (left, right)]
    assert (private_digest(sets[0]) == private_digest(sets[1])) == (left == right)


def test_the_digest_is_of_the_bytes_that_are_documented(private):
    parts = [
        b"instahide private set 2",
        b"20,8,8,3",
        private.images.tobytes(),
        private.classes.astype("<i8").tobytes(),
        *(b"cat", b"dog", b"frog", b"ship"),
    ]
    content = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    assert private_digest(private) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\x93NUMPY\x01\x00"])
def test_other_files_are_no_private_set(content, tmp_path):
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(InstaHideError, match=r"set\.npz"):
        load_private(path)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, images=np.array([{"a": 1}], dtype=object), classes=[0], class_names=["a"])
    with pytest.raises(InstaHideError, match=r"set\.npz"):
        load_private(path)


def test_sources_that_are_missing_or_of_another_size_are_refused(tmp_path, cifar10_archive):
    with pytest.raises(InstaHideError, match="does not exist"):
        read_labelled(tmp_path / "nothing", size=32, channels=3)
    with pytest.raises(InstaHideError, match="32×32 colour"):
        read_labelled(cifar10_archive, size=28, channels=3)
