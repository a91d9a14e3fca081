"""The mixture of k images, its signs flipped by a random mask.

An encryption is σ ∘ (λ₀x₀ + … + λ₍k₋₁₎x₍k₋₁₎) with images xᵢ in [-1, 1] and a mask σ ∈ {±1}^d
drawn afresh for every row (InstaHide, section 3). The 8-bit values are mixed in float64 in
a fixed order, mapped to [-1, 1] by x / 127.5 - 1 and rounded to float32 once, so every
machine gets the same bytes.
"""

import numba
import numpy as np

from instahide.encodings.plan import Plan, as_mixed, public_as_mixed

_SIGNS = 2.0 * (np.arange(256)[:, None] >> np.arange(8) & 1) - 1.0  # of a byte's 8 bits


def encrypt(
    plan: Plan, private: np.ndarray, public: np.ndarray, mask: np.ndarray | None
) -> np.ndarray:
    """Encrypt the rows of a plan.

    Parameters
    ----------
    plan : Plan
        E rows. Where it has transforms, images are transformed before they are mixed.
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
    rows, shape = len(plan), private.shape[1:]
    pixels, members = int(np.prod(shape)), plan.members
    if plan.transforms is not None:  # each row has images of its own
        private = as_mixed(plan, private).reshape(-1, *shape)
        public = public_as_mixed(plan, public)
        members = np.arange(members.size).reshape(members.shape)
    out = np.empty((rows, pixels), dtype=np.float32)
    bits = np.full((rows, (pixels + 7) // 8), 255, np.uint8) if mask is None else mask
    _mix(
        private.reshape(len(private), pixels),
        np.ascontiguousarray(public).reshape(rows, -1, pixels),
        members,
        plan.weights,
        bits,
        out,
    )
    return out.reshape(rows, *shape)


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
