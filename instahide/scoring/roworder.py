"""A hint for decryptions whose rows or axes are in another order than the encryptions'.

A decryption in the wrong order scores like one that recovered nothing. Whether it is one
shows in the private images that its rows show: for each row the one that correlates best.
If another order makes most rows show one of their own images, and the given order does not,
that is said. The score stays what it is.

An order that follows no rule cannot be told from images that were recovered and given to
the wrong rows, unless two things speak for it: rows that show the same image have no image
in common (an attack that names its images wrongly keeps them together), and images are not
shown as often as drawing them at random would (as the baseline `random` does).
"""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from scipy.special import chdtr

ROWS = 500  # that are looked at for orders with a rule
MOST_ROWS = 10_000  # and for those without
AXES_ROWS = 100  # and for orders of the axes
ROWS_AT_ONCE, SHIFTS_AT_ONCE = 1000, 100
MOST_SHIFT = 5000
MOST_OF_ROWS = 0.5  # of the rows must show one of their own images,
MORE = 0.3  # and that many more than in the order they are in
DEVIATIONS = 6.0  # beyond what chance would show
LEAST_LENGTH = 1e-3  # of an image around its mean; below, it is of one colour
CLEAR = 0.8  # correlation with a private image, to be called that image
POSSIBLE = 0.8  # of the rows that some order can give an image of their own
CHANCE = 1e-6  # on either side, of what drawing at random would show
PERMUTATIONS = 20
AXES = ("rows", "height", "width", "channels")


def order_hint(decryption: np.ndarray, private: np.ndarray, pairs: np.ndarray) -> str:
    """Say in what other order a decryption would be explained much better, or nothing.

    Parameters
    ----------
    decryption : (E, H, W, C) float32 array
    private : (n, H, W, C) float32 array
    pairs : (E, m) integer array
        Which private images each encryption mixes.

    Returns
    -------
    str
        A sentence, or nothing where the order looks right or no other looks better.
    """
    rows, known = spread(len(pairs), ROWS), standard(private)
    shown, _ = nearest_images(decryption[rows], known)
    given = own_share(shown, pairs[rows])
    chance = pairs.shape[1] / len(private)
    # Rows that show the same image go right or wrong together: images count, not rows.
    by_chance = chance + DEVIATIONS * np.sqrt(chance / len(private))
    enough = max(MOST_OF_ROWS, given + MORE, by_chance)
    if given >= MOST_OF_ROWS or enough >= 1:  # of so few images nothing can be told
        return ""
    candidates = [*_ordered(shown, rows, pairs), *_axes(decryption, known, pairs)]
    share, order = max(candidates, key=lambda found: found[0], default=(0.0, ""))
    if share >= enough:
        return (
            f"{order}: then {share:.0%} of the rows looked at show one of their own private "
            f"images, and as they are {given:.0%}"
        )
    return _shuffled(decryption, known, pairs)


def spread(count: int, most: int) -> np.ndarray:
    """Return at most `most` of `count` rows, evenly from all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def standard(images: np.ndarray) -> np.ndarray:
    """Return images as float32 rows (E, d) of mean 0 and length 1; 0 where of one colour."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > LEAST_LENGTH)


