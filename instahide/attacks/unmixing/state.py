"""What the stages of an attack hand on: an assignment, and the state of a retrieval.

Both are about rows, so both can be taken apart by rows and put together again.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz

NOBODY = -1
#: The arrays of ``assignment.npz``, and of ``state.npz``.
ASSIGNMENT = ("members", "weights")
STATE = ("images", *ASSIGNMENT, "level", "unmasked")


@dataclass(frozen=True)
class Assignment:
    """Which private images a row mixes, and how much of each.

    Attributes
    ----------
    members : ndarray of int64, shape (E, p)
        Private images by number; p = 2, or k inside a dataset. NOBODY where a place is not
        assigned.
    weights : ndarray of float32, shape (E, p)
        Their coefficients; in a space of features, what features are linear in.
    """

    members: np.ndarray
    weights: np.ndarray

    def design(self, image_count: int) -> np.ndarray:
        """Return the (E, n + 1) float32 matrix that mixes n images into rows.

        Its last column, what is left of 1, belongs to the mean public image.
        """
        rest = 1 - self.weights.sum(axis=1, keepdims=True)
        return np.hstack([mix(self.members, self.weights, image_count), rest])

    def sparse_design(self, image_count: int) -> csr_matrix:
        """Return the matrix of `design` as a sparse one: a row has one entry for each place.

        Its last column is dense.
        """
        rest = 1 - self.weights.sum(axis=1, keepdims=True)
        return sparse_mix(self.members, self.weights, image_count, rest)

    def take(self, rows: np.ndarray) -> "Assignment":
        """Return some rows."""
        return Assignment(self.members[rows], self.weights[rows])

    def put(self, rows: np.ndarray, new: "Assignment") -> "Assignment":
        """Return all rows, some of them replaced."""
        return Assignment(
            replace_rows(self.members, rows, new.members),
            replace_rows(self.weights, rows, new.weights),
        )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.members)

    @classmethod
    def load(cls, path: Path | str) -> "Assignment":
        """Read an assignment.

        Raises
        ------
        InstaHideError
            When the file is missing or damaged, or holds other arrays.
        """
        return _assignment(load_npz(path, ASSIGNMENT), path)

    def save(self, path: Path) -> None:
        """Write it (mode 0600: it says who is mixed with whom)."""
        save_npz(path, vars(self), secret=True)


@dataclass(frozen=True)
class Mixtures:
    """Rows as a design mixes images: a table that is never there as a whole.

    Attributes
    ----------
    design : csr_matrix of float32, shape (E, n + 1)
    images : ndarray of float32, shape (n + 1, d)

    Examples
    --------
    >>> half = csr_matrix(np.full((2, 2), 0.5, np.float32))
    >>> Mixtures(half, np.ones((2, 3), np.float32))[1:]
    array([[1., 1., 1.]], dtype=float32)
    """

    design: csr_matrix
    images: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return some rows, float32."""
        return self.design[rows] @ self.images


@dataclass(frozen=True)
class State:
    """What is known between rounds.

    Attributes
    ----------
    images : ndarray of float32, shape (n + 1, d)
        Private images, and the mean public one.
    assignment : Assignment
        Of E rows.
    level : ndarray of float32, shape (E,)
        Variance of each row's public part, in a public image's.
    unmasked : ndarray of float32, shape (E, d)
        The rows without their masks, as far as their signs are known.
    """

    images: np.ndarray
    assignment: Assignment
    level: np.ndarray
    unmasked: np.ndarray

    @property
    def image_count(self) -> int:
        """Number n of private images."""
        return len(self.images) - 1

    def design(self) -> np.ndarray:
        """Return the (E, n + 1) matrix that mixes images into rows."""
        return self.assignment.design(self.image_count)

    @property
    def mixtures(self) -> Mixtures:
        """What the images make of the rows."""
        return Mixtures(self.assignment.sparse_design(self.image_count), self.images)

    def take(self, rows: np.ndarray) -> "State":
        """Return some rows; images are all there."""
        return State(
            self.images, self.assignment.take(rows), self.level[rows], self.unmasked[rows]
        )

    def put(self, rows: np.ndarray, new: "State") -> "State":
        """Return all rows, some of them replaced; the images stay."""
        return State(
            self.images,
            self.assignment.put(rows, new.assignment),
            replace_rows(self.level, rows, new.level),
            replace_rows(self.unmasked, rows, new.unmasked),
        )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.unmasked)

    @classmethod
    def load(cls, path: Path | str) -> "State":
        """Read what a retrieval made.

        Raises
        ------
        InstaHideError
            When the file is missing or damaged, or holds other arrays.
        """
        return _state(load_npz(path, STATE), path)

    def save(self, path: Path) -> None:
        """Write it (mode 0600: it shows private images)."""
        rows = {"level": self.level, "unmasked": self.unmasked}
        save_npz(path, {"images": self.images, **vars(self.assignment), **rows}, secret=True)


