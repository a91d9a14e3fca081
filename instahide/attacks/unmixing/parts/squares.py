"""Squares of encryptions in a basis where the public images' part of them is white.

What `instahide.attacks.unmixing.similarity` explains: mean and variances of y² are learnt from
synthetic mixtures of public images, in the basis of a cosine transform with rotated colours.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.field import Field, batches, measure_spectrum
from instahide.encodings.instahide.scheme import Scheme

MIXTURES = 2000
MIXTURE_NUMBERS = 20_000_000  # of larger images fewer mixtures do
LEAST_MIXTURES = 300


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


def learn_squares(
    field: Field,
    public: np.ndarray,
    scheme: Scheme,
    rng: np.random.Generator,
    *,
    mixtures: int | None = None,
    power: int = 2,
    noise: float = 0.0,
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
    noise : float
        Variance of noise on each value of a row, which mixtures then have too: rows of
        magnitude |y + noise| have larger squares, that vary more where photos hardly do.

    Returns
    -------
    Field
    """
    count = mixtures_for(field.mean.size) if mixtures is None else mixtures
    mixed = mix_public(public, simulate_coefficients(scheme, rng, count), rng)
    if noise:
        mixed += np.float32(noise**0.5) * rng.standard_normal(mixed.shape, np.float32)
    np.abs(mixed, out=mixed)
    mixed **= power
    mean = mixed.mean(axis=0, dtype=np.float64).astype(np.float32)
    mixed -= mean
    centred = (mixed[some] for some in batches(*mixed.shape))
    return replace(measure_spectrum(field, centred), mean=mean)


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


def mixtures_for(pixels: int) -> int:
    """Return how many mixtures to learn from: of larger images fewer, for they tell as much."""
    return min(MIXTURES, max(LEAST_MIXTURES, MIXTURE_NUMBERS // pixels))
