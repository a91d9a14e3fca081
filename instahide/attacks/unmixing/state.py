"""What the stages of an attack hand on: an assignment, and the state of a retrieval."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz

NOBODY = -1
ASSIGNMENT = ("images", "coefficients")
STATE = ("recovered", *ASSIGNMENT, "level", "rows")


@dataclass(frozen=True)
class Assignment:
    """Which private images a row mixes, and how much of each.

    Attributes
    ----------
    images : ndarray of int64, shape (E, p)
        p = 2, or k inside a dataset; NOBODY where a place is not assigned.
    coefficients : ndarray of float32, shape (E, p)
    """

    images: np.ndarray
    coefficients: np.ndarray

    def design(self, count: int) -> np.ndarray:
        """Return the (E, count + 1) float32 matrix that mixes images into rows.

        Its last column, what is left of 1, belongs to the mean public image.
        """
        rest = 1 - self.coefficients.sum(axis=1, keepdims=True)
        return np.hstack([mix(self.images, self.coefficients, count), rest])


@dataclass(frozen=True)
class State:
    """What is known between rounds.

    Attributes
    ----------
    images : ndarray of float32, shape (n + 1, d)
        Private images, and the mean public one.
    assignment : Assignment
    level : ndarray of float32, shape (E,)
        Variance of each row's public part, in a public image's.
    rows : ndarray of float32, shape (E, d)
        The rows without masks.
    """

    images: np.ndarray
    assignment: Assignment
    level: np.ndarray
    rows: np.ndarray

    @property
    def count(self) -> int:
        """Number n of private images."""
        return len(self.images) - 1

    def design(self) -> np.ndarray:
        """Return the (E, n + 1) matrix that mixes images into rows."""
        return self.assignment.design(self.count)


def mix(images: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Return the (E, count) float32 matrix with each row's weights at its images."""
    design = np.zeros((len(images), count), np.float32)
    for place in range(images.shape[1]):
        rows = np.flatnonzero(images[:, place] != NOBODY)
        design[rows, images[rows, place]] += weights[rows, place]
    return design


def load_assignment(path: Path | str) -> Assignment:
    """Read an assignment.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or holds other arrays.
    """
    return _assignment(load_npz(path, ASSIGNMENT), path)


def load_state(path: Path | str) -> State:
    """Read what a retrieval made.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or holds other arrays.
    """
    found = load_npz(path, STATE)
    images, level, rows = found["recovered"], found["level"], found["rows"]
    assignment = _assignment(found, path)
    shapes = images.shape, level.shape, rows.shape
    if not (images.ndim == rows.ndim == 2 and level.ndim == 1 and images.size) or (
        images.shape[1] != rows.shape[1]
        or not len(assignment.images) == len(level) == len(rows)
        or any(array.dtype.kind != "f" for array in (images, level, rows))
    ):
        raise InstaHideError(
            f"{path} is no state of a retrieval: images, level and rows are "
            f"{', '.join(map(str, shapes))}, the assignment {assignment.images.shape}"
        )
    return State(images, assignment, level, rows)


def _assignment(found: dict[str, np.ndarray], path: Path | str) -> Assignment:
    """Put an assignment together, or refuse arrays that are none."""
    images, coefficients = (found[name] for name in ASSIGNMENT)
    tables = images.ndim == 2 and images.shape == coefficients.shape
    if not tables or images.dtype.kind not in "iu" or coefficients.dtype.kind != "f":
        raise InstaHideError(
            f"{path} is no assignment: its images are {images.dtype} {images.shape} and its "
            f"coefficients {coefficients.dtype} {coefficients.shape}"
        )
    return Assignment(images, coefficients)


def save_assignment(path: Path, assignment: Assignment) -> None:
    """Write an assignment (mode 0600: it says who is mixed with whom)."""
    save_npz(path, {name: getattr(assignment, name) for name in ASSIGNMENT}, secret=True)


def save_state(path: Path, state: State) -> None:
    """Write what a retrieval made (mode 0600: it shows private images)."""
    found = state.assignment
    arrays = (state.images, found.images, found.coefficients, state.level, state.rows)
    save_npz(path, dict(zip(STATE, arrays, strict=True)), secret=True)
