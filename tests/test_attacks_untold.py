"""Crops, flips and fill, estimated from rows where nobody tells them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from test_attacks_views import CROPS, challenge

from instahide.attacks.catalogue import NAMED, attack_of, unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.running import UNMOVED, view_of
from instahide.attacks.seen import see
from instahide.attacks.unmixing.untold import estimate, likeliest_fill, likeliest_padding
from instahide.encodings.augmentation import Augmentation
from instahide.errors import InstaHideError

SHAPE = (32, 32, 3)


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 8), some.integers(0, 2**32 - 1), some.floats(0, 0.3))
def test_the_padding_is_told_by_how_far_windows_are_apart(padding, seed, strays):
    rng = np.random.default_rng(seed)
    windows = rng.integers(-padding, padding + 1, (2, 800, 2))
    apart = windows[0] - windows[1]
    stray = rng.random(800) < strays
    apart[stray] = rng.integers(-16, 17, (stray.sum(), 2))
    # With many strays a rare seed is off by two; 134217728 is one.
    off = abs(likeliest_padding(apart, 8, SHAPE) - padding)
    assert off <= (padding > 4) * (1 + (strays > 0.15))


def test_pairs_that_show_less_together_are_seldom_seen():
    rng = np.random.default_rng(0)
    windows = rng.integers(-6, 7, (2, 4000, 2))
    apart = windows[0] - windows[1]
    shown = (1 - np.abs(apart) / 32).prod(axis=1) ** 2
    assert likeliest_padding(apart[rng.random(4000) < shown], 8, SHAPE) == 6


@pytest.mark.parametrize("labels", ["coefficients", "classes", "none"])
@pytest.mark.parametrize(
    "augmentation",
    [
        None,
        Augmentation(flip=True),
        CROPS,
        replace(CROPS, crop_padding=3, flip=False, fill="grey"),
    ],
    ids=["none", "flips", "crops-flips", "crops-grey"],
)
def test_what_was_done_to_images_is_found_out(labels, augmentation):
    problem, _ = challenge(labels, augmentation)
    assert estimate(replace(problem, augmentation=None)) == augmentation


@pytest.mark.parametrize("fill", ["black", "grey"])
@pytest.mark.parametrize("padding", [1, 3])
def test_the_fill_is_seen_at_the_border(fill, padding):
    problem, _ = challenge(augmentation=Augmentation(crop_padding=padding, fill=fill))
    assert likeliest_fill(problem, padding, np.random.default_rng(0)) == fill


def seen(about, problem):
    rows = problem.magnitudes.reshape(-1, *problem.shape)
    return see(Released(rows, problem.label), problem.public, about, problem.image_count)


@pytest.fixture
def about():
    scheme = {"name": "cross", "k": 4, "c1": 0.65, "c2": 0.4, "rows_per_image": 50}
    return {"scheme": scheme, "augmentation": replace(CROPS, crop_padding=3).describe()}


def test_the_attack_does_not_look_at_what_the_challenge_tells(about):
    problem, _ = challenge()
    shown = seen(about, problem)
    untold, told = (unmixing(name, **NAMED[name]) for name in ("augmented-untold", "augmented"))
    assert view_of(told, shown).augmentation.crop_padding == 3
    assert view_of(untold, shown).augmentation == CROPS
    assert untold.trail(1) != told.trail(1)


@pytest.mark.parametrize(
    ("name", "warned"),
    [(name, True) for name in ("whitened", "pool", "single")]
    + [(name, False) for name in ("augmented", "mean")],
)
def test_attacks_that_expect_images_as_they_are_say_so(about, name, warned, capsys):
    problem, _ = challenge()
    view_of(attack_of(name, NAMED), seen(about, problem))
    assert (UNMOVED in capsys.readouterr().err) == warned
    view_of(attack_of(name, NAMED), seen({"scheme": about["scheme"]}, problem))
    assert UNMOVED not in capsys.readouterr().err


def test_only_stages_in_views_take_an_estimate():
    with pytest.raises(InstaHideError, match="choose 'views'"):
        unmixing(augmentation="estimated")
