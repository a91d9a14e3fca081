"""Compare the key-point stage with a bare loop of `SIFT.detect`.

The stage reads crops from a Zarr store, turns them grey, detects, shrinks the kept ones and
writes a store with its digest. The bare loop has the same crops in memory, grey and cut to
size, and does nothing but detect; in two threads it shows what the machine has to give.

Run: python benchmarks/key_points.py [--photos FOLDER]
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from measuring import (
    Times,
    add_photos,
    choose_photos,
    conditions,
    make_parser,
    quiet,
    spread,
    take_turns,
)

from instahide.pool.crops import CropSettings, save_crops
from instahide.pool.keypoints import save_patches
from instahide.pool.stores import CROP_ARRAYS, POOL_ARRAYS, open_store
from instahide.randomness.keystream import Key

MORE_THAN, SIZE = 40, 32


def grey_crops(store: Path) -> list[np.ndarray]:
    """Return the crops of a store as the bare loop takes them."""
    group = open_store(store, CROP_ARRAYS)
    crops, boxes = group["crops"][:], group["boxes"][:]
    return [
        cv2.cvtColor(crop[:height, :width], cv2.COLOR_RGB2GRAY)
        for crop, (_, _, height, width) in zip(crops, boxes, strict=True)
        if height
    ]


def detect(crops: list[np.ndarray]) -> list[int]:
    """Count the key points of each crop: the bare loop."""
    sift = cv2.SIFT_create()
    return [len(sift.detect(crop, None)) for crop in crops]


def detect_in_two(crops: list[np.ndarray]) -> None:
    """Run the bare loop in two threads, every second crop each."""
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(detect, (crops[::2], crops[1::2])))


def report(times: dict[str, Times], crops: int) -> None:
    """Print the ratios."""
    bare, stage = times["bare loop"], times["stage"]
    share = 100 * bare.processor / stage.processor
    print(f"speed of the stage per core, of the bare loop's: {spread(share, 1)} %")
    for name in ("stage", "bare loop"):
        ratio = times[name].wall / times[f"{name} in two"].wall
        print(f"{name}, two threads: {spread(ratio)} times as fast as one")
    print(f"bare loop: {1e3 * np.median(bare.processor) / crops:.2f} ms per crop")


def main() -> None:
    parser = make_parser(__doc__, turns=5)
    add_photos(parser, count=120)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, data = choose_photos(options.photos, options.count, folder)
        store, out = folder / "crops.zarr", folder / "patches.zarr"
        with quiet():
            save_crops(store, folder / "report.json", photos, Key.from_seed(0), CropSettings())
        crops = grey_crops(store)

        def stage(threads: int) -> None:
            save_patches(out, store, more_than=MORE_THAN, size=SIZE, threads=threads)

        times = take_turns(
            {
                "bare loop": lambda: detect(crops),
                "stage": lambda: stage(1),
                "bare loop in two": lambda: detect_in_two(crops),
                "stage in two": lambda: stage(2),
            },
            options.turns,
        )
        kept = open_store(out, POOL_ARRAYS)["keypoints"][:]
    print(f"{data}: {len(crops)} crops, {len(kept)} kept")
    print(conditions(options.turns))
    report(times, len(crops))
    expected = [count for count in detect(crops) if count > MORE_THAN]
    print("same key points:", "yes" if kept.tolist() == expected else "NO")


if __name__ == "__main__":
    main()
