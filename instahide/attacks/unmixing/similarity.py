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

Noise whose variance is told counts among what is whitened: else the finest details, of which
photos have next to nothing, would be noise, as loud as all others.
"""

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.unmixing.parts.coefficients import mixture_power
from instahide.attacks.unmixing.parts.field import BATCH_NUMBERS, LEAST_SPECTRUM, learn_field
from instahide.attacks.unmixing.parts.squares import learn_squares, mixtures_for, whiten
from instahide.attacks.unmixing.problem import Problem


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
        return whiten(field, problem.magnitudes, power=1, least=least_variance(problem, rng))
    squares = learn_squares(
        field,
        problem.public,
        problem.scheme,
        rng,
        mixtures=mixtures,
        power=power,
        noise=problem.told_noise,
    )
    features = whiten(squares, problem.magnitudes, power=power, least=floor * squares.power)
    return np.tanh(features, out=features) if squash else features


def least_variance(problem: Problem, rng: np.random.Generator) -> float:
    """Return what rows without masks have of variance besides photos, in that of one photo.

    Rows of private images only are whitened as if they had no noise: of DP-InstaHide's the
    stages `equal` weigh the noise themselves.
    """
    if not problem.told_noise or problem.scheme.inside:
        return LEAST_SPECTRUM
    return LEAST_SPECTRUM + problem.told_noise / mixture_power(problem.scheme, rng)


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
