"""A challenge of 120 rows of 8 × 8 pixels that attacks can be run on, on disk."""

import numpy as np
import zarr
from test_attacks_field import smooth_images

from instahide.challenge.making import make_challenge
from instahide.challenge.private import save_private
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.images import to_bytes
from instahide.labelled import LabelledImages
from instahide.pool.stores import put_array, put_names
from instahide.randomness.keystream import Key

SHAPE = (8, 8, 3)
#: Options of an attack that is over in no time, and recovers little.
STAGES = "--similarity plain --assignment em,rounds=1 --retrieval field,rounds=1"
QUICK = STAGES.split()


def photos(seed, count):
    """Smooth images whose mean tells them from their negatives, uint8."""
    return to_bytes(smooth_images(np.random.default_rng(seed), count, SHAPE) - 0.2)


def save_pool(path, patches):
    """Write a pool of some patches."""
    group, count = zarr.open_group(path, mode="w"), len(patches)
    put_array(group, "patches", patches)
    put_array(group, "boxes", np.zeros((count, 4), np.int32))
    put_array(group, "photo", np.zeros(count, np.int32))
    put_array(group, "keypoints", np.full(count, 41, np.int32))
    put_names(group, "photos", ["a.jpg"])
    return path


def make_small(place):
    """Make the challenge in a folder; return its folder, pool, and a pool of other photos."""
    private = LabelledImages(photos(1, 12), np.arange(12) // 4, ("a", "b", "c"))
    save_private(place / "set.npz", private)
    pool = save_pool(place / "pool.zarr", photos(2, 120))
    scheme = Scheme(k=4, c2=0.4, rows_per_image=10)
    sources = place / "set.npz", pool, Key.from_seed(1), of_scheme(scheme)
    make_challenge(place / "challenge", *sources)
    return place / "challenge", pool, save_pool(place / "others.zarr", photos(3, 130))
