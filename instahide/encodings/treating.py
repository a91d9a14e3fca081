"""How rows are treated before they are released, see `instahide.encodings.treatment`.

Noise is a function of (key, place of the treatment in the order, number of the row), as masks
are: row i is the same whatever rows are treated with it.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from instahide.encodings.treatment import Treatment
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.randomness.keystream import Key, Stream

LAPLACE_STEP = 2.0**-24  # variates are its multiples, so that no machine's logarithm shows
MOST_VALUES = 2**20  # that noise is drawn for at once
#: Kind of JPEG -> how colours are sampled: at half the resolution, as is usual, or at all.
JPEG_SAMPLING = {
    "jpeg": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "jpeg444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}


def treat_rows(
    rows: np.ndarray, treatments: Sequence[Treatment], key: Key, numbers: np.ndarray
) -> np.ndarray:
    """Return rows as they are released after treatments, one after the other.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, H, W, C)
        Encryptions.
    treatments : sequence of Treatment
    key : Key
        Of the challenge; the noise of the p-th treatment has the stream ``treatment p``.
    numbers : ndarray of int64, shape (E,)
        Which rows of the challenge they are.

    Returns
    -------
    ndarray of float32, shape (E, H, W, C)

    Raises
    ------
    InstaHideError
        When JPEG cannot hold images of so many channels.

    Examples
    --------
    >>> rows = np.zeros((5, 8, 8, 3), np.float32)
    >>> noisy = treat_rows(rows, [Treatment("gaussian", 0.1)], Key.from_seed(1), np.arange(5))
    >>> alone = treat_rows(rows[3:4], [Treatment("gaussian", 0.1)], Key.from_seed(1), [3])
    >>> bool((noisy[3] == alone[0]).all()), round(float(noisy.std()), 2)
    (True, 0.1)
    """
    numbers = np.asarray(numbers)
    step = max(1, MOST_VALUES // max(1, rows[:1].size))
    treated = np.empty(rows.shape, np.float32)
    for start in range(0, len(rows), step):
        some, part = slice(start, start + step), rows[start : start + step]
        for place, treatment in enumerate(treatments):
            stream = key.stream(f"treatment {place}")
            noise = draw_noise(stream, treatment, numbers[some], part[:1].size)
            part = treat(part, treatment, noise if noise is None else noise.reshape(part.shape))
        treated[some] = part
    return treated


def draw_noise(
    stream: Stream, treatment: Treatment, numbers: np.ndarray, count: int
) -> np.ndarray | None:
    """Draw a treatment's noise before it is scaled, `count` variates for each row.

    Returns
    -------
    ndarray of float64, shape (len(numbers), count), or None
        Multiples of 2⁻²⁴, of standard deviation or scale 1; None where no noise is added.
    """
    if treatment.kind == "gaussian":
        return stream.normals(numbers, count)
    if treatment.kind == "laplace":
        return laplace_variates(stream.uniforms(numbers, count))
    return None


def laplace_variates(uniforms: np.ndarray) -> np.ndarray:
    """Return Laplace variates of scale 1 by the inverse distribution, multiples of 2⁻²⁴.

    Parameters
    ----------
    uniforms : ndarray of float64, range (0, 1)
    """
    centred = uniforms - 0.5
    variates = -np.sign(centred) * np.log1p(-2 * np.abs(centred))
    return np.rint(variates / LAPLACE_STEP) * LAPLACE_STEP


def treat(rows: np.ndarray, treatment: Treatment, noise: np.ndarray | None) -> np.ndarray:
    """Return rows as they are after one treatment.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, H, W, C)
        Encryptions on [-1, 1]; after noise also beyond.
    treatment : Treatment
    noise : ndarray of float, shape (E, H, W, C), or None
        Variates of standard deviation (Gaussian) or scale (Laplace) 1; not looked at where no
        noise is added.

    Returns
    -------
    ndarray of float32, shape (E, H, W, C)
        Noise leaves [-1, 1]: what is beyond is released too, as by DP-InstaHide. What 8 bits
        or JPEG cannot hold becomes the nearest that they can.

    Raises
    ------
    InstaHideError
        When JPEG cannot hold images of so many channels.

    Examples
    --------
    >>> rows = np.float32([-0.9, 0.2, 0.7]).reshape(1, 1, 3, 1)
    >>> treat(rows, Treatment("clip", 0.5), None).ravel().tolist()
    [-0.5, 0.20000000298023224, 0.5]
    """
    amount = treatment.amount
    if treatment.kind in ("gaussian", "laplace"):
        return (rows + amount * noise).astype(np.float32)
    if treatment.kind == "rounding":
        steps = (2**amount - 1) / 2
        return (np.round((np.clip(rows, -1, 1) + 1) * steps) / steps - 1).astype(np.float32)
    if treatment.kind in JPEG_SAMPLING:
        return through_jpeg(rows, int(amount), JPEG_SAMPLING[treatment.kind])
    if treatment.kind == "clip":
        return np.clip(rows, -np.float32(amount), np.float32(amount))
    return rows


def through_jpeg(
    rows: np.ndarray, quality: int, colours: int = JPEG_SAMPLING["jpeg"]
) -> np.ndarray:
    """Return rows as 8-bit JPEG files bring them back, float32, shape as given, [-1, 1].

    ASSUME: OpenCV's choices else; its version decides the bits, and stands in
    `challenge.json`.

    Parameters
    ----------
    quality : int
    colours : int
        OpenCV's sampling factor, see `JPEG_SAMPLING`.

    Raises
    ------
    InstaHideError
        When rows have neither one channel nor three.
    """
    if rows.shape[-1] not in (1, 3):
        raise InstaHideError(f"JPEG holds 1 or 3 channels, and rows have {rows.shape[-1]}")
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, colours] if rows.shape[-1] == 3 else []
    images, found = to_bytes(rows), np.empty(rows.shape, np.uint8)
    colour = rows.shape[-1] == 3
    for number, image in enumerate(images):
        given = np.ascontiguousarray(image[..., ::-1])
        _, file = cv2.imencode(".jpg", given, settings)
        back = cv2.imdecode(file, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
        found[number] = back.reshape(image.shape)[..., ::-1]
    return to_unit_range(found)
