"""The images of rows of k private images in equal parts, their members known.

The rows are linear in the images, and the noise has heavy tails. So Wiener's filter comes
first: least squares with the noise's variance, and with that of photos as the prior's. What it
leaves of a value is then replaced by its score, the derivative of minus the log-density, which
counts large deviations no more than others, and the filter is applied to that again. For noise
of scale b that knows as much of an image as twice as many rows (1/b² of Fisher's information
where the variance is 2·b²).
"""

from math import sqrt

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import log_ndtr

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.unmixing.parts.equalrows import Noise, measure_noise, noise_of, uses_told
from instahide.attacks.unmixing.parts.field import LEAST_SPECTRUM, Field, learn_field
from instahide.attacks.unmixing.parts.wiener import solve_wiener, sparse_design
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State
from instahide.errors import InstaHideError
from instahide.progress import tracked

SCORES_AT_ONCE = 256


def retrieve_equal_needs(size: Size) -> float:
    """Bytes: rows, what is left, what explains them, transformed; some rows' scores; images."""
    some = FLOAT * size.pixels * (6 * SCORES_AT_ONCE + 4 * size.image_count)
    return max(6 * size.table + some, 3 * FLOAT * size.public * size.pixels)


def retrieve_equal_seconds(size: Size) -> float:
    """Processor seconds of three rounds, most of them for scores."""
    photos = 3 * TOUCH * size.public * size.pixels
    return photos + 3 * 1e-7 * size.rows * size.pixels


def retrieve_equal(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    noise: Noise = "known",
    rounds: int = 3,
) -> State:
    """Solve for the images: a third stage for rows in equal parts.

    Parameters
    ----------
    noise : {"known", "unknown"}
        Whether to use what the challenge tells of its noise; else it is measured, and again
        in what the images leave of the rows.
    rounds : int
        With scores; 0 leaves least squares.

    Raises
    ------
    InstaHideError
        When a place is not assigned.
    """
    if assignment.members.min() < 0:
        raise InstaHideError(
            "some places of the assignment hold nobody; this stage takes k images for each row"
        )
    field, design = learn_field(problem.public), sparse_design(assignment, problem.image_count)
    rows, variance = problem.magnitudes - field.mean, noise_of(problem, field, noise)
    images, error = solve_pixels(field, design, rows, variance)
    if not uses_told(problem, noise):
        variance = noise_left(field, design, rows - design @ images, error)
        images, error = solve_pixels(field, design, rows, variance)
    for _ in tracked(range(rounds), "images", "rounds"):
        mixed, blur = design @ images, float(error.mean()) * square_sum(design, axis=1)
        scores = rows - mixed
        information = replace_by_scores(scores, sqrt(variance / 2), sqrt(blur))
        images, error = solve_pixels(field, design, mixed + scores, 1 / information)
    level = float(error.mean()) * square_sum(design, axis=0) / field.power
    return State(
        images=np.vstack([images + field.mean, field.mean]),
        assignment=assignment,
        level=np.full(len(rows), level, np.float32),
        unmasked=problem.magnitudes,
    )


def solve_pixels(
    field: Field, design: csr_matrix, rows: np.ndarray, variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Apply Wiener's filter to rows of pixels, see `solve_wiener`; images are pixels too."""
    prior = np.maximum(field.spectrum, LEAST_SPECTRUM)
    noise = np.full_like(prior, variance)
    images, error = solve_wiener(design, field.transform(rows), prior, noise)
    return field.invert(images), error


def noise_left(
    field: Field, design: csr_matrix, residual: np.ndarray, error: np.ndarray
) -> float:
    """Measure the noise in what images leave of rows, less what the images took of it.

    In a feature with the prior variance κ and the images' error ε, n images took
    n·(1 - ε/κ) of E degrees of freedom.
    """
    rows, images = design.shape
    taken = images / rows * (1 - error / np.maximum(field.spectrum, LEAST_SPECTRUM))
    left = field.transform(residual) / np.sqrt(1 - np.minimum(taken, 0.99))
    return measure_noise(left, field)


def square_sum(design: csr_matrix, axis: int) -> float:
    """Return the mean sum of squared weights, of rows (1) or of images (0)."""
    return float(design.multiply(design).sum(axis=axis).mean())


def replace_by_scores(residual: np.ndarray, scale: float, blur: float) -> float:
    """Replace residuals, in place, by scores in the residual's unit; return the information.

    The density is Laplace's of some scale, blurred by the error of what was subtracted:

        f(r) ∝ exp(-r/b)·Φ(r/e - e/b) + exp(r/b)·Φ(-r/e - e/b).

    Parameters
    ----------
    residual : ndarray of float32, shape (E, d)
    scale : float
        b.
    blur : float
        e, standard deviation.

    Returns
    -------
    float
        Mean square of the score: its inverse is the variance of what is left in `residual`.
    """
    blur, power = max(blur, 1e-3 * scale), 0.0
    for start in range(0, len(residual), SCORES_AT_ONCE):
        some = residual[start : start + SCORES_AT_ONCE]
        odds = log_ndtr(some / blur - blur / scale) - log_ndtr(-some / blur - blur / scale)
        some[:] = np.tanh(odds / 2 - some / scale) / scale
        power += float(np.sum(some**2, dtype=np.float64))
    information = power / residual.size
    residual /= information
    return information
