"""DP-InstaHide: mixtures of private images with Laplace noise instead of a mask.

Borgnia et al., "DP-InstaHide: Provably Defusing Poisoning and Backdoor Attacks with
Differentially Private Data Augmentations" (2021, arXiv:2103.02079): k private images are
mixed, and independent Laplace noise is added to every pixel and channel. There is no mask and
no public image; what protects is the noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from instahide.encodings.instahide.plan import draw_orders
from instahide.encodings.plan import Plan
from instahide.encodings.protocol import PublicImages, RowOf
from instahide.encodings.treating import laplace_variates
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key

MOST_MIXED = 8  # the orders of a block are drawn until no image meets itself


@dataclass(frozen=True)
class DPInstaHide:
    """The encoding, see `instahide.encodings.protocol.Encoding`.

    Attributes
    ----------
    private : LabelledImages
    key : Key
    k : int
        Private images in a mixture.
    noise : float
        Scale b of the Laplace distribution, for images on [-1, 1]: its standard deviation
        is √2·b. (The paper's images lie on [0, 1], where the scale is half as large.)
    rows_per_image : int
        T: rows led by each private image.
    """

    private: LabelledImages
    key: Key = field(repr=False)
    k: int
    noise: float
    rows_per_image: int

    @property
    def rows(self) -> int:
        """T rows for each private image."""
        return len(self.private.images) * self.rows_per_image

    @property
    def arrays(self) -> Mapping[str, RowOf]:
        """One array: the noisy mixtures, shaped like the images."""
        return {"encryption": RowOf("<f4", self.private.images.shape[1:])}

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan.

        In each block of n rows every private image leads one row and follows in k - 1 others.
        ASSUME: all k weights are 1/k, as in the paper's theorem on privacy.
        """
        rows, images = np.arange(start, stop), len(self.private.images)
        blocks, places = np.divmod(rows, images)
        first = start // images
        wanted = np.arange(first, blocks[-1] + 1) if len(rows) else np.arange(0)
        orders = draw_orders(self.key, wanted, images, self.k)
        return Plan(
            members=orders[blocks - first, :, places],
            public=np.empty((len(rows), 0), np.int64),
            weights=np.full((len(rows), self.k), 1 / self.k),
        )

    def encode(self, plan: Plan, start: int) -> dict[str, np.ndarray]:
        """Mix the images of a plan whose first row is row `start`, and add the noise.

        Returns
        -------
        dict of ndarray
            ``encryption``, float32, shape (len(plan), H, W, C); not bounded.
        """
        mixed = np.zeros((len(plan), *self.private.images.shape[1:]))
        for members, weights in zip(plan.members.T, plan.weights.T, strict=True):
            mixed += weights[:, None, None, None] * self.private.images[members]
        rows = np.arange(start, start + len(plan))
        noise = draw_laplace(self.key, rows, mixed[:1].size) * self.noise
        mixed = mixed / 127.5 - 1 + noise.reshape(mixed.shape)
        return {"encryption": mixed.astype(np.float32)}

    def describe(self) -> dict[str, Any]:
        """Return k, the noise's scale and T."""
        return {"k": self.k, "noise": self.noise, "rows_per_image": self.rows_per_image}


def draw_laplace(key: Key, rows: np.ndarray, count: int) -> np.ndarray:
    """Draw Laplace variates of scale 1 by the inverse distribution, one word each.

    Returns
    -------
    ndarray of float64, shape (len(rows), count)
        Multiples of 2⁻²⁴.
    """
    return laplace_variates(key.stream("laplace").uniforms(rows, count))


def dp_instahide(
    private: LabelledImages,
    public: PublicImages,
    key: Key,
    *,
    k: int = 4,
    noise: float = 0.2,
    rows_per_image: int = 50,
) -> DPInstaHide:
    """Return DP-InstaHide as an encoding of these images.

    Parameters
    ----------
    private : LabelledImages
    public : PublicImages
        None: they are not mixed in.
    key : Key
    k : int
        2 to 8.
    noise : float
        0 or more; 0 is Mixup with equal weights.
    rows_per_image : int

    Raises
    ------
    InstaHideError
        When an option is out of range, there are fewer than 2·k private images, or there
        are public ones.
    """
    if not 2 <= k <= MOST_MIXED:
        raise InstaHideError(f"k = {k}: DP-InstaHide here mixes 2 to {MOST_MIXED} images")
    if not 0 <= noise < np.inf:
        raise InstaHideError(f"noise = {noise}: the scale is a number of 0 or more")
    if rows_per_image < 1:
        raise InstaHideError(f"rows_per_image = {rows_per_image}: use 1 or more")
    if len(public):
        raise InstaHideError("DP-InstaHide mixes private images only: leave out the pool")
    if len(private.images) < 2 * k:
        raise InstaHideError(
            f"k = {k} needs at least {2 * k} private images, and there are "
            f"{len(private.images)}"
        )
    return DPInstaHide(private, key, k, float(noise), rows_per_image)
