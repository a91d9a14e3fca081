"""The finish of images in views with a network that takes off what errors least squares leave.

Fusion-denoising (Luo et al. 2021, arXiv 2105.07754) lays the rows of one image over
each other, and a network that was trained on images of the same kind takes off the noise that
is left. Here least squares over all rows, band by band, take the place of that fusion, and the
network is trained on the attacker's own photos: as they are, and with errors like ours. Those
are what many public images leave of each other, so they are mixtures of public images, as large
as the normal matrix tells, and drawn to 0 where an image has little in a band, as ours are.

It hardly helps. Least squares have probably used most of what tells images from such errors:
both are alike in their spectrum. Max_SSIM of one challenge each, without the network and with:
0.893 and 0.894 with 50 rows an image (two epochs; 0.892 after six), 0.735 and 0.734 with 20
(three), 0.444 and 0.465 with 10 (three), where images are poor.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.bands import Band, local_power, make_bands
from instahide.attacks.unmixing.parts.canvases import Views, views_of
from instahide.attacks.unmixing.parts.denoiser import (
    PATCH,
    Pairs,
    train_denoiser,
)
from instahide.attacks.unmixing.parts.field import Field, batches, learn_field
from instahide.attacks.unmixing.parts.handin import error_variance
from instahide.attacks.unmixing.parts.localweights import LEAST_SHARE
from instahide.attacks.unmixing.parts.viewbands import (
    solve_bands_in_views,
    view_band_needs,
    view_band_seconds,
)
from instahide.attacks.unmixing.parts.viewhandin import hand_in_views
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch

NETWORK_EPOCHS = 2  # with six it has learned what is true of made errors only, and harms
LEAST_PHOTOS = 20  # fewer teach nothing, and nothing could be held out
MOST_NUMBERS = 30_000_000  # of pixels that are learned from: 10,000 photos of 32 × 32
MIXED = 8  # public images in an error
VARIANCE_SPREAD = 0.2  # of the logarithm of variances, about those that are told
SEEN_SECONDS = 8e-7  # processor seconds for each number that the network sees
LEAST_VARIANCE = 1e-6  # in a public image's; the network divides by its root


def denoise_in_views_needs(size: Size) -> float:
    """Bytes: the solution by bands, or photos clean, with errors, and three forms more."""
    photos = min(MOST_NUMBERS, size.public * size.pixels)
    return view_band_needs(size) + 6 * FLOAT * photos


def denoise_in_views_seconds(size: Size) -> float:
    """Processor seconds: the solution by bands, and the training."""
    photos = min(MOST_NUMBERS // size.pixels, size.public)
    numbers = photos * min(size.pixels, 3 * PATCH**2)
    return view_band_seconds(size) + NETWORK_EPOCHS * SEEN_SECONDS * numbers


def denoise_in_views(
    problem: Problem, state: State, rng: np.random.Generator, *, epochs: int = NETWORK_EPOCHS
) -> Recovery:
    """Solve a last time with local weights, denoise by a network, and choose.

    Parameters
    ----------
    epochs : int
        How often the network sees each of the photos.

    Returns
    -------
    Recovery
        As of `instahide.attacks.unmixing.viewfinish.local_in_views`; the details tell the SSIM
        of photos with errors that the network has not learned from, before it and after it.

    Raises
    ------
    InstaHideError
        When PyTorch is missing, `epochs` is no positive number, or there are hardly any photos.
    """
    _check_training(len(problem.public), epochs)  # before half a minute's work
    views, field = views_of(problem), learn_field(problem.public)
    images = solve_bands_in_views(state, field, views)
    variance = variance_in_views(state, views)
    pairs = make_pairs(problem.public, field, variance, rng)
    denoiser = train_denoiser(pairs, epochs, rng)
    pictures = images[:-1].reshape(-1, *problem.shape)
    clean = denoiser.denoise(pictures, deviation_of(variance, field))
    images[:-1] = clean.reshape(len(clean), -1)
    found = hand_in_views(problem, state, views, images, rng)
    told = {
        "photos_before": round(denoiser.before, 4),
        "photos_after": round(denoiser.after, 4),
    }
    return replace(found, details=found.details | told)


def _check_training(photos: int, epochs: int) -> None:
    """Refuse a training that cannot be."""
    if type(epochs) is not int or epochs < 1:
        raise InstaHideError(f"epochs={epochs}: give a whole number of 1 or more")
    if photos < LEAST_PHOTOS:
        raise InstaHideError(f"{photos} photos: the network learns from {LEAST_PHOTOS} or more")
    import_torch("the finish views does without")


def variance_in_views(state: State, views: Views) -> np.ndarray:
    """Return the variance of images' errors, in a public image's, (n,): views hardly matter."""
    members, _ = views.split(state.assignment.members)
    plain = Assignment(members, state.assignment.weights)
    return np.maximum(error_variance(replace(state, assignment=plain)), LEAST_VARIANCE)


def deviation_of(variance: np.ndarray, field: Field) -> np.ndarray:
    """Return standard deviations of pixels, float32, of variances in a public image's."""
    return np.sqrt(variance * field.power).astype(np.float32)


