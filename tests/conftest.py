from pathlib import Path

import numpy as np
import pytest
import zarr

from instahide.challenge.private import save_private
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.pool.stores import put_array, put_names
from instahide.randomness.keystream import Key

pytest_plugins = ["faulttable"]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)  # before markers choose
def pytest_collection_modifyitems(items):
    """Mark the tests that start Snakemake, and put them first: they take longest."""
    for item in items:
        if hasattr(getattr(item, "module", None), "Project"):
            item.add_marker("workflow")
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)


@pytest.fixture
def private():
    """Twenty random 8×8 colour images in four classes."""
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    return LabelledImages(images, np.arange(20) // 5, ("cat", "dog", "frog", "ship"))


@pytest.fixture
def pool():
    """Fifty random 8×8 colour patches."""
    return Pool(np.random.default_rng(2).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8))


@pytest.fixture
def files(private, pool, tmp_path):
    """The same private set and pool on disk."""
    save_private(tmp_path / "set.npz", private)
    group = zarr.open_group(tmp_path / "pool.zarr", mode="w")
    put_array(group, "patches", pool.patches)
    put_array(group, "boxes", np.zeros((50, 4), np.int32))
    put_array(group, "photo", np.zeros(50, np.int32))
    put_array(group, "keypoints", np.full(50, 41, np.int32))
    put_names(group, "photos", ["a.jpg"])
    return tmp_path / "set.npz", tmp_path / "pool.zarr"


@pytest.fixture
def sources(private, pool):
    """A small cross challenge of 60 rows."""
    scheme = Scheme("cross", k=6, rows_per_image=3)
    return combine(private, pool, Key.from_seed(5), of_scheme(scheme))


@pytest.fixture
def imagenet_sample():
    """The folder of ImageNet photos for development; the test is skipped without."""
    return _shared("imagenet-sample")


@pytest.fixture
def cifar10_archive():
    """CIFAR-10's first binary batch; the test is skipped without."""
    return _shared("cifar-10-binary-batch1.tar.gz")


def _shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path
