import logging
import os
import shutil

import cv2
import numpy as np
import pytest

from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.photos.labelled import read_class_folders

IMAGES = np.zeros((3, 4, 5, 3), np.uint8)
CLASSES = np.array([0, 1, 1])
RANDOM = np.random.default_rng(0)


def save_image(path, height=20, width=20, channels=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = RANDOM.integers(0, 256, (height, width, channels), np.uint8)
    assert cv2.imwrite(str(path), image)
    return image


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "mine"
    for class_name in ("dog", "cat"):
        for number in range(10):
            save_image(root / class_name / f"{number}.png")
    return root


def read(folder, **options):
    return read_class_folders(folder, **{"size": 8, "channels": 3} | options)


def test_valid_images_are_accepted():
    LabelledImages(IMAGES, CLASSES, ("cat", "dog", "unseen"))


@pytest.mark.parametrize(
    ("images", "classes", "names", "message"),
    [
        (IMAGES.astype(np.float32), CLASSES, ("a", "b"), "images must be uint8"),
        (IMAGES[0], CLASSES, ("a", "b"), "images must be uint8 of shape"),
        (IMAGES[:0], CLASSES[:0], ("a", "b"), "images must be uint8 of shape"),
        (IMAGES[..., :2], CLASSES, ("a", "b"), "1 or 3 channels, not 2"),
        (IMAGES, CLASSES.astype(np.int32), ("a", "b"), "classes must be int64"),
        (IMAGES, CLASSES[:2], ("a", "b"), r"classes must be int64 of shape \(3,\)"),
        (IMAGES, CLASSES, ["a", "b"], "must be a tuple"),
        (IMAGES, CLASSES, ("a", ""), "non-empty"),
        (IMAGES, CLASSES, ("a", 1), "non-empty"),
        (IMAGES, CLASSES, ("a", "a"), "unique"),
        (IMAGES, CLASSES, ("a",), r"classes must lie in \[0, 1\).*found 0 to 1"),
        (IMAGES, CLASSES - 1, ("a", "b"), "found -1 to 0"),
    ],
)
def test_inconsistent_images_are_refused(images, classes, names, message):
    with pytest.raises(InstaHideError, match=message):
        LabelledImages(images, classes, names)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("a.png",), "3 images and the names of 1 files"),
        (["a.png"] * 3, "a tuple of non-empty texts"),
        (("a.png", "b.png", ""), "a tuple of non-empty texts"),
        (("a.png", "b.png", 3), "a tuple of non-empty texts"),
        (("a.png", "b.png", "c\nd.png"), "not plain UTF-8 text in one line"),
        (("a.png", "b.png", "c\udcff.png"), "not plain UTF-8 text in one line"),
    ],
)
def test_names_of_files_that_are_none_are_refused(files, message):
    with pytest.raises(InstaHideError, match=message):
        LabelledImages(IMAGES, CLASSES, ("a", "b"), files)


def test_images_at_places_keep_their_files():
    images = LabelledImages(IMAGES, CLASSES, ("a", "b"), ("a/1.png", "b/二.png", "b/3.png"))
    found = images.at(np.array([2, 0]))
    assert found.files == ("b/3.png", "a/1.png")
    assert found.classes.tolist() == [1, 0] and found.class_names == ("a", "b")
    assert LabelledImages(IMAGES, CLASSES, ("a", "b")).at(np.array([1])).files == ()


def test_images_are_named_after_their_files(folder):
    (folder / "dog" / "broken.jpg").write_bytes(b"no photo")
    files = read(folder).files
    assert files == tuple(
        f"{name}/{number}.png" for name in ("cat", "dog") for number in range(10)
    )


def test_folders_become_classes_in_the_order_of_their_names(folder):
    images = read(folder)
    assert images.class_names == ("cat", "dog")
    assert images.images.shape == (20, 8, 8, 3)
    assert images.classes.tolist() == [0] * 10 + [1] * 10


def test_grey_images_can_be_asked_for(folder):
    assert read(folder, channels=1).images.shape == (20, 8, 8, 1)


def test_images_are_cropped_to_their_middle_and_averaged(tmp_path):
    image = save_image(tmp_path / "mine" / "a" / "wide.png", 16, 21)
    middle = image[:, 2:18, ::-1].reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
    found = read(tmp_path / "mine").images[0]
    assert np.abs(found - middle).max() <= 0.5


def test_an_image_of_the_right_size_is_kept_as_it_is(tmp_path):
    image = save_image(tmp_path / "mine" / "a" / "exact.png", 8, 8)
    np.testing.assert_array_equal(read(tmp_path / "mine").images[0], image[..., ::-1])


def test_unusable_images_are_skipped_and_counted(folder, caplog):
    save_image(folder / "cat" / "small.png", 7, 30)
    (folder / "dog" / "broken.jpg").write_bytes(b"no photo")
    with caplog.at_level(logging.WARNING):
        assert len(read(folder).images) == 20
    assert "skipped 2 of 22 images (1 tiny, 1 unreadable)" in caplog.text
    assert "cat/small.png" in caplog.text


def test_too_many_unusable_images_are_refused(folder):
    for number in range(3):
        save_image(folder / "cat" / f"grey{number}.png", channels=1)
    with pytest.raises(InstaHideError, match=r"skipped 3 of 23 images \(3 grey\).*At most 10%"):
        read(folder)


def test_a_refusal_says_what_to_do_about_the_commonest_reason(folder):
    (folder / "cat" / "broken.jpg").write_bytes(b"no photo")
    for number in range(2):
        image = np.zeros((20, 20, 3), np.uint16)
        assert cv2.imwrite(str(folder / "dog" / f"deep{number}.png"), image)
    with pytest.raises(
        InstaHideError,
        match=r"dog/deep0\.png: has 16 bits .* reason is depth: convert to 8 bits per sample",
    ):
        read(folder)


@pytest.mark.parametrize("name", ["a\nb", os.fsdecode(b"a\xff")])
def test_names_of_classes_are_a_line_of_text(folder, name):
    (folder / name).mkdir()
    with pytest.raises(InstaHideError, match=r"the class folder a\\x(0ab|ff) holds no images"):
        read(folder)
    shutil.copy(folder / "cat" / "1.png", folder / name)
    with pytest.raises(InstaHideError, match=r"'a\\x(0ab|ff)/1\.png'.*rename it"):
        read(folder)


def test_images_outside_class_folders_are_refused(folder):
    save_image(folder / "stray.png")
    with pytest.raises(InstaHideError, match=r"stray\.png itself; put each image"):
        read(folder)


def test_an_empty_class_folder_is_refused(folder):
    (folder / "bird").mkdir()
    with pytest.raises(InstaHideError, match="the class folder bird holds no images"):
        read(folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InstaHideError, match="holds no photos"):
        read(tmp_path)
