"""What the labels say: which classes a row holds, how much of each, and images of each class.

A label is all that tells one image of a row from another before anything is recovered. Three
kinds of rows are read here: two private images with their coefficients (`read_pairs`), two
without (`read_classes`), and k private ones (`read_inside`).
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.seen import strip_labels
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY
from instahide.errors import InstaHideError


@dataclass(frozen=True)
class Parts:
    """What the labels say of the p private images of each row, and of all images.

    Attributes
    ----------
    classes : ndarray of int64, shape (E, p)
        The largest coefficient's class first.
    coefficients : ndarray of float32, shape (E, p)
        λ of each; half of the sum each where both images of a pair are of one class.
    same : ndarray of bool, shape (E,)
        Both images of a pair are of one class, so that only the sum is known.
    roster : ndarray of int64, shape (classes, most)
        The images of each class, padded with NOBODY.
    """

    classes: np.ndarray
    coefficients: np.ndarray
    same: np.ndarray
    roster: np.ndarray

    @property
    def image_count(self) -> int:
        """Number n of private images."""
        return int(self.roster.max()) + 1

    @property
    def rest(self) -> np.ndarray:
        """What is left of 1 for public images, float32, shape (E,)."""
        return 1 - self.coefficients.sum(axis=1)

    @property
    def candidates(self) -> np.ndarray:
        """The images that may be at each place of a row, int64, shape (E, p, most), padded."""
        return self.roster[self.classes]

    def take(self, rows: np.ndarray) -> "Parts":
        """Return what the labels say of some rows."""
        return replace(
            self,
            classes=self.classes[rows],
            coefficients=self.coefficients[rows],
            same=self.same[rows],
        )


def read_pairs(problem: Problem) -> Parts:
    """Return what the labels say of each row's two images.

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
    return parts_of_pairs(problem.label, problem.image_count)


def check_masked(problem: Problem) -> None:
    """Refuse rows that have not two private images under a mask.

    Raises
    ------
    InstaHideError
    """
    if problem.scheme.private_count != 2 or not problem.scheme.masked:
        instead = "linear, linear-classes or linear-none (with the pool: linear-pool)"
        raise InstaHideError(
            f"scheme {problem.scheme.name}: this stage takes masked rows of two private images"
            + ("" if problem.scheme.masked else f"; without a mask use the attack {instead}")
        )


def check_unmasked(problem: Problem) -> None:
    """Refuse rows that are under a mask, or have not two private images.

    Raises
    ------
    InstaHideError
    """
    scheme = problem.scheme
    if scheme.masked:
        others = (
            "whitened-inside"
            if scheme.private_count != 2
            else "whitened, whitened-classes or whitened-none (with the pool: pool or single)"
        )
        raise InstaHideError(
            f"scheme {scheme.name}: rows are under a mask, and this stage takes rows without a "
            f"mask (mixup); use the attack {others}"
        )
    if scheme.private_count != 2:
        raise InstaHideError(
            f"scheme {scheme.name}, rows of {scheme.private_count} private images: this stage "
            "takes two; no attack here takes more without a mask"
        )


def read_classes(problem: Problem) -> Parts:
    """Return the classes of each row's two images; no coefficients.

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
    return parts_of_pairs(strip_labels(problem.label, "classes"), problem.image_count)


def read_unmasked(problem: Problem) -> Parts:
    """Return what the labels say of each row's two images, without a mask; no coefficients.

    Raises
    ------
    InstaHideError
        When rows have a mask, or do not have two private images.
    """
    check_unmasked(problem)
    return parts_of_pairs(strip_labels(problem.label, "classes"), problem.image_count)


def read_inside(problem: Problem) -> tuple[np.ndarray, Parts]:
    """Return which rows' labels name k classes, int64 (R,), and what they say of those rows.

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
    return parts_of_places(problem.label, scheme.k, problem.image_count)


def parts_of_pairs(label: np.ndarray, image_count: int) -> Parts:
    """Read classes and coefficients of two images off each label, shape (E, classes).

    Every private image is used equally often, so a class appears in proportion to its images.

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
    uses = np.bincount(classes.ravel(), minlength=label.shape[1])
    return Parts(classes, coefficients, same, make_roster(share_out(image_count, uses)))


def parts_of_places(label: np.ndarray, k: int, image_count: int) -> tuple[np.ndarray, Parts]:
    """Read the rows of k classes off labels, shape (E, classes); see `read_inside`.

    All images are used equally often with coefficients of one distribution, so a class's share
    of all coefficients is that of its images.

    Raises
    ------
    InstaHideError
        When a row has no class or more than k, or coefficients do not sum to 1.
    NothingToGoOn
        When no row has k classes.
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
        raise NothingToGoOn(f"no row's label names k = {k} classes; there is nothing to start")
    classes = np.argsort(-label[rows], axis=1, kind="stable")[:, :k].astype(np.int64)
    coefficients = np.take_along_axis(label[rows], classes, 1).astype(np.float32)
    roster = make_roster(share_out(image_count, label.sum(axis=0, dtype=np.float64)))
    return rows, Parts(classes, coefficients, np.zeros(len(rows), bool), roster)


def rows_of_class(parts: Parts, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that hold a class, int64 (R,), and the first place of each that does."""
    holds = parts.classes == number
    rows = np.flatnonzero(holds.any(axis=1))
    return rows, holds[rows].argmax(axis=1)


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


def make_roster(counts: np.ndarray) -> np.ndarray:
    """Number the images class after class; (classes, most) int64, padded with NOBODY."""
    places = np.arange(counts.max())
    starts = np.cumsum(counts) - counts
    return np.where(places < counts[:, None], starts[:, None] + places, NOBODY)
