"""Public images as a Gaussian field, and taking the mask off with it.

A mixture of public images is smooth, and so are the private ones. So the signs that a mask
hides are not 3,072 independent unknowns: where |x| is given and x is smooth, most signs
follow from their neighbours'. The model of a row is

    x = mean + √v · (a Gaussian field with the covariance of public images),

with v the sum of the public images' squared coefficients. In the basis of a discrete cosine
transform, after a rotation of the colours, that covariance is close to diagonal, so every
step below costs two fast transforms, O(d·log d), instead of a product with a d × d matrix.
(Of small pictures, products with matrices down and across are faster still.)

`unmask` finds the posterior mean of x given |x| by mean-field annealing. A pixel's new value
is |x|·tanh(|x|·p / t), where p is what the other pixels predict for it: the leave-one-out
prediction of a linear smoother with gains w = S / (S + a), whose mean is h,

    p = mean + (W·r - h·r) / (1 - h),    r = x̂ - mean.

The smoother's noise a and the temperature t fall geometrically together. Starting hot
matters most: at once cold, whole regions keep the wrong sign (measured: ten times the
error).

White noise on the rows, of known variance, is one more part of x: it adds to all variances
alike, and predicts nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import dct, dctn, idctn

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.state import Mixtures

LEAST_SPECTRUM = 1e-9  # variance that is divided by
BATCH_NUMBERS = 3_000_000  # that are transformed at a time, where all of them could be many
MOST_MATRIX = 160  # H + W·C of pictures that are transformed by matrices
UNMASKED_NUMBERS = 80_000  # what is at work at a time stays in the processor's cache


@dataclass(frozen=True)
class Field:
    """Mean and covariance of public images, the latter diagonal in a fixed basis.

    Attributes
    ----------
    shape : tuple of int
        (H, W, C).
    mean : ndarray of float32, shape (d,)
    spectrum : ndarray of float32, shape (d,)
        Variances in the basis.
    variance : ndarray of float32, shape (d,)
        Variances of the pixels.
    rotation : ndarray of float32, shape (C, C)
        Of the colours, which follows the cosine transform.
    matrices : tuple of ndarray, or None
        Of small pictures, the transform from top to bottom, (H, H), and from left to right
        with the rotation, (W * C, W * C).
    """

    shape: tuple[int, ...]
    mean: np.ndarray
    spectrum: np.ndarray
    variance: np.ndarray
    rotation: np.ndarray
    matrices: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def power(self) -> float:
        """The mean variance of a pixel."""
        return float(self.spectrum.mean())

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Map rows of pixels, shape (E, d), to the basis."""
        if self.matrices:
            down, across = self.matrices
            half = images.reshape(-1, len(across)) @ across
            return np.matmul(down, half.reshape(-1, *map(len, self.matrices))).reshape(
                len(images), -1
            )
        pictures = images.reshape(-1, *self.shape)
        values = dctn(pictures, axes=(1, 2), norm="ortho").reshape(-1, self.shape[2])
        return (values @ self.rotation).reshape(len(images), -1)

    def invert(self, values: np.ndarray) -> np.ndarray:
        """Map rows of the basis back to pixels."""
        if self.matrices:
            down, across = self.matrices
            half = np.matmul(down.T, values.reshape(-1, *map(len, self.matrices)))
            return (half.reshape(-1, len(across)) @ across.T).reshape(len(values), -1)
        colours = (values.reshape(-1, self.shape[2]) @ self.rotation.T).reshape(-1, *self.shape)
        pictures = idctn(colours, axes=(1, 2), norm="ortho", overwrite_x=True)
        return pictures.reshape(len(values), -1)

    def sample(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Draw rows of the field without its mean, shape (rows, d)."""
        white = rng.standard_normal((rows, len(self.spectrum)), np.float32)
        return self.invert(white * np.sqrt(self.spectrum))


def learn_field(public: np.ndarray) -> Field:
    """Learn the model from public images and their mirror images.

    Parameters
    ----------
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
    """
    shape = public.shape[1:]
    mean = public.mean(axis=0, dtype=np.float64)
    mean = ((mean + mean[:, ::-1]) / 2).astype(np.float32)
    colours = np.zeros((shape[2], shape[2]))
    for rows in batches(len(public), mean.size):
        colour = (public[rows] - mean).reshape(-1, shape[2])
        colours += colour.T @ colour
    _, rotation = np.linalg.eigh(colours)
    empty, rotation = np.empty(0, np.float32), rotation.astype(np.float32)
    matrices = transform_matrices(shape, rotation)
    basis = Field(shape, mean.ravel(), empty, empty, rotation, matrices)
    # A cosine transform of a mirrored image has the same magnitudes.
    rows = batches(len(public), mean.size)
    centred = ((public[some] - mean).reshape(-1, mean.size) for some in rows)
    return measure_spectrum(basis, centred)


def noise_level(field: Field, noise: float) -> float:
    """Return a variance on each value in units of a public image's, as levels are."""
    return noise / max(field.power, LEAST_SPECTRUM)


def transform_matrices(
    shape: tuple[int, ...], rotation: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the transform of small pictures as matrices, see `Field`; None of larger ones."""
    height, width, channels = shape
    if height + width * channels > MOST_MATRIX:
        return None
    down, across = (dct(np.eye(side), axis=0, norm="ortho") for side in (height, width))
    return down.astype(np.float32), np.ascontiguousarray(
        np.kron(across.T, rotation), np.float32
    )


def measure_spectrum(basis: Field, centred: Iterable[np.ndarray]) -> Field:
    """Return a field with the mean squares of rows, in its basis and in its pixels.

    Parameters
    ----------
    basis : Field
        Its spectrum and variance are not looked at.
    centred : iterable of ndarray of float32, shape (some, d)
    """
    spectrum, variance = np.zeros((2, basis.mean.size))
    count = 0
    for rows in centred:
        spectrum += _squares(basis.transform(rows))
        variance += _squares(rows)
        count += len(rows)
    spectrum, variance = ((sums / count).astype(np.float32) for sums in (spectrum, variance))
    return replace(basis, spectrum=spectrum, variance=variance)


def batches(count: int, size: int, numbers: int = BATCH_NUMBERS) -> list[slice]:
    """Cut `count` rows of `size` numbers into batches that are small beside all of them."""
    step = max(1, numbers // size)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def learning_needs(size: Size) -> float:
    """Bytes of `learn_field`: some photos, centred and transformed."""
    return 3 * FLOAT * min(BATCH_NUMBERS, size.public * size.pixels)


def batch_needs(size: Size, forms: int) -> float:
    """Bytes of a batch of rows in some forms."""
    return forms * FLOAT * min(max(BATCH_NUMBERS, size.pixels), size.rows * size.pixels)


def unmask_seconds(size: Size, steps: int) -> float:
    """Processor seconds of `unmask`."""
    return 1e-8 * steps * size.rows * size.pixels


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", rows, rows)


def cooling(
    steps: int, smooth: tuple[float, float] = (50, 0.1), heat: tuple[float, float] = (4, 0.2)
) -> np.ndarray:
    """Return the annealing schedule, shape (steps, 2): a and t, in units of v times power."""
    return np.stack([np.geomspace(*smooth, steps), np.geomspace(*heat, steps)], axis=1)


def unmask(
    field: Field,
    magnitudes: np.ndarray,
    mean: np.ndarray | Mixtures,
    level: np.ndarray,
    schedule: np.ndarray,
    *,
    noise: float = 0.0,
) -> np.ndarray:
    """Estimate rows without their masks.

    Parameters
    ----------
    field : Field
    magnitudes : ndarray of float32, shape (E, d)
        |x|.
    mean : ndarray of float32, shape (E, d), or Mixtures
        What is expected of each row.
    level : ndarray of float32, shape (E,)
        v: variance of the rest, in units of a public image's, and with the noise in it.
    schedule : ndarray of float, shape (steps, 2)
        See `cooling`.
    noise : float
        Variance of white noise on each value, in the same units.

    Returns
    -------
    ndarray of float32, shape (E, d)
        Between -magnitudes and magnitudes: the nearer to them, the surer.
    """
    estimate = np.empty_like(magnitudes)
    planes = _Planes.of(field)
    relative = planes.take(field.spectrum[None] / field.power)
    steps = [(_leave_one_out(relative, smooth), heat) for smooth, heat in schedule]
    for rows in batches(*magnitudes.shape, UNMASKED_NUMBERS):
        some, centre = (planes.take(values) for values in (magnitudes[rows], mean[rows]))
        slope = some / (level[rows] * np.float32(field.power))[:, None]
        now = some * np.tanh(slope * centre)
        here = steps
        if noise:
            share = np.minimum(np.float32(noise) / level[rows], 1)[:, None]
            own = relative * (1 - share) + share
            here = [(_leave_one_out_by_row(own, smooth), heat) for smooth, heat in schedule]
        for gain, heat in here:
            now -= centre
            predicted = planes.smooth(now, gain)
            predicted += centre
            predicted *= slope
            predicted /= np.float32(heat)
            now = np.tanh(predicted, out=predicted)
            now *= some
        estimate[rows] = planes.give(now)
    return estimate


def _leave_one_out(relative: np.ndarray, smooth: float) -> np.ndarray:
    """Return gains that predict a value from all others, given a spectrum over its mean."""
    gain = relative / (relative + np.float32(smooth))
    share = gain.mean()
    return (gain - share) / (1 - share)


def _leave_one_out_by_row(relative: np.ndarray, smooth: float) -> np.ndarray:
    """Return such gains for rows with spectra of their own, (C, H, E, W)."""
    gain = relative / (relative + np.float32(smooth))
    share = gain.mean(axis=(0, 1, 3), keepdims=True)
    return (gain - share) / (1 - share)


@dataclass(frozen=True)
class _Planes:
    """Pictures as planes of colour, (C, H, E, W): a transform is a few large products there.

    Attributes
    ----------
    rotation : ndarray of float32, shape (C, C)
    down, across : ndarray of float32, shapes (H, H) and (W, W), or None
        Cosine transforms of small pictures.
    shape : tuple of int
        (H, W, C).
    """

    rotation: np.ndarray
    down: np.ndarray | None
    across: np.ndarray | None
    shape: tuple[int, ...]

    @classmethod
    def of(cls, field: Field) -> "_Planes":
        height, width, _ = field.shape
        if not field.matrices:
            return cls(field.rotation, None, None, field.shape)
        down, across = (
            dct(np.eye(side), axis=0, norm="ortho").astype(np.float32)
            for side in (height, width)
        )
        return cls(field.rotation, down, across, field.shape)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of pixels, shape (E, d), as planes."""
        planes = rows.reshape(-1, *self.shape).transpose(3, 1, 0, 2)
        return np.ascontiguousarray(planes)

    def give(self, planes: np.ndarray) -> np.ndarray:
        """Return planes as rows of pixels."""
        return planes.transpose(2, 1, 3, 0).reshape(planes.shape[2], -1)

    def smooth(self, planes: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """Return planes times a gain in the basis of the field, (C, H, 1, W)."""
        colours, height, _, width = planes.shape
        if self.down is None:
            values = dctn(planes, axes=(1, 3), norm="ortho")
        else:
            values = (planes.reshape(-1, width) @ self.across.T).reshape(colours, height, -1)
            values = self.down @ values
        values = (self.rotation.T @ values.reshape(colours, -1)).reshape(planes.shape)
        values *= gain
        values = self.rotation @ values.reshape(colours, -1)
        if self.down is None:
            values = values.reshape(planes.shape)
            return idctn(values, axes=(1, 3), norm="ortho", overwrite_x=True)
        values = self.down.T @ values.reshape(colours, height, -1)
        return (values.reshape(-1, width) @ self.across).reshape(planes.shape)
