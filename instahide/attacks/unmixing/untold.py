"""How images were cropped and flipped, where the challenge does not tell.

Pairs of rows that surely hold one image tell it. Where windows are moved by -r … r pixels, two
of them are up to 2r pixels apart, 0 most often, and r is the one under which the distances
found are the likeliest. Where images are flipped, half of the pairs are flipped over each
other. What lies outside an image is seen at a row's border more often than in the middle, and
makes its pixels larger or smaller on average; the fill is the one whose expected values are
nearest.

It stands before the stages, as the view that they are given; each estimates anew, in a few
seconds.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from instahide.attacks.seen import Seen
from instahide.attacks.unmixing import problem as told
from instahide.attacks.unmixing.parts.canvases import Views
from instahide.attacks.unmixing.parts.clustering import ROWS_PER_IMAGE, led_rows
from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.labels import read_classes, read_pairs, rows_of_class
from instahide.attacks.unmixing.parts.registration import register
from instahide.attacks.unmixing.parts.viewfeatures import view_features
from instahide.attacks.unmixing.problem import Problem
from instahide.encodings.augmentation import FILLS, Augmentation
from instahide.images import to_unit_range
from instahide.progress import announce

SEED = 0  # each step sees the same estimate
PADDING_SHARE = 4  # crops reach a quarter of an image's side at most,
MOST_PADDING = 16  # and so many pixels: stages try all views
ENOUGH_ROWS = 400  # registered with each other
SURE_SHARE = 0.25  # of the pairs that are expected to share an image, those that count
FEWEST_PAIRS = 12
FLIPPED_SHARE = 0.2  # of sure pairs, where images are flipped: half of them are
SEEN_POWERS = (0, 1, 2, 3, 4)  # of the share that two rows show together
STRAYS = np.linspace(0.02, 0.6, 30)  # shares of pairs that share no image


def view_untold(seen: Seen) -> Problem:
    """Return what an attacker sees who is not told of the augmentation, but estimates it.

    Raises
    ------
    InstaHideError
        As `instahide.attacks.unmixing.problem.view`.
    """
    about = {key: value for key, value in seen.about.items() if key != "augmentation"}
    problem = told.view(replace(seen, about=about))
    return replace(problem, augmentation=estimate(problem))


def estimate(problem: Problem) -> Augmentation | None:
    """Estimate crops, flips and fill from a challenge's rows.

    Parameters
    ----------
    problem : Problem
        Its augmentation is not looked at.

    Returns
    -------
    Augmentation or None
        None where images seem to be mixed as they are. Turned or grown images are not looked
        for.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or have no mask.
    """
    rng = np.random.default_rng(SEED)
    largest = min(min(problem.shape[:2]) // PADDING_SHARE, MOST_PADDING)
    flipped, shifts = sure_pairs(problem, largest, rng)
    padding = likeliest_padding(shifts, largest, problem.shape)
    flip = len(flipped) > 0 and flipped.mean() > FLIPPED_SHARE
    if not (padding or flip):
        announce("augmentation, estimated: none", detail=True)
        return None
    fill = likeliest_fill(problem, padding, rng)
    found = Augmentation(crop_padding=padding, flip=bool(flip), fill=fill)
    told = f"crops by {padding}, {'flips' if flip else 'no flips'}"
    pairs = f"{len(shifts)} pairs of rows"
    announce(f"augmentation, estimated from {pairs}: {told}, fill {fill}", detail=True)
    return found


def sure_pairs(
    problem: Problem, largest: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return how pairs of rows that surely share an image lie over each other.

    Parameters
    ----------
    largest : int
        Most pixels that a window may be shifted by.

    Returns
    -------
    flipped : ndarray of bool, shape (P,)
    shifts : ndarray of int64, shape (P, 2)
        Down and right.
    """
    flipped, shifts = [np.zeros(0, bool)], [np.zeros((0, 2), np.int64)]
    for rows, images in _rows_of_classes(problem):
        some = replace(
            problem,
            magnitudes=problem.magnitudes[rows],
            label=problem.label[rows],
            image_count=min(problem.image_count, len(rows)),
        )
        features = view_features(some, rng)
        found = register(features, Views(problem.shape, largest), evenly=True)
        first, second = np.triu_indices(len(rows), k=1)
        expected = max(FEWEST_PAIRS, int(SURE_SHARE * len(first) / images))
        best = np.argsort(-found.score[first, second], kind="stable")[:expected]
        flipped.append(found.flipped[first[best], second[best]])
        shifts.append(found.shift[first[best], second[best]].astype(np.int64))
    return np.concatenate(flipped), np.concatenate(shifts)