def make_pairs(
    public: np.ndarray, field: Field, variance: np.ndarray, rng: np.random.Generator
) -> Pairs:
    """Return photos with errors like those of images, and without.

    Parameters
    ----------
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
    field : Field
        Of `public`.
    variance : ndarray of float, shape (n,)
        Of images' errors, in a public image's.
    rng : numpy.random.Generator
    """
    most = max(LEAST_PHOTOS, MOST_NUMBERS // field.mean.size)
    chosen = rng.permutation(len(public))[:most]
    clean = public.reshape(len(public), -1)[chosen]
    spread = np.exp(VARIANCE_SPREAD * rng.standard_normal(len(clean)))
    levels = rng.choice(variance, len(clean)) * spread
    errors = mix_errors(public.reshape(len(public), -1), field, len(clean), rng)
    seen = clean + errors * np.sqrt(levels).astype(np.float32)[:, None]
    seen = shrink_in_bands(seen, levels, field)
    shape = -1, *public.shape[1:]
    return Pairs(seen.reshape(shape), clean.reshape(shape), deviation_of(levels, field))


def mix_errors(
    public: np.ndarray, field: Field, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return mixtures of public images less their mean, as large as one, (count, d).

    Weights are of both signs: least squares subtract rows as they add them.
    """
    weights = rng.standard_normal((MIXED, count), np.float32)
    weights /= np.linalg.norm(weights, axis=0)
    errors = np.zeros((count, public.shape[1]), np.float32)
    for weight in weights:
        some = rng.integers(0, len(public), count)
        for rows in batches(*errors.shape):
            errors[rows] += weight[rows, None] * (public[some[rows]] - field.mean)
    return errors


def shrink_in_bands(images: np.ndarray, variance: np.ndarray, field: Field) -> np.ndarray:
    """Draw images to 0 where they have little in a band, as `local_ridge` does.

    Parameters
    ----------
    images : ndarray of float32, shape (N, d)
    variance : ndarray of float, shape (N,)
        Of their errors, in a public image's.

    Returns
    -------
    ndarray of float32, shape (N, d)
    """
    bands, rest = make_bands(field.shape)
    found = np.empty_like(images)
    for rows in batches(*images.shape):
        some = images[rows]
        found[rows] = rest.split_off(field, some)
        for band in bands:
            found[rows] += _shrink_band(band, some, variance[rows], field)
    return found


def _shrink_band(
    band: Band, images: np.ndarray, variance: np.ndarray, field: Field
) -> np.ndarray:
    """Return what images have in a band, times the share of it that is no error."""
    own = band.split_off(field, images)
    power = local_power(own, field.shape, band.reach)
    share = float((field.spectrum * band.gain**2).mean())
    error = (variance * share).astype(np.float32)[:, None, None, None]
    true = np.maximum(power - error, LEAST_SHARE * power.mean())
    return (own.reshape(*power.shape[:3], -1) * (true / (true + error))).reshape(own.shape)
