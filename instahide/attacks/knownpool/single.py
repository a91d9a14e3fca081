"""The attack `single`: public images and private mixture of each row, from that row alone.

It needs the pool and the rows; no repetition, no labels, nothing of the private images. Rows
are decoded in chunks whose bounds do not depend on how many jobs share them, so that the same
bits come out whoever decodes which; see `instahide.attacks.knownpool.rowdecoding`.
"""

from collections.abc import Sequence

import numpy as np

from instahide.attacks.knownpool.decoding import SURE, Decoding
from instahide.attacks.knownpool.dictionary import ATOM_NUMBERS
from instahide.attacks.knownpool.rowdecoding import (
    STARTS,
    Decoded,
    RowTask,
    decode_single_rows,
    make_row_task,
)
from instahide.attacks.knownpool.sharppool import HELD_BYTES
from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.problem import Problem
from instahide.errors import InstaHideError
from instahide.pool.pool import MEMORY_BYTES
from instahide.progress import tracked

DECODED_AT_ONCE = 500


def decode_part_needs(size: Size) -> float:
    """Bytes: the pool, twice sharpened; chunks of it; a chunk of rows; all that is found."""
    held = min(size.pool * size.pixels, MEMORY_BYTES)
    sharp = FLOAT * size.pool * size.pixels
    held += 3 * sharp if sharp <= HELD_BYTES else 0
    rows = min(DECODED_AT_ONCE, size.rows)
    chunk = (
        FLOAT
        * min(max(ATOM_NUMBERS // size.pixels, 1), size.pool)
        * (5 * size.pixels + 3 * rows)
    )
    return held + chunk + 20 * FLOAT * rows * size.pixels + 2 * size.table


def decode_part(
    problem: Problem,
    rng: np.random.Generator,
    *,
    part: tuple[int, int] = (0, 1),
    starts: int = len(STARTS),
) -> dict[str, np.ndarray]:
    """Decode a part of the rows: the first step.

    Parameters
    ----------
    part : tuple of int
        Number and count of the parts.
    starts : int, range 1 … 4
        How often a doubtful row is begun at the most.

    Returns
    -------
    dict of ndarray
        For the rows of this part ``public``, ``coefficients``, ``confidence`` as in `Decoding`,
        and ``mixture`` float32 (rows, d): what is left of them without public images.

    Raises
    ------
    InstaHideError
        When the pool is not known or has another shape, or rows have no mask or no public
        images.
    """
    check_rows_suit(problem)
    if not 1 <= starts <= len(STARTS):
        raise InstaHideError(f"starts = {starts}: use 1 to {len(STARTS)}")
    task = make_row_task(problem.magnitudes, problem.pool, problem.scheme.k - 2)
    chunks = chunks_of_part(len(problem.magnitudes), part)
    found = [empty_of(task)]
    for rows in tracked(chunks, "rows decoded", "chunks"):
        some = task.take(rows)
        found.append(describe(some, decode_single_rows(some, starts)))
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def join_rows_needs(size: Size) -> float:
    """Bytes: mixtures as they were found, joined, and scaled."""
    return 3 * size.table


def join_rows(
    problem: Problem, parts: Sequence[dict[str, np.ndarray]], rng: np.random.Generator
) -> Recovery:
    """Put all rows together, and hand in their private mixtures: the last step.

    A row hands in (λ₀·a + λ₁·b) / (λ₀ + λ₁): the mixture divided by what public images leave of
    1, or by the least that the scheme allows. ``single.npz`` gets ``public`` int (E, k − 2),
    with -1 for none, ``coefficients`` and ``confidence`` float32 (E, k − 2),
    ``row_confidence`` float32 (E,) and ``mixture`` float32 (E, d), λ₀·a + λ₁·b.

    Parameters
    ----------
    parts : sequence of dict of ndarray
        What `decode_part` made of the parts, in their order.
    """
    found = private_mixtures(parts)
    decoding = read_decoding(found)
    private = private_sum(decoding, problem.scheme.c2)
    images = np.clip(found["mixture"] / private[:, None], -1, 1)
    sure = decoding.confidence > SURE
    details = {
        "pool_images": len(problem.pool),
        "confident_images": round(float(sure.mean()), 4),
        "confident_rows": round(float(sure.all(axis=1).mean()), 4),
    }
    return Recovery(
        decryption=images.reshape(-1, *problem.shape),
        private=None,
        complexity="O(E·d·N)",
        details=details,
        arrays={"single": {**found, "row_confidence": decoding.row_confidence}},
    )


def check_rows_suit(problem: Problem) -> None:
    """Refuse what this attack cannot take apart.

    Raises
    ------
    InstaHideError
        When the pool is not known or has another shape, or rows have no mask or no public
        images.
    """
    scheme = problem.scheme
    if problem.pool is None:
        raise InstaHideError("this attack decodes with the challenge's pool: public: pool")
    if scheme.inside or scheme.k < 3:
        raise InstaHideError(
            f"scheme {scheme.name}, k = {scheme.k}: rows have no public images to be decoded"
        )
    if not scheme.masked:
        raise InstaHideError(
            f"scheme {scheme.name}: rows have no mask to be taken off; the attack pool decodes "
            "them as they are"
        )
    if problem.pool.shape != problem.shape:
        raise InstaHideError(
            f"the pool's images are {problem.pool.shape} and the encryptions {problem.shape}"
        )


def chunks_of_part(rows: int, part: tuple[int, int]) -> list[np.ndarray]:
    """Return the rows of each chunk of a part; a chunk is the same whatever the parts.

    Examples
    --------
    >>> [len(chunk) for chunk in chunks_of_part(1200, (0, 1))]
    [500, 500, 200]
    >>> [int(chunk[0]) for chunk in chunks_of_part(1200, (1, 2))]
    [500, 1000]
    """
    number, parts = part
    count = -(-rows // DECODED_AT_ONCE)
    mine = range(count * number // parts, count * (number + 1) // parts)
    starts = (chunk * DECODED_AT_ONCE for chunk in mine)
    return [np.arange(start, min(start + DECODED_AT_ONCE, rows)) for start in starts]


def describe(task: RowTask, decoded: Decoded) -> dict[str, np.ndarray]:
    """Return what is found of rows, see `decode_part`."""
    decoding = decoded.decoding
    sums = decoding.coefficients.sum(axis=1, keepdims=True)
    # The mean of rows is that of centred images: what stands for the private part is left in.
    mixture = decoded.signed - task.mean(decoding) + (1 - sums) * task.field.mean
    return {**vars(decoding), "mixture": mixture.astype(np.float32)}


def empty_of(task: RowTask) -> dict[str, np.ndarray]:
    """Return what is found of no rows."""
    none, slots = np.zeros((0, task.slots), np.float32), np.zeros((0, task.slots), np.int64)
    mixture = np.zeros((0, len(task.field.mean)), np.float32)
    return {"public": slots, "coefficients": none, "confidence": none, "mixture": mixture}


def private_sum(decoding: Decoding, least: float) -> np.ndarray:
    """Return what public images leave of 1, float32 (E,), at least as much as is allowed."""
    return np.maximum(1 - decoding.coefficients.sum(axis=1), np.float32(least))


def private_mixtures(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return what `decode_part` found in all parts, joined."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_decoding(found: dict[str, np.ndarray]) -> Decoding:
    """Return the decoding in what `decode_part` made."""
    return Decoding(*(found[name] for name in ("public", "coefficients", "confidence")))
