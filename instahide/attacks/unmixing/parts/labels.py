"""What the labels say: which classes a row holds, how much of each, and images of each class.

A label is all that tells one image of a row from another before anything is recovered. Three
kinds of rows are read here: two private images with their coefficients (`read_problem`), two
without (`read_classes`), and k private ones (`read_inside`).
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.problem import Problem, strip_labels
from instahide.attacks.unmixing.state import NOBODY
from instahide.errors import InstaHideError


@dataclass(frozen=True)
class Parts:
    """What the labels say of each row's two private images.

    Attributes
    ----------
    classes : ndarray of int64, shape (E, 2)
        The larger coefficient's class first.
    coefficients : ndarray of float32, shape (E, 2)
        λ of each; half of the sum each where both images are of one class.
    same : ndarray of bool, shape (E,)
        Both images are of one class, so that only the sum is known.
    """

    classes: np.ndarray
    coefficients: np.ndarray
    same: np.ndarray


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


def read_problem(problem: Problem) -> tuple[Parts, np.ndarray]:
    """Return what the labels say of each row, and the images of each class.

    Raises
    ------
    InstaHideError
        When labels lack coefficients, or rows do not have two private images.
    """
    if problem.labels != "coefficients":
        raise InstaHideError(
            f"labels: {problem.labels}: this stage reads coefficients off the labels; without "
            "them choose assignment and retrieval 'free'"
        )
    if problem.scheme.private_count != 2:
        raise InstaHideError(
            f"rows of {problem.scheme.private_count} private images: this stage takes two; for "
            "inside-dataset rows choose assignment and retrieval 'places'"
        )
    parts = read_labels(problem.label)
    return parts, members_table(count_images(parts, problem.label.shape[1], problem.images))


def read_classes(problem: Problem) -> tuple[Parts, np.ndarray]:
    """Return the classes of each row, and the images of each class; no coefficients.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or have no mask.
    """
    if problem.scheme.private_count != 2 or not problem.scheme.masked:
        raise InstaHideError(
            f"scheme {problem.scheme.name}: without coefficients only masked rows of two "
            "private images can be taken apart"
        )
    label = strip_labels(problem.label, "classes")
    parts = read_labels(label)
    return parts, members_table(count_images(parts, label.shape[1], problem.images))


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


def read_labels(label: np.ndarray) -> Parts:
    """Read classes and coefficients off the labels.

    Raises
    ------
    InstaHideError
        When a row has no class or more than two.
    """
    found = (label > 0).sum(axis=1)
    if not ((found == 1) | (found == 2)).all():
        row = int(np.argmax((found < 1) | (found > 2)))
        raise InstaHideError(
            f"the label of row {row} names {found[row]} classes; this attack reads rows of "
            "two private images, which have one or two"
        )
    places = [0, min(1, label.shape[1] - 1)]
    classes = np.argsort(-label, axis=1, kind="stable")[:, places].astype(np.int64)
    coefficients = np.take_along_axis(label, classes, axis=1).astype(np.float32)
    same = found == 1
    classes[same, 1] = classes[same, 0]
    coefficients[same] = coefficients[same, :1] / 2
    return Parts(classes, coefficients, same)


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


def count_images(parts: Parts, classes: int, images: int) -> np.ndarray:
    """Tell how many private images each class has, given their total.

    Every private image is used equally often, so a class appears in proportion to its
    images.

    Returns
    -------
    ndarray of int64, shape (classes,)
    """
    return share_out(images, np.bincount(parts.classes.ravel(), minlength=classes))


def count_by_weight(label: np.ndarray, images: int) -> np.ndarray:
    """Tell how many images each class has, by its share of all coefficients.

    All images are used equally often with coefficients of one distribution.

    Returns
    -------
    ndarray of int64, shape (classes,)
    """
    return share_out(images, label.sum(axis=0, dtype=np.float64))


def share_out(total: int, weights: np.ndarray) -> np.ndarray:
    """Share out a total by weights: fractions are rounded, the largest remainders up.

    Returns
    -------
    ndarray of int64, shape of `weights`
    """
    exact = total * weights / weights.sum()
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts


def members_table(counts: np.ndarray) -> np.ndarray:
    """Number the images class after class; (classes, most) int64, padded with NOBODY."""
    places = np.arange(counts.max())
    starts = np.cumsum(counts) - counts
    return np.where(places < counts[:, None], starts[:, None] + places, NOBODY)


def candidates(parts: Parts, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidate images of a row's two places, each (E, most), padded."""
    return members[parts.classes[:, 0]], members[parts.classes[:, 1]]
