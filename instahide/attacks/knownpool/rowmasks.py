"""Taking the mask off single rows, better than at first: colder, locally, and in regions.

`instahide.attacks.unmixing.parts.field.unmask` takes one level for all pixels of a row. With
the public images known what is left is a photo, which is easy to predict where it is smooth,
and hard at its edges: there a sign that contradicts the prediction is nothing special. So the
temperature of a pixel follows from how well its surroundings are predicted.

Annealing ends in one of several solutions, which differ in whole regions. Of two solutions the
one whose sharpened remainder is sparser is the better, and regions that lie apart can be
compared one by one: `merge_regions` puts together the best of both.
"""

import numpy as np
from scipy.ndimage import binary_dilation, generate_binary_structure, label

from instahide.attacks.knownpool.sharpening import Sharpener, blur, sum_colours
from instahide.attacks.unmixing.parts.field import UNMASKED_NUMBERS, Field, batches

LOCAL_FROM = 0.3  # of the steps: before, nothing local is known
LOCAL_EVERY = 3  # steps: it changes slowly
LOCAL_SPREAD = 1.0  # pixels
LOCAL_FLOOR = 0.05  # of a row's mean error
REACH = 2  # pixels that a region's change is felt around it


def unmask_locally(
    field: Field,
    magnitudes: np.ndarray,
    mean: np.ndarray,
    level: np.ndarray,
    schedule: np.ndarray,
) -> np.ndarray:
    """Estimate rows without their masks; parameters and result as of `unmask`."""
    estimate = np.empty_like(magnitudes)
    relative = field.spectrum / np.float32(field.power)
    steps = list(enumerate(schedule.astype(np.float32)))
    for rows in batches(*magnitudes.shape, UNMASKED_NUMBERS):
        some, centre = magnitudes[rows], mean[rows]
        plain = slope = some / (level[rows, None] * np.float32(field.power))
        now = some * np.tanh(slope * centre)
        for step, (smooth, heat) in steps:
            now -= centre
            predicted = predict(field, now, relative / (relative + smooth))
            if step >= LOCAL_FROM * len(steps) and step % LOCAL_EVERY == 0:
                slope = plain / local_share(now - predicted, field.shape)
            predicted += centre
            predicted *= slope / heat
            now = some * np.tanh(predicted, out=predicted)
        estimate[rows] = now
    return estimate


def predict(field: Field, rows: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Return what the other pixels of each row predict for a pixel, by a smoother's gain."""
    share = gain.mean()
    predicted = field.invert(field.transform(rows) * (gain / (1 - share)))
    predicted -= rows * (share / (1 - share))
    return predicted


def local_share(errors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the local variance of errors, shape (E, d), as a share of each row's mean."""
    local = blur(sum_colours(errors**2, shape[2]), shape, LOCAL_SPREAD)
    local /= local.mean(axis=1, keepdims=True) + np.float32(1e-12)
    local = (local + LOCAL_FLOOR) / np.float32(1 + LOCAL_FLOOR)
    return np.repeat(local, shape[2], axis=1)


def roughness(sharpener: Sharpener, left: np.ndarray) -> np.ndarray:
    """Return how rough what is left of rows is at each pixel, float32, shape (E, H·W).

    Square roots of the sharpened remainder: the smaller their sum, the likelier the row, for
    sharpened photos are sparse.
    """
    return sharpener.over_colours(np.sqrt(np.abs(sharpener.sharpen(left))))


def merge_regions(
    sharpener: Sharpener, ours: np.ndarray, theirs: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """Take from other solutions the regions in which they are less rough.

    Parameters
    ----------
    ours, theirs : ndarray of float32, shape (E, d)
        Two solutions of the same rows, equal but for signs.
    mean : ndarray of float32, shape (E, d)
        What is known of them.

    Returns
    -------
    ndarray of float32, shape (E, d)
        No row is rougher than in `ours`.
    """
    shape = sharpener.field.shape
    differs = ((ours > 0) != (theirs > 0)).reshape(-1, *shape).any(axis=3)
    within = generate_binary_structure(3, 2)
    within[[0, 2]] = False  # rows do not touch
    regions, count = label(binary_dilation(differs, within, iterations=REACH), within)
    if not count:
        return ours
    before = roughness(sharpener, ours - mean)
    gain = (before - roughness(sharpener, theirs - mean)).ravel()
    better = np.bincount(regions.ravel(), gain, count + 1) > 0
    better[0] = False
    taken = (better[regions] & differs)[..., None]
    merged = np.where(taken, theirs.reshape(-1, *shape), ours.reshape(-1, *shape))
    merged = merged.reshape(ours.shape)
    worse = roughness(sharpener, merged - mean).sum(axis=1) > before.sum(axis=1)
    merged[worse] = ours[worse]
    return merged
