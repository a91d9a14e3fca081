"""Decryptions in another order than the encryptions': told apart from bad ones."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.attacks.baselines import absolute, mean_image, random_image
from instahide.scoring.roworder import order_hint
from instahide.scoring.score import score

IMAGES, BLOCKS = 40, 25
ROWS = IMAGES * BLOCKS
SHAPE = (8, 8, 3)
RNG = np.random.default_rng(5)
PRIVATE = RNG.uniform(-1, 1, (IMAGES, *SHAPE)).astype(np.float32)
PAIRS = np.concatenate(
    [np.stack([RNG.permutation(IMAGES) for _ in "ab"], axis=1) for _ in range(BLOCKS)]
)
# An attack recovers some images better than others, and hands in the better one of a row.
QUALITY = RNG.random(IMAGES)
CHOSEN = np.take_along_axis(PAIRS, QUALITY[PAIRS].argmax(axis=1)[:, None], axis=1)[:, 0]
NOISE = RNG.normal(0, 0.4, (ROWS, *SHAPE)).astype(np.float32)
GOOD = np.clip(PRIVATE[CHOSEN] + NOISE, -1, 1)


def hint(decryption):
    return order_hint(np.ascontiguousarray(decryption, np.float32), PRIVATE, PAIRS)


def as_table(rows, lines):
    """Rows in the order of a table's columns, written line by line."""
    return rows.reshape(lines, -1, *SHAPE).swapaxes(0, 1).reshape(rows.shape)


@pytest.mark.parametrize(
    ("decryption", "says"),
    [
        (GOOD[::-1], "reverse order: then 100% .* as they are [0-9]%"),
        (np.roll(GOOD[::-1], -5, axis=0), f"reverse order, beginning with row {ROWS - 6}"),
        (np.roll(GOOD, -1, axis=0), "row 0 seems to hold what belongs to row 1,"),
        (np.roll(GOOD, 1, axis=0), f"row 0 seems to hold what belongs to row {ROWS - 1},"),
        (GOOD[sorted(range(ROWS), key=str)], "sorted as text"),
        (as_table(GOOD, BLOCKS), f"a table of {BLOCKS} lines"),
        (as_table(GOOD, IMAGES), f"a table of {IMAGES} lines"),
        (GOOD[RNG.permutation(ROWS)], "as if the rows were shuffled"),
    ],
)
def test_rows_in_another_order_are_told(decryption, says):
    np.testing.assert_array_equal(np.sort(decryption, axis=None), np.sort(GOOD, axis=None))
    assert re.search(says, hint(decryption))


@pytest.mark.parametrize("order", ["NCHW", "NWHC", "HWCN", "CWHN"])
def test_axes_in_another_order_are_told(order):
    axes = ["NHWC".index(axis) for axis in order]
    laid = np.ascontiguousarray(GOOD.transpose(axes)).reshape(GOOD.shape)
    names = {"N": "rows", "H": "height", "W": "width", "C": "channels"}
    assert f"({', '.join(names[axis] for axis in order)})" in hint(laid)


OTHERS = RNG.permutation(IMAGES)
RANDOM = RNG.integers(IMAGES, size=ROWS)
SOME = RNG.random((ROWS, 1, 1, 1)) < 0.45


@pytest.mark.parametrize(
    "decryption",
    [
        GOOD,
        PRIVATE[PAIRS[:, 1]],
        NOISE,
        np.zeros_like(GOOD),
        np.full_like(GOOD, 0.3),
        -GOOD,
        np.where(SOME, GOOD, NOISE),
        np.where(SOME, GOOD, PRIVATE[RANDOM]),
        absolute(GOOD).decryption,
        mean_image(PRIVATE, ROWS).decryption,
        *(random_image(PRIVATE, ROWS, np.random.default_rng(i)).decryption for i in range(20)),
        np.clip(PRIVATE[RANDOM] + NOISE, -1, 1),
        PRIVATE[OTHERS[CHOSEN]],
        PRIVATE[OTHERS[PAIRS[:, 0]]],
        np.clip(PRIVATE[OTHERS[CHOSEN]] + NOISE, -1, 1),
        PRIVATE[CHOSEN % 3],
    ],
)
def test_decryptions_that_are_right_or_bad_are_not_said_to_be_in_another_order(decryption):
    assert not hint(decryption)


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(1, 25),
    blocks=st.integers(1, 6),
    count=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["random", "noise", "mean", "others", "same"]),
)
def test_small_challenges_give_no_false_hints(images, blocks, count, seed, kind):
    rng = np.random.default_rng(seed)
    private = rng.uniform(-1, 1, (images, *SHAPE)).astype(np.float32)
    pairs = np.concatenate(
        [np.stack([rng.permutation(images) for _ in range(count)], 1) for _ in range(blocks)]
    )
    others = rng.permutation(images)[pairs[:, 0]]
    decryption = {
        "random": private[rng.integers(images, size=len(pairs))],
        "noise": rng.uniform(-1, 1, (len(pairs), *SHAPE)).astype(np.float32),
        "mean": mean_image(private, len(pairs)).decryption,
        "others": private[others],
        "same": private[pairs[:, 0]],
    }[kind]
    assert not order_hint(decryption, private, pairs)


def test_the_score_is_what_it_is():
    def scored(decryption):
        return score(decryption, PAIRS, PRIVATE, rng=np.random.default_rng(0))

    assert not scored(GOOD).hint
    turned = scored(GOOD[::-1])
    assert "reverse order" in turned.hint
    assert turned.summary["max_ssim"].mean < 0.2 < scored(GOOD).summary["max_ssim"].mean
