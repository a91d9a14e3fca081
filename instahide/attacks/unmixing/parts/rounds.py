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

import numpy as np
from scipy.ndimage import median_filter

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.parts.coefficients import LEAST_LEVEL, expected_level
from instahide.attacks.unmixing.parts.field import Field, cooling, unmask
from instahide.attacks.unmixing.parts.leastsquares import solve_images
from instahide.attacks.unmixing.parts.regions import turn_regions
from instahide.attacks.unmixing.parts.signs import agree_on_signs
from instahide.attacks.unmixing.state import Assignment, State
from instahide.progress import tracked

RIDGE = 0.5  # precision of an image's prior, in that of a public image
PUBLIC_RIDGE = 10.0  # the mean public image is known better
UNSURE = 0.05  # level of a row that was unmasked for itself
FLOOR = 0.02  # of the spectrum, where levels are measured: signs limit fine detail

#: Assigns rows anew, given field, state and the variance of each row about its mean: `reassign`
#: of `instahide.attacks.unmixing.parts.reassignment`, with a chooser.
Reassign = Callable[[Field, State, np.ndarray], State]
#: Called with the name of a step and the state after it, to measure it.
Observer = Callable[[str, State], object]


def ignore(name: str, state: State) -> None:
    """Observe nothing."""


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


def rounds_needs(size: Size) -> float:
    """Bytes: photos centred and transformed; rows in nine forms; products of all rows."""
    learning = 3 * FLOAT * size.public * size.pixels
    return max(learning, 9 * size.table, 3 * size.table + 2 * FLOAT * size.rows**2)


def start_from_images(
    magnitude: np.ndarray, images: np.ndarray, assignment: Assignment, spread: float
) -> State:
    """Start from a guess of the images, shape (n + 1, d)."""
    signs = np.sign(assignment.design(len(images) - 1) @ images)
    return State(images, assignment, expected_level(assignment, spread), magnitude * signs)


def start_from_rows(
    field: Field, magnitude: np.ndarray, assignment: Assignment, count: int, spread: float
) -> State:
    """Start by unmasking each row for itself, with nothing known but its mean.

    Half of the rows come out nearly right, which is enough for least squares once they have
    agreed on their signs. It needs few rows for each image.
    """
    level = expected_level(assignment, spread)
    private = (assignment.coefficients**2).sum(axis=1)
    mean = np.broadcast_to(field.mean, magnitude.shape)
    rows = unmask(field, magnitude, mean, level + private, cooling(30))
    rows *= agree_on_signs(field, rows, assignment.design(count)[:, :count])[:, None]
    images = np.zeros((count + 1, magnitude.shape[1]), np.float32)
    state = State(images, assignment, level, rows)
    blurred = replace(state, level=level + np.float32(UNSURE))
    return replace(state, images=fit_images(field, blurred))


def refine(
    field: Field,
    magnitude: np.ndarray,
    state: State,
    round_: Round,
    reassign: Reassign,
    *,
    spread: float = 0.367,
    public_ridge: float = PUBLIC_RIDGE,
) -> State:
    """Run one round.

    Parameters
    ----------
    field : Field
    magnitude : ndarray of float32, shape (E, d)
        |encryption|.
    state : State
    round_ : Round
    reassign : callable
        See `Reassign`.
    spread : float
        See `expected_level`.
    public_ridge : float
        See `fit_images`.
    """
    design = state.design()
    level = state.level + round_.error * (design[:, :-1] ** 2).sum(axis=1)
    if round_.steps:
        images = state.images
        if round_.turn:
            noise = level, field.variance
            images = turn_regions(images, design, magnitude**2, noise, field.shape)
        mean = design @ without_spots(images, field.shape, round_.median)
        rows = unmask(field, magnitude, mean, level, cooling(round_.steps))
        state = replace(state, rows=rows)
    state = replace(state, images=fit_images(field, state, public_ridge))
    state = reassign(field, state, level)
    state = replace(state, level=measure_level(field, state, spread))
    return replace(state, images=fit_images(field, state, public_ridge))


def run_rounds(
    field: Field,
    magnitude: np.ndarray,
    state: State,
    rounds: Iterable[Round],
    reassign: Reassign,
    observe: Observer,
    **given: float,
) -> State:
    """Run rounds, see `refine`; `observe` sees the state before them and after each."""
    observe("first images", state)
    for number, round_ in enumerate(tracked(list(rounds), "images and pairs", "rounds")):
        state = refine(field, magnitude, state, round_, reassign, **given)
        observe(f"round {number + 1}", state)
    return state


def without_spots(images: np.ndarray, shape: tuple[int, ...], side: int) -> np.ndarray:
    """Return images, shape (n + 1, d), with the private ones median-filtered."""
    if side == 1:
        return images
    pictures = images[:-1].reshape(-1, *shape)
    filtered = median_filter(pictures, (1, side, side, 1), mode="nearest")
    return np.concatenate([filtered.reshape(len(filtered), -1), images[-1:]])


def fit_images(field: Field, state: State, public_ridge: float = PUBLIC_RIDGE) -> np.ndarray:
    """Solve for all images, rows weighted by the inverse of their level.

    `public_ridge` draws the mean public image to the field's mean.
    """
    ridge = np.append(np.full(state.count, RIDGE), public_ridge)
    return solve_images(state.design(), state.rows, 1 / state.level, ridge, field.mean)


def measure_level(field: Field, state: State, spread: float) -> np.ndarray:
    """Measure each row's level from what is left of it; one part in five is expectation."""
    left = field.transform(state.rows - state.design() @ state.images)
    left *= left
    measured = left @ (1 / (field.spectrum + FLOOR * field.power)) / left.shape[1]
    expected = expected_level(state.assignment, spread)
    measured *= np.median(expected) / max(float(np.median(measured)), LEAST_LEVEL)
    return (0.8 * measured + 0.2 * expected + LEAST_LEVEL).astype(np.float32)
