"""How alike an image is to what is left of it at fewer pixels: what a threshold of SSIM means.

    python benchmarks/recognition.py PRIVATE

PRIVATE is CIFAR-10's binary archive or a folder of class folders. Its images, 32 × 32, are
shrunk by area averaging and enlarged bilinearly; printed are mean and range of 80 % of them.
"""

import argparse

import cv2
import numpy as np

from instahide.auditing.recognition import THRESHOLD
from instahide.challenge.selection import read_labelled
from instahide.images import shrink, to_unit_range
from instahide.ssim import ssim

SIZE, MOST = 32, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("private")
    images = read_labelled(parser.parse_args().private, size=SIZE, channels=3).images[:MOST]
    print(f"{len(images)} images of {SIZE} × {SIZE} pixels; recognised from {THRESHOLD}")
    for side in (24, 16, 11, 8, 6, 4):
        likeness = ssim(left_at(images, side), to_unit_range(images))
        low, high = np.percentile(likeness, [10, 90])
        print(f"{side:2} × {side:2}: {likeness.mean():.2f} ({low:.2f} – {high:.2f})")
    half = len(images) // 2
    others = ssim(to_unit_range(images[:half]), to_unit_range(images[half : 2 * half]))
    print(f"another image: {others.mean():.2f}, at most {others.max():.2f}")


def left_at(images: np.ndarray, side: int) -> np.ndarray:
    """Return images shrunk to `side` pixels and enlarged again, on [-1, 1]."""
    size = images.shape[1:3]
    small = [shrink(image, side) for image in images]
    large = [cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in small]
    return to_unit_range(np.stack(large))


if __name__ == "__main__":
    main()
