"""From a first guess to images: unmask rows, solve for images, assign anew, and again.

A round of this EM takes the images as they are, and

1. unmasks every row with its expected mixture as the mean of a Gaussian field
   (`instahide.attacks.unmixing.parts.field`), the images' own errors counted as noise;
2. solves for all images by weighted least squares;
3. chooses each row's pair of images anew, with the row's sign and the split between two
   images of one class, by the whitened distance of the unmasked row;
4. takes the row's level of noise from what is left of it: rows that fit badly, because
   their public images weigh much or their pair is wrong, count less.

Before that, most rounds turn the regions of images that have settled for the wrong sign
(`instahide.attacks.unmixing.parts.regions`), and some start from median-filtered images: a spot
of the wrong sign in an image makes its rows choose the wrong sign there, and so it would stay
for ever, and draw rows to images to which they do not belong; filtered away, it does not come
back, while details do.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cv2 import medianBlur

from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.unmixing.parts.coefficients import LEAST_LEVEL, expected_level
from instahide.attacks.unmixing.parts.crossfit import FoldedMixtures, has_few_rows, solve_folds
from instahide.attacks.unmixing.parts.field import (
    Field,
    batch_needs,
    batches,
    cooling,
    learning_needs,
    unmask,
    unmask_seconds,
)
from instahide.attacks.unmixing.parts.inverted import turn_inverted
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.leastsquares import (
    IMAGE_RIDGE,
    normal_needs,
    solve_images,
)
from instahide.attacks.unmixing.parts.pairs import pairs_needs, pairs_seconds
from instahide.attacks.unmixing.parts.reassignment import residual_gain
from instahide.attacks.unmixing.parts.regions import turn_regions
from instahide.attacks.unmixing.parts.signs import agree_on_signs
from instahide.attacks.unmixing.state import Assignment, Mixtures, State
from instahide.images import to_bytes, to_unit_range
from instahide.progress import tracked

PUBLIC_RIDGE = 10.0  # the mean public image is known better than the private ones
START_STEPS = 30  # of annealing each row for itself
UNSURE = 0.05  # level of a row that was unmasked for itself
UNSETTLED = 0.1  # error of images that may be negatives; later none was found
MOST_TURNS = 3  # of negatives, in one round
LEVEL_FLOOR = 0.02  # of the spectrum, where levels are measured: signs limit fine detail

#: Assigns rows anew, given field, state and the variance of each row about its mean: `reassign`
#: of `instahide.attacks.unmixing.parts.reassignment`, with a chooser.
Reassign = Callable[[Field, State, np.ndarray], State]
#: Called with the name of a step and the state after it, to measure it.
Observer = Callable[[str, State], object]


def ignore(name: str, state: State) -> None:
    """Observe nothing."""


@dataclass(frozen=True)
class Fixed:
    """What stays through all rounds.

    Attributes
    ----------
    field : Field
    magnitudes : ndarray of float32, shape (E, d)
        See `instahide.attacks.unmixing.problem.Problem`.
    reassign : callable
        See `Reassign`.
    spread : float
        See `expected_level`.
    public_ridge : float
        See `fit_images`.
    parts : Parts, optional
        What the labels say of pairs; without it no image is tried as its negative.
    noise : float
        Variance of white noise on each value of a row, in a public image's.
    """

    field: Field
    magnitudes: np.ndarray
    reassign: Reassign
    spread: float
    public_ridge: float = PUBLIC_RIDGE
    parts: Parts | None = None
    noise: float = 0.0

    def expected_level(self, assignment: Assignment) -> np.ndarray:
        """Return the level that rows are expected to have, float32, shape (E,)."""
        return expected_level(assignment, self.spread) + np.float32(self.noise)


@dataclass(frozen=True)
class Round:
    """How one round goes.

    Attributes
    ----------
    steps : int
        Of annealing; 0 where there are no masks to take off.
    error : float
        Variance of the images' errors, in a public image's.
    median : int
        Side of the median filter; 1 for none.
    turn : bool
        Whether to turn regions of the wrong sign first.
    """

    steps: int
    error: float
    median: int = 1
    turn: bool = True


#: Annealing steps, error of the images, median filter. Later rounds trust the images more.
FIELD_ROUNDS = (
    Round(12, 0.3, 9),
    Round(12, 0.2, 7),
    Round(16, 0.05, 3),
    Round(20, 0.2, 7),
    Round(20, 0.05, 3),
    Round(20, 0.02),
    Round(32, 0.01),
)
#: Before them, where rows were unmasked one by one.
FIRST_ROUNDS = (Round(16, 0.5, turn=False), Round(16, 0.3, turn=False))


def rounds_needs(size: Size) -> float:
    """Bytes: rows as they were, before, now, and turned; batches, and products with images."""
    images = 6 * FLOAT * size.image_count * size.pixels
    some = max(
        batch_needs(size, 4) + pairs_needs(size),
        normal_needs(size) + batch_needs(size, 1),
        images,
    )
    return max(learning_needs(size), 4 * size.table + images + some)


def rounds_seconds(size: Size, rounds: int, steps: int) -> float:
    """Processor seconds: of annealing steps, of rounds, and of the agreement on signs."""
    table, images = size.rows * size.pixels, size.image_count * size.pixels
    each = 15 * TOUCH * table + 5e-7 * images + 2 * PRODUCT * size.image_count * images
    signs = 30 * 2 * TOUCH * table
    return unmask_seconds(size, steps) + signs + rounds * (each + 2 * pairs_seconds(size))


def annealing_steps(rounds: Iterable[Round]) -> int:
    """Return how many steps of annealing rounds take, rows unmasked one by one before them."""
    return START_STEPS + sum(round_.steps for round_ in rounds)


def start_from_images(fixed: Fixed, images: np.ndarray, assignment: Assignment) -> State:
    """Start from a guess of the images, shape (n + 1, d)."""
    signs = np.sign(assignment.sparse_design(len(images) - 1) @ images)
    level = fixed.expected_level(assignment)
    return State(images, assignment, level, fixed.magnitudes * signs)


def start_from_rows(fixed: Fixed, assignment: Assignment, image_count: int) -> State:
    """Start by unmasking each row for itself, with nothing known but its mean.

    Half of the rows come out nearly right, which is enough for least squares once they have
    agreed on their signs. It needs few rows for each image.
    """
    field, magnitudes = fixed.field, fixed.magnitudes
    level = fixed.expected_level(assignment)
    private = (assignment.weights**2).sum(axis=1)
    mean = np.broadcast_to(field.mean, magnitudes.shape)
    alone = level + private
    schedule = cooling(START_STEPS)
    unmasked = unmask(field, magnitudes, mean, alone, schedule, noise=fixed.noise)
    design = assignment.sparse_design(image_count)[:, :-1]
    unmasked *= agree_on_signs(field, unmasked, design)[:, None]
    images = np.zeros((image_count + 1, magnitudes.shape[1]), np.float32)
    state = State(images, assignment, level, unmasked)
    blurred = replace(state, level=level + np.float32(UNSURE))
    return replace(state, images=fit_images(field, blurred))


def start_without_masks(fixed: Fixed, assignment: Assignment, image_count: int) -> State:
    """Start from rows that never had a mask; their images are solved for in the first round."""
    images = np.zeros((image_count + 1, fixed.magnitudes.shape[1]), np.float32)
    level = fixed.expected_level(assignment)
    return State(images, assignment, level, fixed.magnitudes)


def refine(fixed: Fixed, state: State, round_: Round) -> State:
    """Run one round."""
    field, design = fixed.field, state.mixtures.design
    level = state.level + round_.error * design[:, :-1].power(2).sum(axis=1).A1
    if round_.steps:
        images = state.images
        if round_.turn:
            noise = level, field.variance
            images = turn_regions(images, design, fixed.magnitudes, noise, field.shape)
        mean = expected_rows(fixed, state, images, round_.median)
        schedule = cooling(round_.steps)
        unmasked = unmask(field, fixed.magnitudes, mean, level, schedule, noise=fixed.noise)
        state = replace(state, unmasked=unmasked)
    state = replace(state, images=fit_images(field, state, fixed.public_ridge))
    if round_.steps and round_.error >= UNSETTLED and fixed.parts is not None:
        state = turn_negatives(fixed, state, level)
    state = fixed.reassign(field, state, level)
    level = measure_level(field, state, fixed.spread, fixed.noise)
    state = replace(state, level=level)
    return replace(state, images=fit_images(field, state, fixed.public_ridge))


def expected_rows(
    fixed: Fixed, state: State, images: np.ndarray, median: int
) -> Mixtures | FoldedMixtures:
    """Return what is expected of each row: mixtures of images without spots.

    Parameters
    ----------
    images : ndarray of float32, shape (n + 1, d)
        Those of the state, some of their regions turned.
    median : int
        Side of the median filter.
    """
    design, shape = state.mixtures.design, fixed.field.shape
    if not has_few_rows(len(state), state.image_count):
        return Mixtures(design, without_spots(images, shape, median))
    ridge = image_ridge(state, fixed.public_ridge)
    folds = solve_folds(design, state.unmasked, 1 / state.level, ridge, fixed.field.mean)
    turned = np.where(images == state.images, 1, -1).astype(np.float32)
    return FoldedMixtures(
        design, np.stack([without_spots(turned * fold, shape, median) for fold in folds])
    )


def turn_negatives(fixed: Fixed, state: State, level: np.ndarray) -> State:
    """Turn images that came out as negatives, see `turn_inverted`, until none is left."""
    for _ in range(MOST_TURNS):
        gain = residual_gain(fixed.field, state, level)
        turned = turn_inverted(fixed.field, state, level, gain, fixed.parts)
        if turned is None:
            break
        state = replace(turned, images=fit_images(fixed.field, turned, fixed.public_ridge))
    return state


def run_rounds(
    fixed: Any,
    state: State,
    rounds: Iterable[Round],
    observe: Observer = ignore,
    refine_once: Callable[[Any, Any, Round], Any] = refine,
) -> State:
    """Run rounds, see `refine`; `observe` sees the state before them and after each.

    Parameters
    ----------
    fixed : Fixed
        Or what another `refine_once` takes.
    refine_once : callable
        Runs one round on states of another kind.
    """
    observe("first images", state)
    for number, round_ in enumerate(tracked(list(rounds), "images and pairs", "rounds")):
        state = refine_once(fixed, state, round_)
        observe(f"round {number + 1}", state)
    return state


def without_spots(images: np.ndarray, shape: tuple[int, ...], side: int) -> np.ndarray:
    """Return images, shape (n + 1, d), with the private ones median-filtered, in 8 bits."""
    if side == 1:
        return images
    pictures = to_bytes(images[:-1]).reshape(-1, *shape)
    filtered = np.empty_like(pictures)
    for picture, smooth in zip(pictures, filtered, strict=True):
        for colour in range(shape[2]):
            smooth[..., colour] = medianBlur(np.ascontiguousarray(picture[..., colour]), side)
    smooth = to_unit_range(filtered).reshape(len(filtered), -1)
    return np.concatenate([smooth, images[-1:]])


def image_ridge(state: State, public_ridge: float) -> np.ndarray:
    """Return the precision of the prior of each image, (n + 1,)."""
    return np.append(np.full(state.image_count, IMAGE_RIDGE), public_ridge)


def fit_images(field: Field, state: State, public_ridge: float = PUBLIC_RIDGE) -> np.ndarray:
    """Solve for all images, rows weighted by the inverse of their level.

    `public_ridge` draws the mean public image to the field's mean.
    """
    ridge, precision = image_ridge(state, public_ridge), 1 / state.level
    return solve_images(state.mixtures.design, state.unmasked, precision, ridge, field.mean)


def measure_level(field: Field, state: State, spread: float, noise: float = 0.0) -> np.ndarray:
    """Measure each row's level from what is left of it; one part in five is expectation.

    White noise, of a variance in a public image's, is part of the level.
    """
    expected = expected_level(state.assignment, spread) + np.float32(noise)
    share = np.float32(noise / float(np.median(expected)))
    spectrum = field.spectrum * (1 - share) + share * np.float32(field.power)
    mixtures, measured = state.mixtures, np.empty(len(state), np.float32)
    for some in batches(*state.unmasked.shape):
        left = field.transform(state.unmasked[some] - mixtures[some])
        left *= left
        measured[some] = left @ (1 / (spectrum + LEVEL_FLOOR * field.power))
    measured /= state.unmasked.shape[1]
    measured *= np.median(expected) / max(float(np.median(measured)), LEAST_LEVEL)
    return (0.8 * measured + 0.2 * expected + LEAST_LEVEL).astype(np.float32)
