import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.errors import InstaHideError
from instahide.photos import cifar10
from instahide.photos.cifar10 import read_cifar10

SHARED = (
    Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar-10-binary-batch1.tar.gz"
)
META = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"
ROOT = "cifar-10-batches-bin/"
RANDOM = np.random.default_rng(0)


def make_batch(count, seed=0):
    rows = np.random.default_rng(seed).integers(0, 256, (count, 3073), np.uint8)
    rows[:, 0] %= 10
    return rows


def make_tar(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", encoding="utf-8") as tar:
        for name, content in members:
            info = tarfile.TarInfo(ROOT + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


BATCHES = {number: make_batch(3, number) for number in (1, 2, 10)}
GOOD = [
    ("data_batch_10.bin", BATCHES[10].tobytes()),
    ("data_batch_1.bin", BATCHES[1].tobytes()),
    ("test_batch.bin", make_batch(3).tobytes()),
    ("readme.html", b"<html>"),
    ("batches.meta.txt", META),
    ("data_batch_2.bin", BATCHES[2].tobytes()),
]


def save(folder, content):
    path = folder / "cifar.tar.gz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["tar.gz", "tar"])
def test_training_batches_are_read_in_their_order(pack, tmp_path):
    read = read_cifar10(save(tmp_path, pack(make_tar(GOOD))))
    rows = np.concatenate([BATCHES[1], BATCHES[2], BATCHES[10]])
    assert read.class_names == tuple(META.decode().split())
    np.testing.assert_array_equal(read.classes, rows[:, 0])
    assert read.files == tuple(
        f"data_batch_{batch}.bin:{place}" for batch in (1, 2, 10) for place in range(3)
    )
    for image, row in zip(read.images, rows, strict=True):
        for channel in range(3):  # red, green, blue; each row by row
            plane = row[1 + 1024 * channel : 1 + 1024 * (channel + 1)]
            assert image[:, :, channel].tobytes() == plane.tobytes()


def refused(folder, content):
    path = save(folder, content)
    with pytest.raises(InstaHideError) as caught:
        read_cifar10(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def with_batch(content):
    return make_tar([("data_batch_1.bin", content), ("batches.meta.txt", META)])


@pytest.mark.parametrize("content", [b"", bytes(3072), bytes(3074)])
def test_batches_of_a_wrong_length_are_refused(content, tmp_path):
    assert "not a multiple of 3073" in refused(tmp_path, with_batch(content))


def test_classes_beyond_nine_are_refused(tmp_path):
    rows = make_batch(2)
    rows[1, 0] = 10
    assert "has the class 10" in refused(tmp_path, with_batch(rows.tobytes()))


def test_an_archive_without_batches_is_refused(tmp_path):
    content = make_tar([("batches.meta.txt", META), ("data_batch_1", b"a pickle")])
    assert "holds no data_batch_*.bin: give the binary version" in refused(tmp_path, content)


@pytest.mark.parametrize(
    "meta",
    [
        None,
        b"",
        b"cat\n" * 10,
        META + b"unicorn\n",
        META.replace(b"cat", b"c\xe4t"),
        META.replace(b"cat", b"c\x1b[2Jt"),
        META.replace(b"cat", b"c\0t"),
    ],
)
def test_class_names_must_be_ten_different_words(meta, tmp_path):
    members = [("data_batch_1.bin", BATCHES[1].tobytes())]
    members += [("batches.meta.txt", meta)] if meta is not None else []
    assert "must name 10 different classes" in refused(tmp_path, make_tar(members))


def test_members_that_come_twice_are_refused(tmp_path):
    assert "twice" in refused(tmp_path, make_tar([GOOD[0], GOOD[0], GOOD[4]]))


def test_names_that_lead_out_are_refused(tmp_path):
    content = make_tar([("../../data_batch_1.bin", b""), GOOD[4]])
    assert "leads out of the archive" in refused(tmp_path, content)


def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MAX_UNPACKED", 10**6)
    bomb = gzip.compress(make_tar([("zeros", bytes(10**7)), *GOOD]))
    assert len(bomb) < 10**5
    assert "unpacks to more than 1000000 bytes" in refused(tmp_path, bomb)


def test_truncated_archives_are_refused(tmp_path):
    plain = make_tar(GOOD)
    packed = gzip.compress(plain)
    for whole in (packed, plain.rstrip(b"\0")):
        for share in (0.0, 0.001, 0.3, 0.6, 0.99):
            content = whole[: int(share * len(whole))]
            assert "not a whole .tar.gz or .tar" in refused(tmp_path, content)


def test_a_damaged_gzip_is_refused(tmp_path):
    packed = bytearray(gzip.compress(make_tar(GOOD), compresslevel=0))
    packed[len(packed) // 2] ^= 1
    assert "not a whole .tar.gz or .tar" in refused(tmp_path, bytes(packed))


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(InstaHideError, match="No such file"):
        read_cifar10(tmp_path / "cifar.tar.gz")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6))
def test_damage_never_raises_anything_but_our_error(tmp_path_factory, edits):
    damaged = bytearray(make_tar(GOOD))
    for position, value in edits:
        damaged[position % len(damaged)] = value
    try:
        images = read_cifar10(save(tmp_path_factory.getbasetemp(), bytes(damaged)))
    except InstaHideError:
        return
    assert images.images.shape[1:] == (32, 32, 3)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared archive is not here")
def test_the_real_first_batch_is_read():
    read = read_cifar10(SHARED)
    assert read.images.shape == (10_000, 32, 32, 3)
    assert read.class_names[:3] == ("airplane", "automobile", "bird")
    # The first image of CIFAR-10 is a frog; the batch has about 1,000 images a class.
    assert read.class_names[read.classes[0]] == "frog"
    assert np.bincount(read.classes).min() > 900
    # Natural images: neighbours are alike along rows, along columns and across channels.
    sample = read.images[:500].astype(np.float64)
    for axis in (1, 2, 3):
        assert np.abs(np.diff(sample, axis=axis)).mean() < 0.5 * sample.std()
