"""Least squares for images that were transformed before they were mixed, all else known.

A row without its mask is Σ λⱼ·Tⱼ(xⱼ) plus its public part. Each transform Tⱼ is linear in the
pixels of xⱼ and the fill (`instahide.encodings.augmentation.source_pixels`), so that all rows
together are one sparse system, the same for each channel, which conjugate gradients solve.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from instahide.encodings.augmentation import FILLS, source_pixels
from instahide.encodings.plan import Plan
from instahide.memory import check_memory

EQUATIONS_OF_ROWS = 256  # whose equations are put together at once
ENTRY_BYTES = 8  # of a coefficient of the equations, and where it stands
MOST_DIRECTIONS = 300
ENOUGH = 1e-7  # of the right side, where conjugate gradients stop
RIDGE = 1e-6  # of the mean diagonal: pixels that no row shows stay at 0
LEAST_PUBLIC_POWER = 1e-6  # a row that is all but private is not weighted beyond 1/this


def solve_transformed(mixed: np.ndarray, plan: Plan, images: int) -> np.ndarray:
    """Solve for private images and, where there are public ones, their mean image.

    As in `instahide.attacks.prng.solving.solve_with_mean`, a row is weighted by the inverse
    of Σ λᵢ² over its public images.

    Parameters
    ----------
    mixed : ndarray of float32, shape (E, H, W, C)
        Rows without their masks.
    plan : Plan
        The truth of the E rows, with transforms.
    images : int
        Number n of private images.

    Returns
    -------
    ndarray of float64, shape (n, H, W, C)
        The private images, each in its own frame. What no row shows of one is 0.
    """
    _, height, width, channels = mixed.shape
    check_memory(_bytes(plan, height * width), "the equations of all rows")
    unknown = (images + 1) * height * width
    right, diagonal = np.zeros((unknown, channels)), np.zeros(unknown)
    weights, designs = np.sqrt(_row_weights(plan)), []
    for start in range(0, len(plan), EQUATIONS_OF_ROWS):
        rows = slice(start, start + EQUATIONS_OF_ROWS)
        each = np.repeat(weights[rows], height * width)[:, None]
        design, known = _equations(plan[rows], images, (height, width))
        design = (design * each).tocsr().astype(np.float32)
        right += design.T @ (each * (mixed[rows].reshape(-1, channels) - known[:, None]))
        diagonal += (design**2).sum(axis=0)
        designs.append(design)
    solved = solve_normal(designs, diagonal, right)
    return solved.reshape(images + 1, height, width, channels)[:images]


def solve_normal(
    designs: Sequence[sparse.csr_array], diagonal: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Solve the normal equations of a system in parts, for several right sides.

    Parameters
    ----------
    designs : sequence of sparse arrays, shape (equations, u)
    diagonal : ndarray of float64, shape (u,)
        Of ΣDᵀD, by which the equations are preconditioned.
    right : ndarray of float64, shape (u, c)

    Returns
    -------
    ndarray of float64, shape (u, c)
        0 for unknowns without an equation.
    """
    ridge = RIDGE * diagonal.mean()

    def apply(values: np.ndarray) -> np.ndarray:
        return sum((design.T @ (design @ values) for design in designs), ridge * values)

    normal, scale = (
        LinearOperator((len(right),) * 2, matvec=matvec, dtype=np.float64)
        for matvec in (apply, lambda values: values / (diagonal + ridge))
    )
    how = {"rtol": ENOUGH, "maxiter": MOST_DIRECTIONS, "M": scale}
    return np.stack([cg(normal, column, **how)[0] for column in right.T], axis=1)


def _bytes(plan: Plan, pixels: int) -> int:
    """Estimate the memory of all equations."""
    taps = 4 if plan.augmentation.affine else 1
    return ENTRY_BYTES * len(plan) * pixels * (plan.members.shape[1] * taps + 1)


def _row_weights(plan: Plan) -> np.ndarray:
    """Return how much each row counts: without public images all are exact, and alike."""
    public = plan.weights[:, plan.members.shape[1] :]
    if not public.shape[1]:
        return np.ones(len(plan))
    weights = 1 / np.maximum((public**2).sum(axis=1), LEAST_PUBLIC_POWER)
    return weights / weights.mean()


def _equations(
    plan: Plan, images: int, sides: tuple[int, int]
) -> tuple[sparse.csr_array, np.ndarray]:
    """Return the equations of some rows' pixels, and what the fill adds to each.

    Returns
    -------
    design : sparse array, shape (E·H·W, (n + 1)·H·W)
        Image by image; the last is the mean public image.
    known : ndarray of float64, shape (E·H·W,)
    """
    pixels, count = sides[0] * sides[1], plan.members.shape[1]
    index, share = source_pixels(plan.transforms.of_places(0, count), plan.augmentation, sides)
    shape = (len(plan), count, pixels, -1)
    index, share = index.reshape(shape), share.reshape(shape)
    share = share * plan.weights[:, :count, None, None]
    inside = index < pixels
    fill = FILLS[plan.augmentation.fill] / 127.5 - 1
    known = fill * np.where(inside, 0, share).sum(axis=(1, 3)).ravel()
    column = plan.members[:, :, None, None] * pixels + index
    row = np.broadcast_to(np.arange(known.size).reshape(len(plan), 1, pixels, 1), index.shape)
    public = np.repeat(plan.weights[:, count:].sum(axis=1), pixels)
    mean = images * pixels + np.tile(np.arange(pixels), len(plan))
    values = np.concatenate([share[inside], public])
    places = (
        np.concatenate([row[inside], np.arange(known.size)]),
        np.concatenate([column[inside], mean]),
    )
    design = sparse.coo_array((values, places), (known.size, (images + 1) * pixels))
    return design.tocsr(), known
