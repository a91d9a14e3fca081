"""Who is in which inside-dataset encryption: all k images of a row are private ones.

A label then holds the coefficients of all that a row mixes, and they sum to 1. Where it names
k classes, each image's class and coefficient are known exactly, and there is no noise in the
model at all. At k = 4 and ten balanced classes that is half of the rows, more than enough to
find the images with. In the rest, images of one class share a coefficient of which only the
sum is known, and how many there are is not said; they are explained once the images are
known, by non-negative least squares.
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.assignment import members_table, ridge_fit, share_out
from instahide.attacks.unmixing.parts.clustering import cluster_images, clustering_needs
from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.rounds import whiten_by_residuals
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, State, mix
from instahide.errors import InstaHideError
from instahide.progress import tracked

SWEEPS = 4  # over the places of a row
ROUNDS = 4
RIDGE = 0.05
LEAST = 1e-9


@dataclass(frozen=True)
class InsideParts:
    """Rows whose labels name k classes.

    Attributes
    ----------
    rows : ndarray of int64, shape (R,)
        Which rows these are.
    classes : ndarray of int64, shape (R, k)
        The largest coefficient's class first.
    coefficients : ndarray of float32, shape (R, k)
    """

    rows: np.ndarray
    classes: np.ndarray
    coefficients: np.ndarray


def places_needs(size: Size) -> float:
    """Bytes: features of some rows and what is left of them, and their clusters."""
    clusters = clustering_needs(size.class_rows, size.pixels)
    return size.table + max(clusters, 2 * size.table)


def places(problem: Problem, features: np.ndarray, rng: np.random.Generator) -> Assignment:
    """Cluster rows and fit all k places: a second stage for inside-dataset rows.

    Returns
    -------
    Assignment
        Of k images; rows whose labels name fewer classes are empty: NOBODY, with
        coefficients of zero.

    Raises
    ------
    InstaHideError
        When labels are none of k private images, or rows are too few.
    """
    parts, members = read_inside(problem)
    start = cluster_leaders(features[parts.rows], parts, members)
    found = fit_places(features[parts.rows], parts, members, start)
    images = np.full((len(features), problem.scheme.k), NOBODY)
    coefficients = np.zeros(images.shape, np.float32)
    images[parts.rows], coefficients[parts.rows] = found.images, found.coefficients
    return Assignment(images, coefficients)


def read_inside(problem: Problem) -> tuple[InsideParts, np.ndarray]:
    """Return what the labels of k classes say, and the images of each class.

    Raises
    ------
    InstaHideError
        When the scheme is no masked inside one, or labels do not fit it.
    """
    scheme = problem.scheme
    if not (scheme.inside and scheme.masked) or problem.labels != "coefficients":
        raise InstaHideError(
            f"scheme {scheme.name}, labels {problem.labels}: this stage takes masked "
            "inside-dataset rows whose labels have coefficients"
        )
    parts = read_inside_labels(problem.label, scheme.k)
    return parts, members_table(count_by_weight(problem.label, problem.images))


def read_inside_labels(label: np.ndarray, k: int) -> InsideParts:
    """Read the rows of k classes.

    Raises
    ------
    InstaHideError
        When a row has no class or more than k, or coefficients do not sum to 1; when no row
        has k classes.
    """
    found = (label > 0).sum(axis=1)
    wrong = (found < 1) | (found > k) | (np.abs(label.sum(axis=1) - 1) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise InstaHideError(
            f"the label of row {row} names {found[row]} classes and sums to "
            f"{label[row].sum():.3g}; inside-dataset rows of k = {k} name 1 to {k} and sum to 1"
        )
    rows = np.flatnonzero(found == k)
    if not len(rows):
        raise InstaHideError(f"no row's label names k = {k} classes; there is nothing to start")
    classes = np.argsort(-label[rows], axis=1, kind="stable")[:, :k].astype(np.int64)
    coefficients = np.take_along_axis(label[rows], classes, 1).astype(np.float32)
    return InsideParts(rows, classes, coefficients)


def count_by_weight(label: np.ndarray, images: int) -> np.ndarray:
    """Tell how many images each class has, by its share of all coefficients.

    All images are used equally often with coefficients of one distribution.

    Returns
    -------
    ndarray of int64, shape (classes,)
    """
    return share_out(images, label.sum(axis=0, dtype=np.float64))


def cluster_leaders(
    features: np.ndarray, parts: InsideParts, members: np.ndarray
) -> np.ndarray:
    """Cluster rows by the image of their largest coefficient, class by class.

    Returns
    -------
    ndarray of int64, shape (R,)
        Images, or NOBODY.
    """
    found = np.full(len(features), NOBODY)
    for number, images in tracked(list(enumerate(members)), "clusters", "classes"):
        rows = np.flatnonzero(parts.classes[:, 0] == number)
        found[rows] = cluster_images(features[rows], images)
    return found


def choose_places(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    candidates: np.ndarray,
    start: np.ndarray,
    sweeps: int = SWEEPS,
) -> np.ndarray:
    """Choose the image of each place in turn, the others as they are.

    Parameters
    ----------
    products : ndarray of float32, shape (R, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
        Inner products of images.
    weights : ndarray of float32, shape (R, k)
    candidates : ndarray of int64, shape (R, k, most)
        Padded with NOBODY.
    start : ndarray of int64, shape (R, k)
        Images, or NOBODY where a place is empty as yet.
    sweeps : int
        Over all places.

    Returns
    -------
    ndarray of int64, shape (R, k)
    """
    images, at = start.copy(), np.arange(len(start))
    for _ in range(sweeps):
        for place in range(images.shape[1]):
            names, weight = candidates[:, place], weights[:, [place]]
            others = images.copy()
            others[:, place] = NOBODY
            rest = products - mix(others, weights, len(gram)) @ gram
            cost = weight * gram.diagonal()[names] - 2 * np.take_along_axis(rest, names, 1)
            cost[names == NOBODY] = np.inf
            images[:, place] = names[at, cost.argmin(axis=1)]
    return images


def fit_places(
    features: np.ndarray,
    parts: InsideParts,
    members: np.ndarray,
    start: np.ndarray,
    *,
    rounds: int = ROUNDS,
) -> Assignment:
    """Assign images to rows by hard EM.

    Parameters
    ----------
    features : ndarray of float32, shape (R, d)
        Whitened squares of the rows.
    start : ndarray of int64, shape (R,)
        The image with the largest coefficient, or NOBODY.

    Returns
    -------
    Assignment
        Of k images each, in the order of `parts`.
    """
    count, squares = int(members.max()) + 1, parts.coefficients**2
    images = np.full(parts.classes.shape, NOBODY)
    images[:, 0] = start
    rows = start != NOBODY
    for step in tracked(range(rounds), "places", "rounds"):
        common = np.tile(np.array([0, 1], np.float32), (rows.sum(), 1))
        design = np.hstack([mix(images[rows], squares[rows], count), common])
        fitted = ridge_fit(design, features[rows], np.ones(rows.sum(), np.float32), RIDGE)
        profiles = fitted[:count]
        images = choose_places(
            features @ profiles.T - fitted[-1] @ profiles.T,
            profiles @ profiles.T,
            squares,
            members[parts.classes],
            images if step else np.full_like(images, NOBODY),
        )
        rows = np.ones(len(rows), bool)
    return Assignment(images, parts.coefficients)


def reassign_places(
    field: Field, state: State, level: np.ndarray, *, parts: InsideParts, members: np.ndarray
) -> State:
    """Choose each row's images and sign by the distance of the unmasked row.

    Parameters
    ----------
    level : ndarray of float32, shape (R,)
        Variance of each row about its mean.
    """
    rows, images = whiten_by_residuals(field, state, level)
    images = images[:-1]
    products, gram = rows @ images.T, images @ images.T
    weights, names = parts.coefficients, members[parts.classes]
    choices = []
    for sign in (1, -1):
        found = choose_places(sign * products, gram, weights, names, state.assignment.images)
        design = mix(found, weights, len(gram))
        cost = ((design @ gram - 2 * sign * products) * design).sum(axis=1)
        choices.append((found, cost))
    turned = (choices[1][1] < choices[0][1])[:, None]
    return replace(
        state,
        rows=np.where(turned, -state.rows, state.rows),
        assignment=Assignment(np.where(turned, choices[1][0], choices[0][0]), weights),
    )


def explain(
    products: np.ndarray, gram: np.ndarray, allowed: np.ndarray, *, sweeps: int = 30
) -> np.ndarray:
    """Solve non-negative least squares for all rows at once, by coordinate descent.

    Parameters
    ----------
    products : ndarray of float32, shape (R, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
    allowed : ndarray of bool, shape (R, n)
        Images that a row may hold.

    Returns
    -------
    ndarray of float32, shape (R, n)
        Weights.
    """
    weights = np.zeros_like(products)
    rest = products.copy()
    for _ in range(sweeps):
        for image, own in enumerate(gram.diagonal()):
            new = np.maximum(weights[:, image] + rest[:, image] / max(own, LEAST), 0)
            new *= allowed[:, image]
            rest -= (new - weights[:, image])[:, None] * gram[image]
            weights[:, image] = new
    return weights