def nobody(rows: int, places: int) -> Assignment:
    """Return an assignment that knows of nobody, with weights of zero."""
    shape = rows, places
    return Assignment(np.full(shape, NOBODY), np.zeros(shape, np.float32))


def mix(members: np.ndarray, weights: np.ndarray, image_count: int) -> np.ndarray:
    """Return the (E, n) float32 matrix with each row's weights at its members."""
    design = np.zeros((len(members), image_count), np.float32)
    for place in range(members.shape[1]):
        rows = np.flatnonzero(members[:, place] != NOBODY)
        design[rows, members[rows, place]] += weights[rows, place]
    return design


def sparse_mix(
    members: np.ndarray, weights: np.ndarray, image_count: int, common: np.ndarray
) -> csr_matrix:
    """Return `mix` and columns common to all rows behind it, as a sparse float32 matrix.

    Parameters
    ----------
    members, weights : ndarray, shape (E, p)
    common : ndarray of float32, shape (E, c)
    """
    rows, columns = common.shape
    behind = np.broadcast_to(image_count + np.arange(columns), (rows, columns))
    places = np.hstack([members, behind])
    values = np.hstack([weights, common]).astype(np.float32, copy=False)
    kept = places != NOBODY
    starts = np.concatenate([[0], kept.sum(axis=1).cumsum()])
    shape = rows, image_count + columns
    design = csr_matrix((values[kept], places[kept], starts), shape)
    design.sum_duplicates()
    return design


def replace_rows(values: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return a copy of `values` with some rows replaced."""
    values = values.copy()
    values[rows] = new
    return values


def _state(found: dict[str, np.ndarray], path: Path | str) -> State:
    """Put a state together, or refuse arrays that are none."""
    images, level, unmasked = found["images"], found["level"], found["unmasked"]
    assignment = _assignment(found, path)
    shapes = images.shape, level.shape, unmasked.shape
    if not (images.ndim == unmasked.ndim == 2 and level.ndim == 1 and images.size) or (
        images.shape[1] != unmasked.shape[1]
        or not len(assignment.members) == len(level) == len(unmasked)
        or any(array.dtype.kind != "f" for array in (images, level, unmasked))
    ):
        raise InstaHideError(
            f"{path} is no state of a retrieval: images, level and unmasked rows are "
            f"{', '.join(map(str, shapes))}, the assignment {assignment.members.shape}"
        )
    return State(images, assignment, level, unmasked)


def _assignment(found: dict[str, np.ndarray], path: Path | str) -> Assignment:
    """Put an assignment together, or refuse arrays that are none."""
    members, weights = (found[name] for name in ASSIGNMENT)
    tables = members.ndim == 2 and members.shape == weights.shape
    if not tables or members.dtype.kind not in "iu" or weights.dtype.kind != "f":
        raise InstaHideError(
            f"{path} is no assignment: its members are {members.dtype} {members.shape} and its "
            f"weights {weights.dtype} {weights.shape}"
        )
    return Assignment(members, weights)
