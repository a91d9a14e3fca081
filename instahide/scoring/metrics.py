"""How close a decryption comes to the private images: the challenge's five numbers.

Every row of a decryption is compared with each private image that its encryption mixes:
structural similarity (SSIM) and the "L2 difference", the mean squared error on [-1, 1].
The largest, mean and smallest over those images, averaged over all rows, are the score.
"""

from dataclasses import astuple, dataclass, fields
from typing import Literal

import numpy as np

from instahide.errors import InstaHideError
from instahide.scoring.mixed import ROWS_AT_ONCE, Mixed
from instahide.ssim import check_batches, ssim

LARGEST = 65_535.0  # in single precision, SSIM of much larger values is NaN
RANGE_TOLERANCE = 1e-3  # beyond what rounding makes of values clipped to [-1, 1]
RESAMPLES_AT_ONCE = 100


@dataclass(frozen=True)
class RowScores:
    """The metrics of every row over the private images it mixes; each float64 (E,)."""

    max_ssim: np.ndarray
    mean_ssim: np.ndarray
    min_l2: np.ndarray
    max_l2: np.ndarray
    mean_l2: np.ndarray


METRICS = tuple(field.name for field in fields(RowScores))


@dataclass(frozen=True)
class Interval:
    """A mean over all rows and the two ends of its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean squared error of every pair of images of two batches.

    On images in [-1, 1] this is the challenge's "L2 difference".

    Parameters
    ----------
    a, b : (n, H, W, C) arrays

    Returns
    -------
    (n,) float64 array

    Raises
    ------
    InstaHideError
        When the batches differ in shape.
    """
    check_batches(a, b)
    difference = np.subtract(a, b, dtype=np.float64).reshape(len(a), -1)
    return np.einsum("ij,ij->i", difference, difference) / max(difference.shape[1], 1)


