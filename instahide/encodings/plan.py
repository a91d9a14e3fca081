"""Who is in which row, and how much: the secret truth of any encoding."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz

#: The names of the arrays in `truth.npz`: those of the first format, which is kept.
NAMES = {"members": "pairs", "public": "public", "weights": "coefficients"}


@dataclass(frozen=True)
class Plan:
    """The secret truth of E rows.

    Attributes
    ----------
    members : ndarray of int64, shape (E, m)
        Private images of each row, by their place in the private set; m is 1 or more.
    public : ndarray of int64, shape (E, p)
        Public images, by their place in the pool; p may be 0.
    weights : ndarray of float64, shape (E, m + p)
        How much of each image the row holds, the private ones first; not negative.

    Raises
    ------
    InstaHideError
        When the arrays do not fit each other.
    """

    members: np.ndarray
    public: np.ndarray
    weights: np.ndarray

    def __post_init__(self):
        for field, kinds in (("members", "iu"), ("public", "iu"), ("weights", "f")):
            array = getattr(self, field)
            if array.ndim != 2 or array.dtype.kind not in kinds:
                raise InstaHideError(f"the plan's {field} are {array.dtype} {array.shape}")
        rows, images = self.weights.shape
        if len(self.members) != rows or len(self.public) != rows:
            raise InstaHideError("the plan's arrays differ in their number of rows")
        if self.members.shape[1] + self.public.shape[1] != images:
            raise InstaHideError("the plan's images and weights differ in number")

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, rows: slice) -> "Plan":
        return Plan(self.members[rows], self.public[rows], self.weights[rows])

    def check_images(self, images: int) -> None:
        """Refuse a plan that speaks of other private images than the `images` there are."""
        members = self.members
        if members.size and not 0 <= members.min() <= members.max() < images:
            raise InstaHideError(
                f"the plan's rows mix private images {members.min()} to {members.max()}, and "
                f"there are {images}: it belongs to another private set"
            )


def save_plan(path: Path | str, plan: Plan) -> None:
    """Write a plan as the secret `truth.npz`."""
    arrays = {name: getattr(plan, field) for field, name in NAMES.items()}
    save_npz(path, arrays, secret=True)


def load_plan(path: Path | str) -> Plan:
    """Read `truth.npz`.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or holds no plan.
    """
    found = load_npz(path, list(NAMES.values()))
    try:
        return Plan(**{field: found[name] for field, name in NAMES.items()})
    except InstaHideError as error:
        raise InstaHideError(f"{path} is no truth of a challenge: {error}") from None
