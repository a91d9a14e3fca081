"""Compare the batched SSIM with a loop over scikit-image, in speed and in value.

10,000 pairs of 32x32x3 patches of the photos that come with scikit-image (seed 0), the
second of each pair with noise added, float32, one thread. Both sides work on the same ten
blocks of 1,000 pairs in turn, so that whatever else the machine does disturbs both; the
spread is that of the blocks' ratios.

Run: python benchmarks/ssim.py
"""

import time

import numpy as np
from skimage import data
from skimage.metrics import structural_similarity

from instahide.images import to_unit_range
from instahide.scoring.metrics import ssim

BLOCKS, PAIRS, SIDE = 10, 1000, 32


def patches(rng: np.random.Generator, count: int) -> np.ndarray:
    photos = [data.astronaut(), data.chelsea(), data.coffee()]
    crops = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for crop in crops:
        photo = photos[rng.integers(len(photos))]
        top, left = rng.integers(0, np.subtract(photo.shape[:2], SIDE))
        crop[:] = photo[top : top + SIDE, left : left + SIDE]
    return to_unit_range(crops)


def timed(function, *arrays: np.ndarray) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    result = function(*arrays)
    return result, time.perf_counter() - start


def loop(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    pairs = zip(a, b, strict=True)
    return np.array(
        [structural_similarity(x, y, data_range=2, channel_axis=-1) for x, y in pairs]
    )


def main() -> None:
    rng = np.random.default_rng(0)
    ssim(*np.zeros((2, 1, SIDE, SIDE, 3), np.float32))  # compile
    times, worst = np.empty((BLOCKS, 2)), 0.0
    for block in range(BLOCKS):
        a = patches(rng, PAIRS)
        noise = 0.3 * rng.standard_normal(a.shape, np.float32)
        b = np.clip(a + noise, -1, 1)
        ours, times[block, 0] = timed(ssim, a, b)
        theirs, times[block, 1] = timed(loop, a, b)
        worst = max(worst, float(abs(ours - theirs).max()))
    (fast, slow), ratios = times.sum(axis=0), times[:, 1] / times[:, 0]
    print(f"{BLOCKS * PAIRS} pairs of {SIDE}x{SIDE}x3: {slow / fast:.1f} times faster")
    print(f"blocks of {PAIRS}: {ratios.min():.1f} to {ratios.max():.1f} times faster")
    print(f"largest absolute difference: {worst:.1e}")


if __name__ == "__main__":
    main()
