"""What trains never tests, whatever it is read from."""

import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_cifar10 import GOOD, META, make_batch, make_tar, save

from instahide.errors import InstaHideError
from instahide.files import save_npz
from instahide.photos.split import load_split, save_split
from instahide.photos.splitting import make_split, read_split, split_images, split_parties
from instahide.randomness.keystream import Key

KEY = Key.from_seed(0)


@given(train=st.integers(1, 60), test=st.integers(1, 60), seed=st.integers(0, 99))
def test_splits_are_disjoint_seeded_and_of_their_sizes(train, test, seed):
    split = split_images(130, train=train, test=test, key=Key.from_seed(seed))
    assert (len(split.train), len(split.test)) == (train, test)
    both = {*split.train.tolist(), *split.test.tolist()}
    assert len(both) == train + test and both <= set(range(130))
    again = split_images(130, train=train, test=test, key=Key.from_seed(seed))
    assert all((one == two).all() for one, two in zip(split, again, strict=True))


@pytest.mark.parametrize(("train", "test"), [(0, 1), (1, 0), (6, 5)])
def test_more_than_there_are_is_refused(train, test):
    with pytest.raises(InstaHideError, match="10 there are"):
        split_images(10, train=train, test=test, key=KEY)


@given(places=st.integers(1, 60), parties=st.integers(1, 60))
def test_parts_are_disjoint_and_equally_large(places, parties):
    numbers = np.arange(100, 100 + places)
    if parties > places:
        with pytest.raises(InstaHideError, match=f"{places} images for {parties} parties"):
            split_parties(numbers, parties)
        return
    parts = split_parties(numbers, parties)
    assert [len(part) for part in parts] == [places // parties] * parties
    shared = np.concatenate(parts)
    assert len(np.unique(shared)) == len(shared) > places - parties
    assert np.isin(shared, numbers).all()


def pixels(images):
    return sorted(map(bytes, images.images))


@pytest.mark.parametrize(
    ("counts", "sizes"), [((None, None), (8, 1)), ((5, None), (5, 4)), ((None, 3), (6, 3))]
)
def test_cifars_training_images_are_split(counts, sizes, tmp_path):
    split = read_split(save(tmp_path, make_tar(GOOD)), (32, 3), "drawn", counts, KEY)
    assert (len(split.train.images), len(split.test.images)) == sizes
    assert not set(pixels(split.train)) & set(pixels(split.test))


def test_cifars_test_batch_tests_where_it_is_asked_for(tmp_path):
    path = save(tmp_path, make_tar(GOOD))
    split = read_split(path, (32, 3), "given", (None, None), KEY)
    assert len(split.train.images) == 9
    planes = make_batch(3)[:, 1:].reshape(3, 3, 32, 32)
    assert np.array_equal(split.test.images, planes.transpose(0, 2, 3, 1))
    assert split.test.classes.tolist() == make_batch(3)[:, 0].tolist()
    assert split.train.class_names == tuple(META.decode().split())
    fewer = read_split(path, (32, 3), "given", (4, 2), KEY)
    assert set(pixels(fewer.train)) < set(pixels(split.train))
    assert len(fewer.test.images) == 2
    with pytest.raises(InstaHideError, match="4 images of 'test', which has 3"):
        read_split(path, (32, 3), "given", (4, 4), KEY)


def test_an_archive_without_a_test_batch_says_so(tmp_path):
    members = [member for member in GOOD if member[0] != "test_batch.bin"]
    with pytest.raises(InstaHideError, match=r"holds no test_batch\.bin"):
        path = save(tmp_path, make_tar(members))
        read_split(path, (32, 3), "given", (None, None), KEY)


def folders(root, parts):
    """Write noise, a few images of each class, below folders."""
    generator = np.random.default_rng(0)
    for part, count in parts.items():
        for name in ("bird", "cat"):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                noise = generator.integers(0, 256, (12, 12, 3), np.uint8)
                Image.fromarray(noise).save(root / part / name / f"{number}.png")
    return root


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_folders_that_keep_images_apart(packed, tmp_path):
    source = folders(tmp_path / "mine", {"train": 4, "test": 3})
    whole = source
    if packed:
        whole = tmp_path / "mine.zip"
        with zipfile.ZipFile(whole, "w") as archive:
            for path in sorted(source.rglob("*.png")):
                archive.write(path, path.relative_to(source))
    split = read_split(whole, (12, 3), "given", (None, None), KEY)
    for name, count in (("train", 8), ("test", 6)):
        part = getattr(split, name)
        own = read_split(source / name, (12, 3), "drawn", (None, 1), KEY)
        assert len(part.images) == count and part.class_names == ("bird", "cat")
        assert set(pixels(own.train)) < set(pixels(part))


def test_folders_without_parts_and_other_classes_are_refused(tmp_path):
    plain = folders(tmp_path / "plain", {"": 3})
    with pytest.raises(InstaHideError, match="no photos in a folder 'train'"):
        read_split(plain, (12, 3), "given", (None, None), KEY)
    parted = folders(tmp_path / "parted", {"train": 3, "test": 3})
    with pytest.raises(InstaHideError, match="write split: given"):
        read_split(parted, (12, 3), "drawn", (None, None), KEY)
    uneven = folders(tmp_path / "uneven", {"train": 3, "test": 3})
    (uneven / "test/cat").rename(uneven / "test/dog")
    with pytest.raises(InstaHideError, match="the class cat is in one of"):
        read_split(uneven, (12, 3), "given", (None, None), KEY)
    with pytest.raises(InstaHideError, match="does not exist"):
        read_split(tmp_path / "none", (12, 3), "drawn", (None, None), KEY)


def test_what_is_written_is_read_and_kept_from_others(tmp_path):
    source = folders(tmp_path / "mine", {"": 5})
    settings = {"shape": (12, 3), "how": "drawn", "counts": (6, 3), "seed": 1}
    out, about = tmp_path / "labelled.npz", tmp_path / "data.json"
    make_split(out, about, source, **settings)
    read = load_split(out)
    made = read_split(source, (12, 3), "drawn", (6, 3), Key.from_seed(1))
    for name in ("train", "test"):
        assert np.array_equal(getattr(read, name).images, getattr(made, name).images)
        assert np.array_equal(getattr(read, name).classes, getattr(made, name).classes)
        assert getattr(read, name).files == getattr(made, name).files != ()
    assert out.stat().st_mode & 0o777 == 0o600
    assert '"test_also_in_train": 0' in about.read_text(encoding="utf-8")


def test_an_image_that_is_there_twice_is_told(tmp_path, caplog):
    source = folders(tmp_path / "mine", {"": 2})
    for number in range(9):
        (source / f"cat/copy{number}.png").write_bytes((source / "cat/0.png").read_bytes())
    settings = {"shape": (12, 3), "how": "drawn", "counts": (None, None), "seed": 0}
    make_split(tmp_path / "a.npz", tmp_path / "a.json", source, **settings)
    assert "are among those that train, pixel by pixel" in caplog.text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays.pop("test_images"),
        lambda arrays: arrays.update(test_classes=np.array([7])),
        lambda arrays: arrays.update(class_names=np.array([1, 2])),
        lambda arrays: arrays.update(train_files=np.array([1, 2])),
        lambda arrays: arrays.update(test_files=np.array(["one.png", "two.png"])),
        lambda arrays: arrays.update(train_images=np.zeros((2, 4, 4, 3))),
    ],
)
def test_damaged_files_end_in_a_sentence(spoil, tmp_path):
    path = tmp_path / "labelled.npz"
    split = read_split(folders(tmp_path / "mine", {"": 2}), (12, 3), "drawn", (3, 1), KEY)
    save_split(path, split)
    with np.load(path) as arrays:
        arrays = dict(arrays)
    spoil(arrays)
    save_npz(path, arrays)
    with pytest.raises(InstaHideError, match=r"labelled\.npz"):
        load_split(path)
