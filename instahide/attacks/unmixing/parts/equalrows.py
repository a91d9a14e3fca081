"""What is known of rows that mix k private images in equal parts, under noise and no mask.

Their labels are multiples of 1/k, and tell how many images of each class a row holds. The
variance of the noise is public, or is measured here where photos have next to no detail.
"""

from typing import Literal

import numpy as np

from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.labels import Parts, make_roster, share_out
from instahide.attacks.unmixing.problem import Problem
from instahide.errors import InstaHideError

#: Variance that is always there: images of whole bytes, mixed.
BYTE_NOISE = 5e-6
FINEST = 0.25  # share of the basis, of least variance in photos, that noise is measured in
EQUAL_TOLERANCE = 1e-3  # of labels, in multiples of 1/k

#: Whether a stage uses what the challenge tells of its noise.
Noise = Literal["known", "unknown"]


def read_equal(problem: Problem) -> Parts:
    """Return what the labels say of each row's k images, a class as often as it has images.

    Raises
    ------
    InstaHideError
        When labels lack coefficients, or are none of k images in equal parts.
    """
    if problem.labels != "coefficients":
        raise InstaHideError(
            f"labels: {problem.labels}: this stage reads off whole labels how many images of "
            "each class a row holds; give it labels with coefficients"
        )
    return parts_of_equal(problem.label, problem.scheme.k, problem.image_count)


def parts_of_equal(label: np.ndarray, k: int, image_count: int) -> Parts:
    """Read the classes of k images off each label, shape (E, classes); see `read_equal`.

    Examples
    --------
    >>> label = np.array([[0.5, 0.5], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> parts_of_equal(label, 2, 4).classes.tolist()
    [[0, 1], [0, 0], [0, 1], [1, 1]]
    """
    places = np.rint(label * k).astype(np.int64)
    off = np.abs(label * k - places).max(axis=1)
    wrong = (off > EQUAL_TOLERANCE * k) | (places.sum(axis=1) != k)
    if wrong.any():
        row = int(wrong.argmax())
        raise InstaHideError(
            f"the label of row {row} is none of {k} private images in equal parts: entries are "
            f"multiples of 1/{k} and sum to 1, as those of dp-instahide"
        )
    counts = share_out(image_count, places.sum(axis=0))
    few = places.max(axis=0) > counts
    if few.any():
        name = int(few.argmax())
        raise InstaHideError(
            f"a row holds images of class {name}, {places[:, name].max()} of them, and by its "
            f"share of the labels that has {counts[name]} of the {image_count} private images: "
            "is this their number?"
        )
    each = np.tile(np.arange(label.shape[1]), len(label))
    classes = np.repeat(each, places.ravel()).reshape(len(label), k)
    coefficients = np.full(classes.shape, 1 / k, np.float32)
    same = np.zeros(len(label), bool)
    return Parts(classes, coefficients, same, make_roster(counts))


def uses_told(problem: Problem, noise: Noise) -> bool:
    """Tell whether a stage uses the variance that the challenge tells.

    Raises
    ------
    InstaHideError
        When `noise` is neither ``known`` nor ``unknown``.
    """
    if noise not in ("known", "unknown"):
        raise InstaHideError(f"noise={noise}: the noise's scale is known or unknown")
    return noise == "known" and problem.noise is not None


def noise_of(problem: Problem, field: Field, noise: Noise) -> float:
    """Return the variance of the noise of a value: as it is told, or as the rows show it."""
    if uses_told(problem, noise):
        return max(problem.noise, BYTE_NOISE)
    rows = field.transform(problem.magnitudes - field.mean)
    return measure_noise(rows, field, 1 / problem.scheme.k)


def measure_noise(rows: np.ndarray, field: Field, mixed: float = 0.0) -> float:
    """Measure the variance of white noise in rows of the field's basis.

    It is what the finest details of the rows have more of than mixtures of photos.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        Rows, or what is left of them when they are explained.
    field : Field
        Of public photos.
    mixed : float
        Variance of the images in a row, in that of one image: 1/k, or 0 for what is left.
    """
    finest = np.argsort(field.spectrum)[: max(1, int(FINEST * len(field.spectrum)))]
    power = np.mean(rows[:, finest] ** 2, dtype=np.float64)
    return max(float(power - mixed * field.spectrum[finest].mean()), BYTE_NOISE)
