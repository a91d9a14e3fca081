"""Who is in which row of k private images in equal parts, under noise and no mask.

A label tells the classes of a row's images, and all weights are 1/k, so only the image within
the class is unknown. In the space of whitened rows,

    f = (f₁ + … + f_k)/k + noise,

images and members are found in turns: images by Wiener's filter, given the members; members
by drawing each anew, given the images. The draws cool down from nearly blind to the best.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.unmixing.parts.equalplaces import (
    EqualSeen,
    draw_members,
    draw_start,
    make_places,
)
from instahide.attacks.unmixing.parts.equalrows import Noise, noise_of, read_equal
from instahide.attacks.unmixing.parts.field import LEAST_SPECTRUM, learn_field
from instahide.attacks.unmixing.parts.wiener import solve_wiener, sparse_design
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment
from instahide.progress import tracked

HEATS = 6.0, 0.3  # the first and the last
ERRORS = 1.0, 0.02  # what images may be wrong by at least, in their own variance
BEST = 2  # last rounds that take the best
MOST_OWN = 0.9
TELLING = 0.99  # of what features tell, kept by the fewest that hold it: others cost time


@dataclass(frozen=True)
class WhitenedRows:
    """Whitened rows.

    Attributes
    ----------
    features : ndarray of float32, shape (E, d)
        Linear in those of images, which have a variance of 1.
    noise : ndarray of float32, shape (d,)
        Variance of the noise in each.
    image_count : int
    """

    features: np.ndarray
    noise: np.ndarray
    image_count: int


def assign_equal_needs(size: Size) -> float:
    """Bytes: telling features, what is left of them, squares; costs of a place's candidates."""
    places = 8 * FLOAT * size.rows * (size.class_images + size.image_count)
    return max(4 * size.table + places, 3 * FLOAT * size.public * size.pixels)


def assign_equal_seconds(size: Size) -> float:
    """Processor seconds of a hundred rounds, with a third of the features."""
    table = size.rows * size.pixels / 3
    return 100 * table * (4 * TOUCH + 2 * PRODUCT * size.image_count)


def assign_equal(
    problem: Problem,
    features: np.ndarray,
    rng: np.random.Generator,
    *,
    rounds: int = 100,
    noise: Noise = "known",
) -> Assignment:
    """Find images and members in turns, cooling down: a second stage for equal parts.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened rows, see `instahide.attacks.unmixing.similarity.whitened`.
    rounds : int
    noise : {"known", "unknown"}
        Whether to use what the challenge tells of its noise; else it is measured.

    Returns
    -------
    Assignment
        Of k images each, all weights 1/k.

    Raises
    ------
    InstaHideError
        When labels are none of k private images in equal parts.
    """
    parts, field = read_equal(problem), learn_field(problem.public)
    places = make_places(parts, problem.image_count)
    variance = noise_of(problem, field, noise) / (field.spectrum + LEAST_SPECTRUM)
    some = telling(variance, problem.scheme.k)
    rows = WhitenedRows(
        np.ascontiguousarray(features[:, some]), variance[some], problem.image_count
    )
    members = draw_start(places, rng)
    for heat, error in tracked([*schedule(rounds)], "members", "rounds"):
        members = draw_members(places, see_equal(rows, members, error), heat, rng)
    return Assignment(members, parts.coefficients)


def telling(noise: np.ndarray, k: int) -> np.ndarray:
    """Return the fewest features that tell nearly all of who is in a row, int64, in order.

    Parameters
    ----------
    noise : ndarray of float32, shape (d,)
        Variance of the noise in each, where images have a variance of 1.

    Examples
    --------
    >>> telling(np.array([1.0, 1e6, 2.0, 1e5]), 2)
    array([0, 2])
    """
    worth = 1 / (noise + ERRORS[1] / k)
    order = np.argsort(-worth, kind="stable")
    reached = np.cumsum(worth[order]) / worth.sum()
    return np.sort(order[: 1 + int(np.searchsorted(reached, TELLING))])


def schedule(rounds: int) -> Iterator[tuple[float, float]]:
    """Yield heat and error of each round; the last ones take the best."""
    cooling = (
        np.geomspace(*HEATS, max(rounds - BEST, 0)),
        np.geomspace(*ERRORS, max(rounds - BEST, 0)),
    )
    yield from zip(*cooling, strict=True)
    yield from [(0.0, 0.0)] * min(BEST, rounds)


def see_equal(rows: WhitenedRows, members: np.ndarray, error: float) -> EqualSeen:
    """Solve for the images that have these members, and compare rows with them.

    Features count the less, the more of noise or of the images' errors is in them.

    Parameters
    ----------
    members : ndarray of int64, shape (E, k)
    error : float
        The images are taken to be wrong by this variance at least.

    Notes
    -----
    What a row adds to the solution of each of its members is h·r/(1 - h), with r its residual
    and h = (1/k)/(u + ν), where u is the sum of an image's squared weights. (All members
    together explain k·(1/k)·h of the row by itself.) In the product with the row that is
    h·r²/(1 - h) times the feature's precision.
    """
    weight = 1 / members.shape[1]
    weights = np.full(members.shape, weight, np.float32)
    design = sparse_design(Assignment(members, weights), rows.image_count)
    images, wrong = solve_wiener(design, rows.features, np.ones_like(rows.noise), rows.noise)
    precision = 1 / (rows.noise + weight * np.maximum(wrong, np.float32(error)))
    weighed = images * precision
    share = weight / (members.size * weight**2 / rows.image_count + rows.noise)
    share /= 1 - np.minimum(share, MOST_OWN)
    residual = rows.features - design @ images
    return EqualSeen(
        products=rows.features @ weighed.T,
        gram=images @ weighed.T,
        own=(residual**2) @ (precision * share),
        members=members,
    )
