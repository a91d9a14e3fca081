"""Encryptions: the mixture of k images, its signs flipped by a random mask.

An encryption is σ ∘ (λ₀x₀ + … + λ₍k₋₁₎x₍k₋₁₎) with images xᵢ in [-1, 1] and a mask σ ∈ {±1}^d
drawn afresh for every row (InstaHide, section 3). The 8-bit values are mixed in float64 in
a fixed order, mapped to [-1, 1] by x / 127.5 - 1 and rounded to float32 once, so every
machine gets the same bytes.
"""

import io
import os
from pathlib import Path

import numba
import numpy as np

from instahide.challenge.sources import Sources
from instahide.encodings.instahide.plan import Plan
from instahide.files import atomic
from instahide.parallel import map_threads

BATCH_ROWS = 256
_SIGNS = 2.0 * (np.arange(256)[:, None] >> np.arange(8) & 1) - 1.0  # of a byte's 8 bits


def encrypt(
    plan: Plan, private: np.ndarray, public: np.ndarray, mask: np.ndarray | None
) -> np.ndarray:
    """Encrypt the rows of a plan.

    Parameters
    ----------
    plan : Plan
        E rows.
    private : ndarray of uint8, shape (n, H, W, C)
    public : ndarray of uint8, shape (E, k - 2, H, W, C), or (E, 0, H, W, C)
        The public images of each row.
    mask : ndarray of uint8, shape (E, ceil(H·W·C / 8)), or None
        Packed bits, the lowest first; a 1 keeps the sign, a 0 flips it. Without, no sign
        is flipped (mixup).

    Returns
    -------
    ndarray of float32, shape (E, H, W, C), range [-1, 1]
    """
    rows, pixels = len(plan), int(np.prod(private.shape[1:]))
    out = np.empty((rows, pixels), dtype=np.float32)
    bits = np.full((rows, (pixels + 7) // 8), 255, np.uint8) if mask is None else mask
    _mix(
        private.reshape(len(private), pixels),
        np.ascontiguousarray(public).reshape(rows, -1, pixels),
        plan.pairs,
        plan.coefficients,
        bits,
        out,
    )
    return out.reshape(rows, *private.shape[1:])


def encrypt_rows(sources: Sources, plan: Plan, start: int) -> np.ndarray:
    """Encrypt a plan whose first row is row `start` of the challenge, under its masks.

    Returns
    -------
    ndarray of float32, shape (len(plan), H, W, C), range [-1, 1]
    """
    generator = sources.generator
    mask = generator.mask(start, start + len(plan)) if generator.scheme.masked else None
    return encrypt(plan, sources.private.images, sources.pool.read(plan.public), mask)


def save_encryption(
    path: Path | str, sources: Sources, plan: Plan, *, threads: int = 1
) -> None:
    """Write `encryption.npy` batch by batch: memory does not grow with the rows.

    Batches go to their place in the file as they are ready, in any order.
    """
    shape = (len(plan), *sources.private.images.shape[1:])
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    offset, row_bytes = header.tell(), 4 * int(np.prod(shape[1:]))
    with atomic(path) as temporary, open(temporary, "r+b", buffering=0) as file:
        write_at(file.fileno(), np.frombuffer(header.getbuffer(), np.uint8), 0)

        def work(start: int) -> None:
            rows = encrypt_rows(sources, plan[start : start + BATCH_ROWS], start)
            write_at(file.fileno(), rows.astype("<f4", copy=False), offset + start * row_bytes)

        starts = range(0, len(plan), BATCH_ROWS)
        map_threads(work, starts, workers=threads, label="encryption", unit="batches")


def write_at(file: int, array: np.ndarray, place: int) -> None:
    """Write an array's bytes at a place of an open file."""
    data = memoryview(array).cast("B")
    while data:  # a nearly full disk may take a part only, and says so the next time
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written


# No fastmath: LLVM then neither reorders sums nor contracts a * b + c, and a test compares
# the bytes with those of plain NumPy.
@numba.njit(nogil=True, cache=True)
def _mix(private, public, pairs, coefficients, bits, out):
    rows, pixels = out.shape
    mixture = np.empty(pixels, np.float64)
    for row in range(rows):
        mixture[:] = 0.0
        for place in range(pairs.shape[1]):
            image, weight = private[pairs[row, place]], coefficients[row, place]
            for pixel in range(pixels):
                mixture[pixel] += weight * image[pixel]
        for place in range(public.shape[1]):
            image, weight = public[row, place], coefficients[row, pairs.shape[1] + place]
            for pixel in range(pixels):
                mixture[pixel] += weight * image[pixel]
        for byte in range(bits.shape[1]):  # the compiler vectorises whole bytes of signs
            signs, first = _SIGNS[bits[row, byte]], 8 * byte
            for place in range(min(8, pixels - first)):
                pixel = first + place
                out[row, pixel] = signs[place] * (mixture[pixel] / 127.5 - 1.0)
