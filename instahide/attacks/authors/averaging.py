"""The attack `averaging`: the mean of rows that share something, as InstaHide's authors tried.

If encryptions of one image were that image under noise, their mean would show it (Huang et al.
2020, in their experiments). A mask is no such noise: half of all values change their sign, so
that the mean of T encryptions goes to zero like 1/√T, with the image in it. The mean of their
magnitudes stays, and tends to E|λ·x + the others|, in which x is hardly seen: the others are
larger, and where they are as often above zero as below, x and -x give the same.

The authors granted their attacker to know which rows hold an image. An attacker of a challenge
reads off the labels which class leads a row, and no more; `average_groups` takes any groups.
"""

import numpy as np

from instahide.attacks.needs import TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.seen import Seen
from instahide.errors import InstaHideError

AVERAGED = ("magnitudes", "signed")
CONTRAST = 0.5  # standard deviation of a photo's values on [-1, 1], about
NO_CONTRAST = 1e-6  # of what can be stretched


def average_rows_needs(size: Size) -> float:
    """Bytes: magnitudes, their means row by row, and these stretched and clipped."""
    return 4 * size.table


def average_rows_seconds(size: Size) -> float:
    """Processor seconds: some passes over all rows."""
    return 10 * TOUCH * size.rows * size.pixels


def average_rows(
    seen: Seen, rng: np.random.Generator, *, of: str = "magnitudes", stretched: bool = True
) -> Recovery:
    """Hand in for each row the mean of all rows that the same class leads: the only step.

    Parameters
    ----------
    seen : Seen
        Its labels group the rows, by the class with the largest coefficient.
    rng : numpy.random.Generator
        Not used.
    of : {"magnitudes", "signed"}
        Whether masks are left out, or averaged away.
    stretched : bool
        Bring means to a photo's contrast, see `stretch`: in their favour.

    Returns
    -------
    Recovery
        One image for each class.

    Raises
    ------
    InstaHideError
        When `of` is another word.
    """
    if of not in AVERAGED:
        raise InstaHideError(f"averaging of {of!r}: choose {' or '.join(AVERAGED)}")
    rows = seen.released.encryption.reshape(seen.table_shape)
    leading = seen.label.argmax(axis=1)
    means = average_groups(np.abs(rows) if of == "magnitudes" else rows, leading)
    images = stretch(means) if stretched else means
    return Recovery(
        decryption=np.clip(images, -1, 1).reshape(-1, *seen.shape),
        private=None,
        complexity="O(Ed)",
        details={"averages": len(np.unique(leading))},
    )


def average_groups(rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return for each row the mean of the rows of its group.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
    group : ndarray of int64, shape (E,)
        Any numbers; equal ones are one group.

    Returns
    -------
    ndarray of float32, shape (E, d)

    Examples
    --------
    >>> average_groups(np.float32([[1], [3], [5]]), np.array([7, 7, 2])).ravel().tolist()
    [2.0, 2.0, 5.0]
    """
    known, place = np.unique(group, return_inverse=True)
    means = np.empty((len(known), rows.shape[1]), np.float32)
    for number in range(len(known)):
        means[number] = rows[place == number].mean(axis=0)
    return means[place]


def stretch(images: np.ndarray) -> np.ndarray:
    """Bring each image to mean 0 and the contrast of a photo; an image of one colour to 0.

    ASSUME: an attacker who looks at a faint image turns up its contrast.

    Parameters
    ----------
    images : ndarray of float32, shape (E, d)

    Examples
    --------
    >>> stretch(np.float32([[0.25, 0.75], [1, 1]])).tolist()
    [[-0.5, 0.5], [0.0, 0.0]]
    """
    centred = images - images.mean(axis=1, keepdims=True)
    contrast = centred.std(axis=1, keepdims=True)
    centred *= np.where(contrast > NO_CONTRAST, CONTRAST, 0) / np.maximum(contrast, NO_CONTRAST)
    return centred
