"""Features of encryptions in which two that share a private image look alike.

A mask takes the signs, so all that is left of an encryption is y = |encryption|. Its square
is the most telling function of it: with s the private part and r the public one,

    y² = s² + 2·s·r + r²,

where s² belongs to the private images and the rest is noise. Like all that is made of
photos, the noise is strongly correlated between pixels, so that plain similarities see
little but overall brightness. Whitening removes that: with the mean and the covariance
Σ = L·Lᵀ of y² over mixtures of public images alone, the features are L⁻¹·(y² - mean).
Inner products of features are those of the inverse covariance, whichever root is taken;
Cholesky's is the cheapest.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.field import LEAST_SPECTRUM, learn_field
from instahide.attacks.unmixing.problem import Problem
from instahide.encodings.instahide.scheme import Scheme
from instahide.progress import tracked

MIXTURES_AT_ONCE = 1000


@dataclass(frozen=True)
class Whitening:
    """An affine map to features of mean 0 and covariance 1 over public mixtures.

    Attributes
    ----------
    mean : ndarray of float32, shape (d,)
    factor : ndarray of float32, shape (d, d)
        Lower Cholesky factor of the covariance.
    """

    mean: np.ndarray
    factor: np.ndarray

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Whiten rows, shape (E, d); returns float32 of the same shape."""
        centred = (rows - self.mean).T
        return np.ascontiguousarray(
            solve_triangular(self.factor, centred, lower=True, check_finite=False).T
        )


def whitened_needs(size: Size) -> float:
    """Bytes: two matrices d × d and mixtures, or one and the rows in four forms."""
    covariance = FLOAT * size.pixels**2
    mixtures = 4 * FLOAT * MIXTURES_AT_ONCE * size.pixels
    return max(2 * covariance + mixtures, covariance + 4 * size.table)


def whitened(
    problem: Problem,
    rng: np.random.Generator,
    *,
    floor: float = 1e-3,
    mixtures: int = 20_000,
    power: int = 2,
) -> np.ndarray:
    """Whiten the squares of the magnitudes: the first stage of the attack `whitened`.

    Rows without a mask are whitened themselves, less the expected public image.

    Parameters
    ----------
    floor, mixtures, power
        See `learn_whitening`.

    Returns
    -------
    ndarray of float32, shape (E, d)
    """
    scheme = problem.scheme
    if not scheme.masked:
        field = learn_field(problem.public)
        scale = np.sqrt(field.spectrum + LEAST_SPECTRUM)
        return field.transform(problem.magnitudes - field.mean) / scale
    whitening = learn_whitening(
        problem.public, scheme, rng, mixtures=mixtures, floor=floor, power=power
    )
    return whitening.apply(problem.magnitudes**power)


def plain_needs(size: Size) -> float:
    """Bytes: the magnitudes' squares, and centred."""
    return 2 * size.table


def plain(problem: Problem, rng: np.random.Generator, *, power: int = 2) -> np.ndarray:
    """Return the centred squares of the magnitudes: what whitening is compared with."""
    squares = problem.magnitudes**power if problem.scheme.masked else problem.magnitudes
    return squares - squares.mean(axis=0)


def mix_public(
    public: np.ndarray, coefficients: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Mix randomly chosen public images, half of them mirrored.

    Parameters
    ----------
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
    coefficients : ndarray of float32, shape (rows, k)

    Returns
    -------
    ndarray of float32, shape (rows, H * W * C)
    """
    chosen = rng.integers(0, len(public), coefficients.shape)
    mirrored = rng.integers(0, 2, coefficients.shape).astype(bool)
    mixtures = np.zeros((len(coefficients), *public.shape[1:]), np.float32)
    for place in range(coefficients.shape[1]):
        images = public[chosen[:, place]]
        images[mirrored[:, place]] = images[mirrored[:, place], :, ::-1]
        images *= coefficients[:, place, None, None, None]
        mixtures += images
    return mixtures.reshape(len(coefficients), -1)


def learn_whitening(
    public: np.ndarray,
    scheme: Scheme,
    rng: np.random.Generator,
    *,
    mixtures: int = 20_000,
    floor: float = 1e-3,
    power: int = 2,
) -> Whitening:
    """Learn mean and covariance of y², or |y|, from synthetic mixtures of public images.

    Parameters
    ----------
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool; none of its members is needed.
    scheme : Scheme
    rng : numpy.random.Generator
    mixtures : int
        How many synthetic mixtures to average over.
    floor : float
        Added to the covariance's diagonal, as a share of its mean.
    power : {2, 1}

    Returns
    -------
    Whitening
    """
    size = int(np.prod(public.shape[1:]))
    total, moment = np.zeros(size), np.zeros((size, size), np.float32)
    for start in tracked(range(0, mixtures, MIXTURES_AT_ONCE), "mixtures", "thousand"):
        some = min(MIXTURES_AT_ONCE, mixtures - start)
        mixed = mix_public(public, simulate_coefficients(scheme, rng, some), rng)
        mixed = np.abs(mixed) ** power
        total += mixed.sum(axis=0, dtype=np.float64)
        moment += mixed.T @ mixed
    mean = (total / mixtures).astype(np.float32)
    moment /= mixtures
    moment -= np.outer(mean, mean)
    moment.flat[:: size + 1] += floor * moment.diagonal().mean()
    factor = cholesky(moment, lower=True, overwrite_a=True, check_finite=False)
    return Whitening(mean, factor)
