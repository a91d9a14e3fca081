"""Features of encryptions in which two that share a private image look alike.

A mask takes the signs, so all that is left of an encryption is y = |encryption|. Its square
is the most telling function of it: with s the private part and r the public one,

    y² = s² + 2·s·r + r²,

where s² belongs to the private images and the rest is noise. Like all that is made of
photos, the noise is strongly correlated between pixels, so that plain similarities see
little but overall brightness. Whitening removes that. In the basis of a cosine transform with
rotated colours (`instahide.attacks.unmixing.parts.field`) the covariance of y² over mixtures
of public images is close to diagonal, so the features are y² less its mean, in that basis,
each divided by its standard deviation. No d × d matrix is needed, and a few hundred mixtures
tell d variances well enough.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.field import (
    BATCH_NUMBERS,
    LEAST_SPECTRUM,
    Field,
    batches,
    learn_field,
    measure_spectrum,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.encodings.instahide.scheme import Scheme

MIXTURES = 2000
MIXTURE_NUMBERS = 20_000_000  # of larger images fewer mixtures do
LEAST_MIXTURES = 300


def whitened_needs(size: Size) -> float:
    """Bytes: the mixtures and those of one place, or the features; batches in four forms."""
    learning = 4 * FLOAT * mixtures_for(size.pixels) * size.pixels
    return max(learning, size.table + 4 * min(FLOAT * BATCH_NUMBERS, size.table))


def whitened_seconds(size: Size) -> float:
    """Processor seconds: photos and mixtures of them, and rows, transformed."""
    photos = size.public + 5 * mixtures_for(size.pixels)
    return 3 * TOUCH * size.pixels * (photos + 2 * size.rows)


def whitened(
    problem: Problem,
    rng: np.random.Generator,
    *,
    floor: float = 1e-3,
    mixtures: int | None = None,
    power: int = 2,
    squash: bool = True,
) -> np.ndarray:
    """Whiten the squares of the magnitudes: the first stage of the attack `whitened`.

    Rows without a mask are whitened themselves, less the expected public image.

    Parameters
    ----------
    floor : float
        Added to all variances, as a share of their mean.
    mixtures, power
        See `learn_squares`.
    squash : bool
        Whether to take tanh of the whitened squares: their tails are long, and few large
        values would decide.

    Returns
    -------
    ndarray of float32, shape (E, d)
    """
    field = learn_field(problem.public)
    if not problem.scheme.masked:
        return whiten(field, problem.magnitudes, power=1, least=LEAST_SPECTRUM)
    squares = learn_squares(
        field, problem.public, problem.scheme, rng, mixtures=mixtures, power=power
    )
    features = whiten(squares, problem.magnitudes, power=power, least=floor * squares.power)
    return np.tanh(features, out=features) if squash else features


def whiten(field: Field, rows: np.ndarray, *, power: int, least: float) -> np.ndarray:
    """Return rows to a power in a field's basis, of mean 0 and variance 1.

    Parameters
    ----------
    field : Field
        With mean and variances of what is whitened.
    rows : ndarray of float32, shape (E, d)
    least : float
        Added to the variances.

    Returns
    -------
    ndarray of float32, shape (E, d)
    """
    features = np.empty_like(rows)
    gain = 1 / np.sqrt(field.spectrum + np.float32(least))
    for some in batches(*rows.shape):
        features[some] = field.transform(rows[some] ** power - field.mean) * gain
    return features


def plain_needs(size: Size) -> float:
    """Bytes: the magnitudes' squares, and centred."""
    return 2 * size.table


def plain_seconds(size: Size) -> float:
    """Processor seconds: rows squared and centred."""
    return 2 * TOUCH * size.rows * size.pixels


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


def learn_squares(
    field: Field,
    public: np.ndarray,
    scheme: Scheme,
    rng: np.random.Generator,
    *,
    mixtures: int | None = None,
    power: int = 2,
) -> Field:
    """Learn mean and variances of y², or |y|, from synthetic mixtures of public images.

    Parameters
    ----------
    field : Field
        Of the public images: its basis is taken.
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool; none of its members is needed.
    scheme : Scheme
    rng : numpy.random.Generator
    mixtures : int, optional
        How many synthetic mixtures to average over; by default 2,000, of large images fewer.
    power : {2, 1}

    Returns
    -------
    Field
    """
    count = mixtures_for(field.mean.size) if mixtures is None else mixtures
    mixed = mix_public(public, simulate_coefficients(scheme, rng, count), rng)
    np.abs(mixed, out=mixed)
    mixed **= power
    mean = mixed.mean(axis=0, dtype=np.float64).astype(np.float32)
    mixed -= mean
    centred = (mixed[some] for some in batches(*mixed.shape))
    return replace(measure_spectrum(field, centred), mean=mean)


def mixtures_for(pixels: int) -> int:
    """Return how many mixtures to learn from: of larger images fewer, for they tell as much."""
    return min(MIXTURES, max(LEAST_MIXTURES, MIXTURE_NUMBERS // pixels))
