"""From a first guess to images: unmask rows, solve for images, assign anew, and again.

A round of this EM takes the images as they are, and

1. unmasks every row with its expected mixture as the mean of a Gaussian field
   (`instahide.attacks.field`), the images' own errors counted as noise;
2. solves for all images by weighted least squares;
3. chooses each row's pair of images anew, with the row's sign and the split between two
   images of one class, by the whitened distance of the unmasked row;
4. takes the row's level of noise from what is left of it: rows that fit badly, because
   their public images weigh much or their pair is wrong, count less.

Some rounds start from median-filtered images. A spot of the wrong sign in an image makes
its rows choose the wrong sign there, and so it would stay for ever, and draw rows to
images to which they do not belong; filtered away, it does not come back, while details do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.ndimage import median_filter

from instahide.attacks.assignment import Parts, candidates, pair_costs, read_problem
from instahide.attacks.field import Field, cooling, learn_field, unmask
from instahide.attacks.pixelwise import first_images, solve_images
from instahide.attacks.problem import Problem
from instahide.attacks.products import Assignment, State
from instahide.attacks.similarity import draw_coefficients
from instahide.challenge.scheme import Scheme

LEAST_LEVEL = 1e-4  # of a row's noise: float32 and rows that are all but private
RIDGE = 0.5  # precision of an image's prior, in that of a public image
PUBLIC_RIDGE = 10.0  # the mean public image is known better
UNSURE = 0.05  # level of a row that was unmasked for itself
FLOOR = 0.02  # of the spectrum, where levels are measured: signs limit fine detail


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
    """

    steps: int
    error: float
    median: int = 1


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
#: Before them, where rows were unmasked first.
FIRST_ROUNDS = (Round(16, 0.5), Round(16, 0.3))
#: For rows without masks.
PLAIN_ROUNDS = (Round(0, 0.05), Round(0, 0.01), Round(0, 0.01))
# ASSUME: below this many rows per image, rows unmasked one by one are the better start.
# Measured at 10 and 20, where they are, and at 50, where pixels are.
FEW_ROWS = 30

#: Called after each round with its name and the state, to measure it.
Observer = Callable[[str, State], object]


def ignore(name: str, state: State) -> None:
    """Observe nothing."""


def field(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    start: Literal["auto", "pixels", "rows"] = "auto",
    propagations: int = 4,
    rounds: int | None = None,
    public_mean: bool = True,
    observe: Observer = ignore,
) -> State:
    """Recover images and correct their assignment: the third stage of `whitened`.

    Parameters
    ----------
    start : {"auto", "pixels", "rows"}
        Phase retrieval pixel by pixel, or rows unmasked one by one; by default the latter
        where there are few rows for each image.
    propagations : int
        Of the phase retrieval, see `instahide.attacks.pixelwise.propagate`.
    rounds : int, optional
        How many rounds to run; 0 leaves the first guess. All by default.
    public_mean : bool
        Whether the mean public image is part of the model.
    observe : callable
    """
    parts, members = read_problem(problem)
    model = learn_field(problem.public)
    given = {
        "spread": public_spread(problem.scheme, rng),
        "public_ridge": PUBLIC_RIDGE if public_mean else 1e9,
    }
    state, schedule = first_state(
        problem, model, assignment, rng, start=start, propagations=propagations, **given
    )
    if not public_mean:
        model = replace(model, mean=np.zeros_like(model.mean))
    observe("first images", state)
    for number, round_ in enumerate(schedule[:rounds]):
        state = refine(model, problem.rows, state, parts, members, round_, **given)
        observe(f"round {number + 1}", state)
    return state


def first_state(
    problem: Problem,
    model: Field,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    spread: float,
    public_ridge: float,
    start: str,
    propagations: int,
) -> tuple[State, tuple[Round, ...]]:
    """Return the state that the rounds begin with, and the rounds."""
    rows, images = problem.rows, problem.images
    if not problem.scheme.masked:
        guess = np.zeros((images + 1, rows.shape[1]), np.float32)
        level = expected_level(assignment, spread)
        return State(guess, assignment, level, rows), PLAIN_ROUNDS
    if choose_start(start, len(rows), images) == "rows":
        state = start_from_rows(model, rows, assignment, images, spread)
        return state, FIRST_ROUNDS + FIELD_ROUNDS
    guess = first_images(
        assignment, rows, model, images, rng,
        spread=spread, propagations=propagations, public_ridge=public_ridge,
    )  # fmt: skip
    return start_from_images(rows, guess, assignment, spread), FIELD_ROUNDS


