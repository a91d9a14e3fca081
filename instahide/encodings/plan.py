"""Who is in which row, and how much: the secret truth of any encoding."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.encodings.augmentation import Augmentation, Transforms, apply_transforms
from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz

#: The names of the arrays in `truth.npz`: those of the first format, which is kept.
NAMES = {"members": "pairs", "public": "public", "weights": "coefficients"}
#: Where images were transformed, also the augmentation as JSON, and the transforms' arrays.
AUGMENTATION = "augmentation"
TRANSFORMS = ("flipped", "shifts", "angles", "moves", "corners")


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
    transforms : Transforms, optional
        What happened to the images of each row before they were mixed, see
        `instahide.encodings.augmentation`: to its m private ones, or to all m + p.
    augmentation : Augmentation, optional
        What may happen to them; there where `transforms` are.

    Raises
    ------
    InstaHideError
        When the arrays do not fit each other.
    """

    members: np.ndarray
    public: np.ndarray
    weights: np.ndarray
    transforms: Transforms | None = None
    augmentation: Augmentation | None = None

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
        if (self.transforms is None) != (self.augmentation is None):
            raise InstaHideError("the plan has transforms or an augmentation, and not both")
        if self.transforms is not None:
            self._check_transforms(self.transforms, self.augmentation)

    def _check_transforms(self, transforms: Transforms, augmentation: Augmentation) -> None:
        expected = self.weights if augmentation.public else self.members
        if transforms.flipped.shape != expected.shape:
            raise InstaHideError(
                f"the plan has transforms for {transforms.flipped.shape} images, and "
                f"{expected.shape} are expected"
            )
        transforms.check(augmentation)

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, rows: slice) -> "Plan":
        transforms = None if self.transforms is None else self.transforms[rows]
        return Plan(
            self.members[rows],
            self.public[rows],
            self.weights[rows],
            transforms,
            self.augmentation,
        )

    def check_images(self, images: int) -> None:
        """Refuse a plan that speaks of other private images than the `images` there are."""
        members = self.members
        if members.size and not 0 <= members.min() <= members.max() < images:
            raise InstaHideError(
                f"the plan's rows mix private images {members.min()} to {members.max()}, and "
                f"there are {images}: it belongs to another private set"
            )


def as_mixed(plan: Plan, images: np.ndarray) -> np.ndarray:
    """Return the private images of each row as they were mixed into it.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, C)
        The private set.

    Returns
    -------
    ndarray of uint8, shape (E, m, H, W, C)
        ``images[plan.members]`` where the plan has no transforms.
    """
    chosen = images[plan.members]
    if plan.transforms is None:
        return chosen
    places = plan.members.shape[1]
    return apply_transforms(chosen, plan.transforms.of_places(0, places), plan.augmentation)


def public_as_mixed(plan: Plan, public: np.ndarray) -> np.ndarray:
    """Return the public images of each row as they were mixed into it.

    Parameters
    ----------
    public : ndarray of uint8, shape (E, p, H, W, C)
        Those of each row, as they are in the pool.
    """
    if plan.augmentation is None or not plan.augmentation.public:
        return public
    places = plan.members.shape[1]
    return apply_transforms(public, plan.transforms.of_places(places), plan.augmentation)


def save_plan(path: Path | str, plan: Plan) -> None:
    """Write a plan as the secret `truth.npz`."""
    arrays = {name: getattr(plan, field) for field, name in NAMES.items()}
    if plan.transforms is not None:
        arrays[AUGMENTATION] = np.array(json.dumps(plan.augmentation.describe()))
        arrays |= plan.transforms.arrays()
    save_npz(path, arrays, secret=True)


def load_plan(path: Path | str) -> Plan:
    """Read `truth.npz`.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or holds no plan.
    """
    found = load_npz(path, list(NAMES.values()), [AUGMENTATION, *TRANSFORMS])
    try:
        arrays = {field: found[name] for field, name in NAMES.items()}
        return Plan(**arrays, **_loaded_transforms(found))
    except InstaHideError as error:
        raise InstaHideError(f"{path} is no truth of a challenge: {error}") from None


def _loaded_transforms(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Read augmentation and transforms among the arrays of a truth, where there are some."""
    if AUGMENTATION not in found:
        return {}
    text = found[AUGMENTATION]
    try:
        told = json.loads(text.item()) if text.dtype.kind == "U" and text.ndim == 0 else None
    except (ValueError, RecursionError):
        told = None
    arrays = {name: found[name] for name in TRANSFORMS if name in found}
    if not {"flipped", "shifts"} <= arrays.keys():
        raise InstaHideError("it has an augmentation and no transforms")
    return {"transforms": Transforms(**arrays), "augmentation": Augmentation.of(told)}