def challenge_scores(
    decryption: np.ndarray,
    private: np.ndarray,
    pairs: np.ndarray,
    mixed: Mixed | None = None,
) -> RowScores:
    """Compare every row of a decryption with the private images that its encryption mixes.

    Parameters
    ----------
    decryption : (E, H, W, C) float32 array, range [-1, 1]
        See `check_range` for values that are not.
    private : (n, H, W, C) float32 array, range [-1, 1]
    pairs : (E, m) integer array
        Which private images each encryption mixes: m = 2, or k for inside-dataset.
    mixed : callable, optional
        Gives the images of some rows as they were mixed, where they were transformed
        before, see `instahide.scoring.mixed.mixed_images`; by default ``private[pairs]``.

    Returns
    -------
    RowScores
        The largest, mean and smallest over the m images of each row.

    Raises
    ------
    InstaHideError
        When shapes do not agree, or `pairs` names an image that does not exist.
    """
    _check_pairs(decryption, private, pairs)
    similarity, error = np.empty((2, *pairs.shape))
    for start in range(0, len(pairs), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        truths = private[pairs[rows]] if mixed is None else mixed(rows)
        for column in range(pairs.shape[1]):
            truth = truths[:, column]
            similarity[rows, column] = ssim(decryption[rows], truth)
            error[rows, column] = mean_squared_error(decryption[rows], truth)
    return RowScores(
        max_ssim=similarity.max(axis=1),
        mean_ssim=similarity.mean(axis=1),
        min_l2=error.min(axis=1),
        max_l2=error.max(axis=1),
        mean_l2=error.mean(axis=1),
    )


def summarise(
    rows: RowScores,
    pairs: np.ndarray,
    *,
    rng: np.random.Generator,
    unit: Literal["image", "row"] = "image",
    resamples: int = 2000,
) -> dict[str, Interval]:
    """Average the metrics over all rows, with 95 % percentile bootstrap intervals.

    Rows are not independent: those that share a private image are good or bad together.
    What varies, and what another challenge would draw anew, is the private images. So by
    default they are resampled: each draws a weight, and a row weighs the product of its
    images' weights. Resampling rows alone treats 5,000 rows of 100 images as 5,000
    independent results, and clusters of rows by their first image forget that every image
    is second elsewhere; when quality belongs to images, the first gives intervals several
    times too narrow and the second half as wide as they should be. The default errs to
    the wide side when there is little more than noise per row.

    Weights are exponential (the Bayesian bootstrap): they have the mean and the variance
    1 of counts drawn with replacement, and never leave a small challenge without a row.

    Parameters
    ----------
    rows : RowScores
    pairs : (E, m) integer array
        Which private images each row mixes; -1 stands for one that does not count.
    rng : numpy.random.Generator
        The source of the resamples; the same state gives the same intervals.
    unit : {"image", "row"}
        What is resampled. "row" asks only how far other encryptions of the same images
        would score differently.
    resamples : int
        How many resamples the intervals are quantiles of.

    Returns
    -------
    dict of Interval
        By metric, in the order of `METRICS`.

    Raises
    ------
    InstaHideError
        When there are no rows, or no such unit.

    References
    ----------
    A. B. Owen, D. Eckles, "Bootstrapping data arrays of arbitrary order", Annals of
    Applied Statistics 6 (2012): products of weights. T. A. B. Snijders, S. P. Borgatti,
    "Non-parametric standard errors and tests for network statistics", Connections 22
    (1999): resampling the vertices of pairs. D. B. Rubin, "The Bayesian bootstrap",
    Annals of Statistics 9 (1981).
    """
    if not len(pairs):
        raise InstaHideError("there are no rows to average")
    if unit not in ("image", "row"):
        raise InstaHideError(f"bootstrap intervals resample 'image' or 'row', not {unit!r}")
    values = np.column_stack(astuple(rows))
    values, origin = values - values[0], values[0]  # exact where all rows are equal
    units = pairs if unit == "image" else np.arange(len(pairs))[:, np.newaxis]
    means = origin + values.mean(axis=0)
    resampled = _resampled_means(values, units, rng, resamples)
    low, high = origin + np.quantile(resampled, [0.025, 0.975], axis=0)
    return {
        name: Interval(float(means[i]), float(low[i]), float(high[i]))
        for i, name in enumerate(METRICS)
    }


def check_numbers(decryption: np.ndarray, *, name: str = "the decryption") -> None:
    """Refuse a decryption that no range could make one of images.

    Raises
    ------
    InstaHideError
        When there are no values, or some are NaN, infinite or beyond those of 16-bit images;
        says where, or which.
    """
    if not decryption.size:
        raise InstaHideError(f"{name} is empty")
    low, high = float(decryption.min()), float(decryption.max())
    if not np.isfinite([low, high]).all():
        raise InstaHideError(_where_not_finite(decryption, name))
    if max(-low, high) > LARGEST:
        raise InstaHideError(
            f"{name} holds values from {low:g} to {high:g}, which no images have; convert them "
            "to [-1, 1]"
        )


def check_range(decryption: np.ndarray, *, name: str = "the decryption") -> None:
    """Refuse a decryption that is evidently not on [-1, 1].

    A guess from the values: no recovered photos are all brighter than mid-grey, so an
    array without a single negative number is taken for one on 0 … 1, unless it is zero
    throughout. Where such values are meant (the absolute encryptions as a baseline), do
    not call this.

    Parameters
    ----------
    decryption : (E, H, W, C) float array
    name : str
        What to call it in the message, such as the file's name.

    Raises
    ------
    InstaHideError
        When values lie outside [-1, 1], or look like 0 … 1 or 0 … 255; says how to convert.
        Also as in `check_numbers`.
    """
    check_numbers(decryption, name=name)
    low, high = float(decryption.min()), float(decryption.max())
    positive, found = low >= -RANGE_TOLERANCE, f"{name} holds values from {low:g} to {high:g}"
    if positive and high > 2:
        raise InstaHideError(
            f"{found}, which looks like 0 to 255; convert it to [-1, 1] by x / 127.5 - 1"
        )
    if max(-low, high) > 1 + RANGE_TOLERANCE:
        raise InstaHideError(f"{found}; clip or rescale it to [-1, 1]")
    if positive and high > RANGE_TOLERANCE:
        raise InstaHideError(
            f"{found}, which looks like 0 to 1; convert it to [-1, 1] by 2 * x - 1"
        )


def _where_not_finite(decryption: np.ndarray, name: str) -> str:
    """Say how many values are NaN or infinite, and in which row the first one is."""
    counts = np.array([row.size - np.count_nonzero(np.isfinite(row)) for row in decryption])
    first = int(np.argmax(counts > 0))
    return (
        f"{name} holds {counts.sum()} values that are NaN or infinite, "
        f"the first of them in row {first}; every value must be a number in [-1, 1]"
    )


def _resampled_means(
    values: np.ndarray, units: np.ndarray, rng: np.random.Generator, resamples: int
) -> np.ndarray:
    """Return (resamples, metrics) weighted means of `values` (E, metrics).

    Row i weighs the product of the weights of `units[i]`; -1 is no unit and weighs 1.
    """
    means = np.empty((resamples, values.shape[1]))
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        some = means[start : start + RESAMPLES_AT_ONCE]
        weights = rng.standard_exponential((len(some), int(units.max()) + 1))
        weights = np.column_stack([weights, np.ones(len(some))])  # the last is that of -1
        products = weights[:, units[:, 0]]
        for column in units.T[1:]:
            products *= weights[:, column]
        some[:] = (products @ values) / products.sum(axis=1, keepdims=True)
    return means


def _check_pairs(decryption: np.ndarray, private: np.ndarray, pairs: np.ndarray) -> None:
    if decryption.ndim != 4 or decryption.shape[1:] != private.shape[1:]:
        raise InstaHideError(
            f"the decryption's images {decryption.shape[1:]} differ in shape from the "
            f"private ones {private.shape[1:]}"
        )
    if pairs.ndim != 2 or not pairs.shape[1] or len(pairs) != len(decryption):
        raise InstaHideError(
            f"pairs {pairs.shape} must have one row for each of the {len(decryption)} rows "
            "of the decryption, and a column for each private image of a row"
        )
    if pairs.dtype.kind not in "iu":
        raise InstaHideError(f"pairs must be whole numbers, not {pairs.dtype}")
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < len(private)):
        raise InstaHideError(
            f"pairs names image {pairs.max() if pairs.min() >= 0 else pairs.min()}, "
            f"but there are {len(private)} private images: is it another private set?"
        )
