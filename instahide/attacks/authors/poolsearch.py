"""The attack `publicsearch`: the public images of each row by how alike they look.

An attacker who has the pool could look through it for the images that were mixed in, and take
them off. InstaHide's authors tried that by similarity of whole images (Huang et al. 2020, in
their experiments), and found no danger in it. Here a row is compared with every image of the
pool by correlation or by SSIM: its magnitudes with theirs, or, once the mask is taken off
(`instahide.attacks.unmixing.parts.alone`), itself with them, either way round. What an attack
does better is to whiten both before (`instahide.attacks.knownpool.rowsearch`): photos are alike
in what is smooth in them, and differ in detail.
"""

import numpy as np

from instahide.attacks.authors.averaging import stretch
from instahide.attacks.knownpool.single import check_rows_suit
from instahide.attacks.needs import FLOAT, PRODUCT, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.alone import unmask_alone
from instahide.attacks.unmixing.parts.field import (
    batch_needs,
    batches,
    learn_field,
    learning_needs,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.pool.pool import Pool
from instahide.progress import tracked
from instahide.ssim import ssim

MEASURES = ("correlation", "ssim")
COMPARED = ("magnitudes", "unmasked")
COMPARED_NUMBERS = 6_000_000  # of rows that are compared at a time
POOL_AT_ONCE = 1000
MEMBERS = 4  # of a row, as estimates take it


def search_public_needs(size: Size) -> float:
    """Bytes: rows unmasked and what is left of them; a batch with a chunk of the pool."""
    rows = min(size.rows, max(COMPARED_NUMBERS // size.pixels, 1))
    chunk = FLOAT * min(POOL_AT_ONCE, size.pool) * (3 * size.pixels + 4 * rows)
    chunk += 3 * FLOAT * min(size.pool, rows * MEMBERS) * size.pixels
    return 5 * size.table + chunk + batch_needs(size, 6) + learning_needs(size)


def search_public_seconds(size: Size) -> float:
    """Processor seconds of the default: a product of all rows with the pool."""
    return 2 * PRODUCT * size.rows * size.pool * size.pixels


def search_public(
    problem: Problem,
    rng: np.random.Generator,
    *,
    measure: str = "correlation",
    compared: str = "magnitudes",
) -> Recovery:
    """Take for each row the k - 2 images of the pool that look most like it: the only step.

    Parameters
    ----------
    problem : Problem
        With the pool.
    rng : numpy.random.Generator
    measure : {"correlation", "ssim"}
        How alike; SSIM takes a thousand times as long.
    compared : {"magnitudes", "unmasked"}
        Magnitudes with magnitudes, or rows without their masks with images.

    Returns
    -------
    Recovery
        What is left of rows when the images found are taken off, at a photo's contrast.
        ``publicsearch.npz`` gets ``public`` int64 (E, k - 2), the best first, and ``score``
        float32 of that shape.

    Raises
    ------
    InstaHideError
        When an option is another word, the pool is not known, or rows have no mask or no
        public images.
    """
    for value, known in ((measure, MEASURES), (compared, COMPARED)):
        if value not in known:
            raise InstaHideError(f"publicsearch by {value!r}: choose {' or '.join(known)}")
    check_rows_suit(problem)
    rows = problem.magnitudes
    if compared == "unmasked":
        rows = unmask_alone(problem, learn_field(problem.public), rng)
    count = min(problem.scheme.k - 2, len(problem.pool))
    found = [np.empty((0, count), np.int64)], [np.empty((0, count), np.float32)]
    left = np.empty_like(rows)
    for some in tracked(
        batches(*rows.shape, COMPARED_NUMBERS), "search of the pool", "batches"
    ):
        best, score = most_alike(rows[some], problem.pool, count, measure, compared)
        left[some] = take_off(rows[some], best, problem.pool, compared)
        found[0].append(best)
        found[1].append(score)
    public, score = map(np.concatenate, found)
    return Recovery(
        decryption=np.clip(stretch(left), -1, 1).reshape(-1, *problem.shape),
        private=None,
        complexity="O(EdN)",
        details={"measure": measure, "compared": compared},
        arrays={"publicsearch": {"public": public, "score": score}},
    )


def most_alike(
    rows: np.ndarray, pool: Pool, count: int, measure: str, compared: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of a pool that are most like each row, the best first, and how much.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
    count : int
        Images for each row, no more than the pool has.
    measure, compared : str
        See `search_public`.

    Returns
    -------
    public : ndarray of int64, shape (E, count)
    score : ndarray of float32, shape (E, count)
    """
    public, best = np.empty((len(rows), 0), np.int64), np.empty((len(rows), 0), np.float32)
    measured = {"correlation": correlations, "ssim": similarities}[measure]
    for start in range(0, len(pool), POOL_AT_ONCE):
        places = np.arange(start, min(start + POOL_AT_ONCE, len(pool)))
        images = _as_compared(pool.read(places), compared)
        score = measured(rows, images, either_sign=compared == "unmasked")
        best = np.hstack([best, score])
        public = np.hstack([public, np.broadcast_to(places, score.shape)])
        kept = np.argsort(-best, axis=1, kind="stable")[:, :count]
        best, public = (np.take_along_axis(values, kept, 1) for values in (best, public))
    return public, best


def correlations(rows: np.ndarray, images: np.ndarray, *, either_sign: bool) -> np.ndarray:
    """Return the correlation of each row, (E, d), with each image, (N, H, W, C): (E, N)."""
    flat = images.reshape(len(images), -1)
    one, other = (values - values.mean(axis=1, keepdims=True) for values in (rows, flat))
    for values in (one, other):
        values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)
    score = one @ other.T
    return np.abs(score) if either_sign else score


def similarities(rows: np.ndarray, images: np.ndarray, *, either_sign: bool) -> np.ndarray:
    """Return the SSIM of each row, (E, d), with each image, (N, H, W, C): float32 (E, N)."""
    score = np.empty((len(rows), len(images)), np.float32)
    for number, row in enumerate(rows):
        alike = np.broadcast_to(row.reshape(images.shape[1:]), images.shape)
        score[number] = ssim(images, alike)
        if either_sign:
            np.maximum(score[number], ssim(images, -alike), out=score[number])
    return score


def take_off(rows: np.ndarray, public: np.ndarray, pool: Pool, compared: str) -> np.ndarray:
    """Return what the images found leave of rows, (E, d), by least squares for each row."""
    left, wanted = np.empty_like(rows), np.unique(public)
    images = _as_compared(pool.read(wanted), compared).reshape(len(wanted), -1)
    for number, places in enumerate(np.searchsorted(wanted, public)):
        design = np.vstack([images[places], np.ones_like(images[:1])]).T
        left[number] = rows[number] - design @ np.linalg.lstsq(design, rows[number])[0]
    return left


def _as_compared(images: np.ndarray, compared: str) -> np.ndarray:
    """Return images of 8 bits as rows are compared with them."""
    values = to_unit_range(images)
    return np.abs(values) if compared == "magnitudes" else values