def nearest_images(images: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which private image correlates best with each image, and how much.

    Parameters
    ----------
    images : (E, H, W, C) float array
    known : (n, d) float32 array
        The private images, see `standard`.

    Returns
    -------
    shown : (E,) integer array
    correlation : (E,) float32 array
        0 for an image of one colour.
    """
    shown, correlation = np.empty(len(images), np.int64), np.empty(len(images), np.float32)
    for start in range(0, len(images), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        found = standard(images[part]) @ known.T
        shown[part], correlation[part] = found.argmax(axis=1), found.max(axis=1)
    return shown, correlation


def own_share(shown: np.ndarray, pairs: np.ndarray) -> float:
    """Return the share of rows that show one of their own images."""
    return float((shown[:, None] == pairs).any(axis=1).mean())


def _ordered(
    shown: np.ndarray, rows: np.ndarray, pairs: np.ndarray
) -> Iterator[tuple[float, str]]:
    """Yield how well orders that follow a rule explain the rows, and what they are."""
    count = len(pairs)
    share, shift = _best_shift(shown, rows, pairs)
    yield share, f"row 0 seems to hold what belongs to row {shift}, and so on from there"
    share, shift = _best_shift(shown, count - 1 - rows, pairs)
    first = f", beginning with row {(shift - 1) % count}" if shift else ""
    yield share, f"the rows seem to be in reverse order{first}"
    as_text = np.array(sorted(range(count), key=str))
    yield own_share(shown, pairs[as_text[rows]]), "the rows seem to be sorted as text: 0, 1, 10"
    for parts in range(2, count):
        if count % parts == 0:
            order = np.arange(count).reshape(parts, -1).T.ravel()
            text = f"the rows seem to be those of a table of {parts} lines, column by column"
            yield own_share(shown, pairs[order[rows]]), text


def _best_shift(shown: np.ndarray, rows: np.ndarray, pairs: np.ndarray) -> tuple[float, int]:
    """Return the shift by which most rows show an image of their own, and their share."""
    count = len(pairs)
    wanted = np.arange(-MOST_SHIFT, MOST_SHIFT) if count > 2 * MOST_SHIFT else np.arange(count)
    shares = np.empty(len(wanted))
    for start in range(0, len(wanted), SHIFTS_AT_ONCE):
        part = slice(start, start + SHIFTS_AT_ONCE)
        own = pairs[(rows + wanted[part, None]) % count] == shown[:, None]
        shares[part] = own.any(axis=2).mean(axis=1)
    best = int(np.argmax(shares))
    return float(shares[best]), int(wanted[best] % count)


def _axes(
    decryption: np.ndarray, known: np.ndarray, pairs: np.ndarray
) -> Iterator[tuple[float, str]]:
    """Yield how well other orders of the axes explain the rows, and what they are."""
    rows = spread(len(pairs), AXES_ROWS)
    orders = [axes for axes in permutations(range(4)) if axes != (0, 1, 2, 3)]
    read = [_as_if(decryption, axes)[rows] for axes in orders]
    shown, _ = nearest_images(np.concatenate(read), known)
    for axes, found in zip(orders, np.split(shown, len(orders)), strict=True):
        names = ", ".join(AXES[axis] for axis in axes)
        text = f"the values seem to lie in the order ({names}): transpose, do not reshape"
        yield own_share(found, pairs[rows]), text


def _as_if(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return a view of an array whose values lie in another order of its axes."""
    stored = array.reshape([array.shape[axis] for axis in axes])
    return stored.transpose(np.argsort(axes))


def _shuffled(decryption: np.ndarray, known: np.ndarray, pairs: np.ndarray) -> str:
    """Say so where rows clearly show private images, but those of others, by no rule."""
    rows = spread(len(pairs), MOST_ROWS)
    pairs = pairs[rows]
    shown, correlation = nearest_images(decryption[rows], known)
    strange = (correlation >= CLEAR) & ~(shown[:, None] == pairs).any(axis=1)
    counts = np.bincount(shown, minlength=len(known))
    places = np.bincount(pairs.ravel(), minlength=len(known))
    possible = np.minimum(counts, places).sum() / len(rows)
    if strange.mean() <= MOST_OF_ROWS or possible < POSSIBLE:
        return ""
    if _as_drawn(counts) or _together(shown, pairs):
        return ""
    return (
        f"{strange.mean():.0%} of the rows clearly show private images, but those of other "
        "rows, as if the rows were shuffled: hand in one image for each encryption, in their "
        "order"
    )


def _as_drawn(counts: np.ndarray) -> bool:
    """Tell whether drawing images at random would show each about as often."""
    expected, freedom = counts.mean(), len(counts) - 1
    statistic = ((counts - expected) ** 2).sum() / expected
    return CHANCE <= chdtr(freedom, statistic) <= 1 - CHANCE  # the chi-squared distribution


def _together(shown: np.ndarray, pairs: np.ndarray) -> bool:
    """Tell whether rows that show the same image have more in common than chance gives.

    Where chance gives them all in common, as when no image is in two rows, it cannot be told
    and is taken for granted.
    """
    rng = np.random.default_rng(0)
    chance = [_in_common(shown, rng.permutation(pairs)) for _ in range(PERMUTATIONS)]
    enough = np.mean(chance) + DEVIATIONS * np.std(chance)
    return enough >= 1 or _in_common(shown, pairs) > enough


def _in_common(shown: np.ndarray, pairs: np.ndarray) -> float:
    """Return the share of rows that hold the image most frequent among those shown alike."""
    images = int(max(shown.max(), pairs.max())) + 1
    combined, counts = np.unique(shown[:, None] * images + pairs, return_counts=True)
    most = np.zeros(images, np.int64)
    np.maximum.at(most, combined // images, counts)
    return float(most.sum() / len(shown))
