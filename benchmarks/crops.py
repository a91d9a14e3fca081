"""Measure what a photo costs in the crop and key-point stages, and ImageNet with it.

Both stages run in one thread. Calls of the decoder are counted: one per photo. The cost of
ImageNet-1k's 1,281,167 training photos is that of a photo here times their number, so it
means something with photos like those: give a folder of some.

Run: python benchmarks/crops.py [--photos FOLDER]
"""

import tempfile
from pathlib import Path

import numpy as np
from measuring import (
    add_photos,
    choose_photos,
    conditions,
    make_parser,
    spread,
    store_bytes,
    take_turns,
)

from instahide.pool import crops as crop_stage
from instahide.pool.keypoints import save_patches
from instahide.pool.stores import POOL_ARRAYS, open_store
from instahide.randomness.keystream import Key

IMAGENET = 1_281_167


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *arguments, **options):
        """Call the function."""
        self.calls += 1
        return self.function(*arguments, **options)


def main() -> None:
    parser = make_parser(__doc__, turns=5)
    add_photos(parser, count=60)
    options = parser.parse_args()
    key, settings = Key.from_seed(0), crop_stage.CropSettings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, data = choose_photos(options.photos, options.count, folder)
        crops, patches = folder / "crops.zarr", folder / "patches.zarr"
        decoder = crop_stage.decode = Counted(crop_stage.decode)
        times = take_turns(
            {
                "crops": lambda: crop_stage.save_crops(
                    crops, folder / "report.json", photos, key, settings
                ),
                "key points": lambda: save_patches(patches, crops, more_than=40, size=32),
            },
            options.turns,
        )
        sizes = {"crops": store_bytes(crops), "key points": store_bytes(patches)}
        kept = open_store(patches, POOL_ARRAYS)["patches"].shape[0]
    count, runs = len(photos), options.turns + 1  # the first turn is not timed
    print(f"{data}: {settings.per_photo} crops each, {kept / count:.1f} kept")
    print(conditions(options.turns))
    print(f"decoder: {decoder.calls / runs / count:g} calls per photo and run")
    for stage, time in times.items():
        each, size = time.processor / count, sizes[stage] / count
        print(
            f"{stage}: {spread(1e3 * each, 1)} ms of processor time and {size / 1e3:.0f} kB "
            f"per photo; ImageNet: {IMAGENET * np.median(each) / 3600:.1f} processor hours, "
            f"{IMAGENET * size / 1e9:.0f} GB"
        )


if __name__ == "__main__":
    main()
