"""Synthetic encryptions of the attacker's own photos, for networks to learn from."""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.squares import mix_public
from instahide.encodings.instahide.scheme import Scheme


@dataclass(frozen=True)
class KnownRows:
    """Rows whose private images are known.

    Attributes
    ----------
    magnitudes : ndarray of float32, shape (rows, H, W, C)
    members : ndarray of int64, shape (rows, 2)
        Photos that stand for private images, by number.
    weights : ndarray of float32, shape (rows, 2)
    private : ndarray of float32, shape (images, H, W, C), range [-1, 1]
        These photos, as they were mixed.
    """

    magnitudes: np.ndarray
    members: np.ndarray
    weights: np.ndarray
    private: np.ndarray

    def share(self) -> np.ndarray:
        """Tell which pairs of rows share a private image, bool (rows, rows).

        Examples
        --------
        >>> members = np.array([[0, 1], [1, 2], [2, 3]])
        >>> KnownRows(None, members, None, None).share()[0]
        array([ True,  True, False])
        """
        return (self.members[:, None, :, None] == self.members[None, :, None, :]).any((2, 3))


def draw_rows(
    public: np.ndarray, scheme: Scheme, rng: np.random.Generator, rows: int, images: int
) -> KnownRows:
    """Encrypt photos as the scheme encrypts private images.

    Parameters
    ----------
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
    scheme : Scheme
        Of two private images.
    rng : numpy.random.Generator
    rows : int
    images : int
        How many photos stand for private images, two or more.
    """
    coefficients = draw_accepted(scheme, rng, rows)
    chosen = rng.choice(len(public), min(images, len(public)), replace=False)
    private = public[chosen]
    turned = rng.integers(0, 2, len(private)).astype(bool)
    private[turned] = private[turned][:, :, ::-1]
    first = rng.integers(0, len(private), rows)
    second = (first + rng.integers(1, len(private), rows)) % len(private)
    members, weights = np.stack([first, second], axis=1), coefficients[:, :2]
    mixtures = mix_public(public, coefficients[:, 2:], rng).reshape(-1, *public.shape[1:])
    for place in range(2):
        mixtures += weights[:, place, None, None, None] * private[members[:, place]]
    return KnownRows(np.abs(mixtures), members, weights, private)


def draw_accepted(scheme: Scheme, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Draw coefficients that respect both bounds, float32, shape (rows, k)."""
    kept: list[np.ndarray] = []
    while sum(map(len, kept)) < rows:
        drawn = simulate_coefficients(scheme, rng, 2 * rows)
        kept.append(drawn[scheme.accepts(drawn)])
    return np.concatenate(kept)[:rows]
