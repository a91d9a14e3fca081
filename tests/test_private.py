import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instahide.challenge.private import (
    load_private,
    load_selection,
    private_digest,
    save_private,
)
from instahide.challenge.selection import read_labelled, select
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