def choose_start(start: str, rows: int, images: int) -> str:
    """Return the start of the retrieval, "rows" where each image is in few of them."""
    if start != "auto":
        return start
    return "rows" if rows < FEW_ROWS * images else "pixels"


def public_spread(scheme: Scheme, rng: np.random.Generator, draws: int = 20_000) -> float:
    """Return the mean of Σ λᵢ² / (Σ λᵢ)² over the public images of rows; 0 without any."""
    if not scheme.public_count:
        return 0.0
    drawn = draw_coefficients(rng, draws, scheme.k, scheme.c1)
    public = drawn[scheme.accepts(drawn), scheme.private_count :]
    return float(((public**2).sum(axis=1) / public.sum(axis=1) ** 2).mean())


def expected_level(assignment: Assignment, spread: float) -> np.ndarray:
    """Return the expected level of rows: `spread` times the squared public sum."""
    rest = 1 - assignment.coefficients.sum(axis=1)
    return (spread * rest**2 + LEAST_LEVEL).astype(np.float32)


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

    Half of the rows come out nearly right, which is enough for least squares. It needs few
    rows for each image, but some images may come out as their negatives.
    """
    level = expected_level(assignment, spread)
    private = (assignment.coefficients**2).sum(axis=1)
    mean = np.broadcast_to(field.mean, magnitude.shape)
    rows = unmask(field, magnitude, mean, level + private, cooling(30))
    images = np.zeros((count + 1, magnitude.shape[1]), np.float32)
    state = State(images, assignment, level, rows)
    blurred = replace(state, level=level + np.float32(UNSURE))
    return replace(state, images=fit_images(field, blurred))


def refine(
    field: Field,
    magnitude: np.ndarray,
    state: State,
    parts: Parts,
    members: np.ndarray,
    round_: Round,
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
    parts : Parts
        What the labels say.
    members : ndarray of int64, shape (classes, most)
    round_ : Round
    spread : float
        See `expected_level`.
    public_ridge : float
        See `fit_images`.
    """
    design = state.design()
    level = state.level + round_.error * (design[:, :-1] ** 2).sum(axis=1)
    if round_.steps:
        mean = design @ without_spots(state.images, field.shape, round_.median)
        rows = unmask(field, magnitude, mean, level, cooling(round_.steps))
        state = replace(state, rows=rows)
    state = replace(state, images=fit_images(field, state, public_ridge))
    state = reassign(field, state, parts, members, level, signed=round_.steps == 0)
    state = replace(state, level=measure_level(field, state, spread))
    return replace(state, images=fit_images(field, state, public_ridge))


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


def reassign(
    field: Field,
    state: State,
    parts: Parts,
    members: np.ndarray,
    level: np.ndarray,
    *,
    signed: bool = False,
) -> State:
    """Choose each row's pair, split and sign by the distance of the unmasked row.

    Distances are whitened by the residuals' own mean spectrum, relative to `level`.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    signed : bool
        Rows have their true sign (there is no mask).
    """
    left = field.transform(state.rows - state.design() @ state.images)
    spectrum = np.einsum("ij,ij,i->j", left, left, 1 / level) / len(level)
    gain = 1 / np.sqrt(np.maximum(spectrum, 1e-9 * spectrum.max()))
    rows = field.transform(state.rows) * gain
    images = field.transform(state.images) * gain
    products, gram = rows @ images.T, images @ images.T
    rest = 1 - parts.coefficients.sum(axis=1)
    choices = []
    for sign in (1,) if signed else (1, -1):
        within = sign * products[:, :-1] - rest[:, None] * gram[-1, :-1]
        costs = pair_costs(
            within, gram[:-1, :-1], parts.coefficients, parts.same, *candidates(parts, members)
        )
        pairs, weights, cost = costs.best()
        choices.append((pairs, weights, cost - 2 * sign * rest * products[:, -1]))
    turned = (choices[-1][2] < choices[0][2])[:, None]
    return replace(
        state,
        rows=np.where(turned, -state.rows, state.rows),
        assignment=Assignment(
            np.where(turned, choices[-1][0], choices[0][0]),
            np.where(turned, choices[-1][1], choices[0][1]).astype(np.float32),
        ),
    )


def measure_level(field: Field, state: State, spread: float) -> np.ndarray:
    """Measure each row's level from what is left of it; one part in five is expectation."""
    left = field.transform(state.rows - state.design() @ state.images)
    left *= left
    measured = left @ (1 / (field.spectrum + FLOOR * field.power)) / left.shape[1]
    expected = expected_level(state.assignment, spread)
    measured *= np.median(expected) / max(float(np.median(measured)), LEAST_LEVEL)
    return (0.8 * measured + 0.2 * expected + LEAST_LEVEL).astype(np.float32)
