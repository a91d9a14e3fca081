"""The parameters of a challenge: which mixture, how many images, which bounds.

Source: Huang, Song, Li, Arora, "InstaHide: Instance-hiding Schemes for Private Distributed
Learning" (ICML 2020), sections 3 and 4, and the README of the authors' challenge.
"""

from dataclasses import dataclass

import numpy as np

from instahide.errors import InstaHideError

#: scheme name -> (all images are private, a random mask flips the signs)
SCHEMES = {
    "cross": (False, True),
    "inside": (True, True),
    "mixup": (False, False),
    "mixup-inside": (True, False),
}
MAX_K = 32
MAX_INSIDE_K = 8
SMALLEST_ACCEPTANCE = 0.01


@dataclass(frozen=True)
class Scheme:
    """Validated parameters of an encryption scheme.

    Attributes
    ----------
    name : {"cross", "inside", "mixup", "mixup-inside"}
        ``cross`` mixes 2 private and k - 2 public images, ``inside`` k private ones, both
        under a random mask; the two ``mixup`` schemes are the same without the mask.
    k : int
        Images in a mixture, 2 to 32 (8 where all are private).
    c1 : float
        No coefficient exceeds it.
    c2 : float
        The two private coefficients sum to at least this; public mixtures only.
    rows_per_image : int
        T: encryptions led by each private image.

    Raises
    ------
    InstaHideError
        When a value is out of range, or when the bounds cannot (or hardly ever) be met.
    """

    name: str = "cross"
    k: int = 6
    c1: float = 0.65
    c2: float = 0.3
    rows_per_image: int = 50

    def __post_init__(self):
        if self.name not in SCHEMES:
            raise InstaHideError(f"scheme {self.name!r} is none of {', '.join(SCHEMES)}")
        most = MAX_INSIDE_K if self.inside else MAX_K
        if not 2 <= self.k <= most:
            raise InstaHideError(f"k = {self.k}: scheme {self.name} takes 2 to {most} images")
        if self.rows_per_image < 1:
            raise InstaHideError(f"rows_per_image = {self.rows_per_image}: use 1 or more")
        self._check_bounds()

    @property
    def inside(self) -> bool:
        """Whether all k images are private."""
        return SCHEMES[self.name][0]

    @property
    def masked(self) -> bool:
        """Whether a random mask flips the signs."""
        return SCHEMES[self.name][1]

    @property
    def private_count(self) -> int:
        """Private images in a mixture."""
        return self.k if self.inside else 2

    @property
    def public_count(self) -> int:
        """Public images in a mixture."""
        return self.k - self.private_count

    def accepts(self, coefficients: np.ndarray) -> np.ndarray:
        """Tell which rows of coefficients, shape (rows, k), respect c1 and c2."""
        accepted = coefficients.max(axis=1) <= self.c1
        if self.public_count:
            accepted &= coefficients[:, 0] + coefficients[:, 1] >= self.c2
        return accepted

    def check_images(self, images: int, pool: int) -> None:
        """Refuse private sets and pools too small for this scheme.

        Parameters
        ----------
        images, pool : int
            Private images; public images.
        """
        # Mixing without an image meeting itself takes two choices per place at least.
        needed = 2 if self.private_count == 2 else 2 * self.k
        if images < needed:
            raise InstaHideError(
                f"scheme {self.name} with k = {self.k} needs at least {needed} private images, "
                f"and there are {images}"
            )
        if pool < self.public_count:
            raise InstaHideError(
                f"the pool is too small: each encryption mixes {self.public_count} different "
                f"public images, and it has {pool}"
            )

    def _check_bounds(self) -> None:
        if not self.c1 * self.k > 1:
            raise InstaHideError(
                f"c1 = {self.c1} cannot be met: of {self.k} coefficients that sum to 1, one is "
                f"at least 1/{self.k} = {1 / self.k:.3f}; raise c1 or k"
            )
        if self.public_count and not self.c2 < min(1, 2 * self.c1):
            raise InstaHideError(
                f"c2 = {self.c2} cannot be met: two coefficients sum to less than "
                f"{min(1, 2 * self.c1):.3g}; lower c2"
            )
        share = self._acceptance()
        if share < SMALLEST_ACCEPTANCE:
            raise InstaHideError(
                f"c1 = {self.c1} and c2 = {self.c2} at k = {self.k} accept only {share:.2%} of "
                "the draws; widen the bounds"
            )

    def _acceptance(self, draws: int = 20_000) -> float:
        """Estimate the share of accepted draws, with a generator of its own."""
        normals = np.abs(np.random.default_rng(0).standard_normal((draws, self.k)))
        return float(self.accepts(normals / normals.sum(axis=1, keepdims=True)).mean())