def _rows_of_classes(problem: Problem) -> Iterator[tuple[np.ndarray, int]]:
    """Yield rows that hold a class, and the number of its images, until they are enough.

    With coefficients the rows in which it has large ones.
    """
    known, left = problem.labels == "coefficients", ENOUGH_ROWS
    parts = read_pairs(problem) if known else read_classes(problem)
    for number, roster in enumerate(parts.roster):
        images = int((roster >= 0).sum())
        rows, _ = rows_of_class(parts, number)
        if known:
            rows = np.flatnonzero((parts.classes[:, 0] == number) & ~parts.same)
            order = np.argsort(-parts.coefficients[rows, 0], kind="stable")
            rows = rows[order[: led_rows(images, ROWS_PER_IMAGE)]]
        rows = rows[: max(left, 2)]
        left -= len(rows)
        if images and len(rows) > 1:
            yield rows, images
        if left <= 0:
            return


def likeliest_padding(shifts: np.ndarray, largest: int, shape: tuple[int, ...]) -> int:
    """Return the padding under which differences of shifts are the likeliest.

    Two windows, each moved evenly by -r … r pixels, differ by d in one direction with a
    probability in proportion to 2r + 1 - |d|. The less two rows show together, the seldomer a
    pair is among the sure ones: in proportion to a power of what they show. A share of the
    pairs are strangers, and differ by anything.

    Parameters
    ----------
    shifts : ndarray of int64, shape (P, 2)
        Down and right, from -2 * largest to 2 * largest.
    shape : tuple of int
        (H, W, C) of a row.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> windows = rng.integers(-3, 4, (2, 200, 2))
    >>> likeliest_padding(windows[0] - windows[1], 8, (32, 32, 3))
    3
    """
    steps = np.abs(np.arange(-2 * largest, 2 * largest + 1))
    anything = 1 / len(steps) ** 2
    likeliest = np.full(largest + 1, -np.inf)
    for padding, power in itertools.product(range(largest + 1), SEEN_POWERS):
        shared = np.ones(len(shifts))
        for axis, side in enumerate(shape[:2]):
            likely = np.maximum(2 * padding + 1 - steps, 0) * (1 - steps / side) ** power
            shared *= (likely / likely.sum())[shifts[:, axis] + 2 * largest]
        mixed = np.log(shared[:, None] * (1 - STRAYS) + anything * STRAYS).sum(axis=0)
        likeliest[padding] = max(likeliest[padding], mixed.max())
    return int(likeliest.argmax())


def likeliest_fill(problem: Problem, padding: int, rng: np.random.Generator) -> str:
    """Return the fill that rows' mean squares speak for, pixel by pixel.

    With q(x) the probability that a private image shows the fill f at pixel x, m and s the mean
    and the mean square of photos, E[y²](x) is up to a constant

        E[Σλᵢ²] s(x) + E[ΣΣλᵢλⱼ] m(x)² + 2 E[ΣλᵢΣμⱼ] m(x) m,
        m(x) = m + q(x) (f - m), s(x) = s + q(x) (f² - s),

    the λ private coefficients and the μ public ones.
    """
    pixels = problem.magnitudes.reshape(len(problem.magnitudes), -1)
    squares = np.einsum("ep,ep->p", pixels, pixels) / len(pixels)
    squares = squares.reshape(problem.shape).mean(axis=2)
    outside = _outside(problem.shape, padding)
    drawn = simulate_coefficients(problem.scheme, rng, 20_000)
    drawn = drawn[problem.scheme.accepts(drawn)]
    private, public = drawn[:, :2].sum(axis=1), drawn[:, 2:].sum(axis=1)
    own, both = (drawn[:, :2] ** 2).sum(axis=1).mean(), (private**2).mean()
    mean, square = problem.public.mean(), np.square(problem.public).mean()
    misfits = {}
    for name, value in FILLS.items():
        fill = float(to_unit_range(np.uint8([value]))[0])
        means = mean + outside * (fill - mean)
        expected = own * (square + outside * (fill**2 - square))
        expected += (both - own) * means**2 + 2 * (private * public).mean() * means * mean
        error = (squares - squares.mean()) - (expected - expected.mean())
        misfits[name] = np.square(error).sum()
    return min(misfits, key=misfits.get)


def _outside(shape: tuple[int, ...], padding: int) -> np.ndarray:
    """Return the probability that a cropped image shows its fill, by pixel, (H, W)."""
    steps = np.arange(-padding, padding + 1)
    inside = []
    for side in shape[:2]:
        places = np.arange(side)[:, None] + steps
        inside.append(((places >= 0) & (places < side)).mean(axis=1))
    return 1 - inside[0][:, None] * inside[1]
