import numpy as np
import pytest
from test_attacks_field import smooth_images

from instahide.attacks.knownpool import dictionary as module
from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.images import to_bytes, to_unit_range
from instahide.pool.pool import Pool

SHAPE = (8, 8, 3)


@pytest.fixture
def pool():
    return Pool(to_bytes(smooth_images(np.random.default_rng(0), 200, SHAPE)))


@pytest.fixture
def dictionary(pool):
    return make_dictionary(pool)


def test_centred_images_are_those_of_the_pool(pool, dictionary):
    places = np.array([[3, -1], [199, 3]])
    images = dictionary.centred(places)
    whole = to_unit_range(pool.patches).reshape(200, -1) - dictionary.field.mean
    np.testing.assert_array_equal(images[0, 0], whole[3])
    np.testing.assert_array_equal(images[1], whole[[199, 3]])
    assert (images[0, 1] == 0).all()


def test_mixtures_leave_out_what_was_not_found(dictionary):
    mixed = dictionary.mix(np.array([[3, 5], [7, -1]]), np.array([[0.5, 0.2], [0.1, 9]]))
    images = dictionary.centred(np.array([3, 5, 7]))
    np.testing.assert_allclose(mixed[0], 0.5 * images[0] + 0.2 * images[1], atol=1e-6)
    np.testing.assert_allclose(mixed[1], 0.1 * images[2], atol=1e-6)


def test_the_shortlist_has_the_best_of_all_images(dictionary, monkeypatch):
    rows = np.random.default_rng(1).standard_normal((20, 192)).astype(np.float32)
    atoms = dictionary.whiten(dictionary.centred(np.arange(200)))
    scores = rows @ (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).T
    best = np.sort(np.argsort(-scores, axis=1)[:, :7])
    for chunk in (4000, 64, 5):  # chunks smaller than the list, too
        monkeypatch.setattr(module, "ATOM_NUMBERS", chunk * 192)
        np.testing.assert_array_equal(np.sort(dictionary.shortlist(rows, 7)), best)


def test_a_pool_smaller_than_the_shortlist_is_listed_once(pool):
    dictionary = make_dictionary(Pool(pool.patches[:5]))
    places = dictionary.shortlist(np.ones((2, 192), np.float32), 7)
    np.testing.assert_array_equal(np.sort(places), [[-1, -1, 0, 1, 2, 3, 4]] * 2)


def test_a_screened_scan_finds_what_is_plainly_there(pool):
    dictionary = make_dictionary(pool, screen=48)
    assert len(dictionary.strongest) == 48
    there = np.array([0, 50, 199])
    rows = dictionary.whiten(
        0.4 * dictionary.centred(there) + 0.1 * dictionary.centred(there - 1)
    )
    places = dictionary.shortlist(rows, 2)
    assert (places == there[:, None]).any(axis=1).all()
