"""Compare encryption with NumPy, and measure its memory and its streaming throughput.

5,000 rows of 32×32×3, k = 6 (2 private, 4 public), a plan drawn beforehand, private images and
pool in memory as uint8, one thread, masks included. Three ways to write it with NumPy, all
with the images on [-1, 1] in float32 and signs from ``Generator.integers(0, 2)``:

- *plain*, the expression as the paper writes it, over all rows at once:
  ``signs * einsum("ek,ekhwc->ehwc", coefficients, images / 127.5 - 1)``;
- *in batches*: the same, 256 rows at a time, so that a batch stays in the processor's cache;
- *by image*: in batches, adding up coefficient times image one image at a time, with signs
  drawn as 8-bit integers: the fastest we found.

Run: python benchmarks/encryption.py
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from measuring import conditions, make_parser, quiet, spread, take_turns

from instahide.challenge.encryption import BATCH_ROWS, encode_rows, save_encryption
from instahide.challenge.selection import select_private
from instahide.challenge.sources import Sources, load_sources
from instahide.challenge.streaming import encryption_stream
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.photos.listing import list_photos
from instahide.photos.samples import save_samples
from instahide.pool.build import build_pool
from instahide.pool.crops import CropSettings
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

ROWS, IMAGES = 5000, 100
MEMORY_ROWS = (5000, 50_000)
SCALE, ONE = np.float32(127.5), np.float32(1)


def numpy_rows(sources: Sources, plan: Plan, signs: np.random.Generator) -> np.ndarray:
    """Encrypt rows the plain way."""
    private, pool = sources.private.images, sources.pool.patches
    images = np.concatenate([private[plan.members], pool[plan.public]], axis=1)
    coefficients = plan.weights.astype(np.float32)
    mixture = np.einsum("ek,ekhwc->ehwc", coefficients, images / SCALE - ONE)
    return ((2 * signs.integers(0, 2, mixture.shape) - 1) * mixture).astype(np.float32)


def numpy_by_image(sources: Sources, plan: Plan, signs: np.random.Generator) -> np.ndarray:
    """Encrypt rows by adding up one image after the other."""
    private, pool = sources.private.images, sources.pool.patches
    coefficients = plan.weights.astype(np.float32)[..., None, None, None]
    images = [private[column] for column in plan.members.T]
    images += [pool[column] for column in plan.public.T]
    mixture = np.zeros(images[0].shape, np.float32)
    for place, image in enumerate(images):
        mixture += coefficients[:, place] * (image / SCALE - ONE)
    return (2 * signs.integers(0, 2, mixture.shape, np.int8) - 1) * mixture


def in_batches(function, plan: Plan) -> None:
    """Call a function with each batch of a plan and its first row."""
    for start in range(0, len(plan), BATCH_ROWS):
        function(plan[start : start + BATCH_ROWS], start)


def compare_speed(sources: Sources, plan: Plan, turns: int) -> None:
    """Print how much faster than NumPy the package is."""
    signs = np.random.default_rng(0)
    times = take_turns(
        {
            "ours": lambda: in_batches(lambda *rows: encode_rows(sources, *rows), plan),
            "plain": lambda: numpy_rows(sources, plan, signs),
            "in batches": lambda: in_batches(
                lambda rows, _: numpy_rows(sources, rows, signs), plan
            ),
            "by image": lambda: in_batches(
                lambda rows, _: numpy_by_image(sources, rows, signs), plan
            ),
        },
        turns,
    )
    ours = times.pop("ours").processor
    print(f"{len(plan)} rows: {1e3 * np.median(ours):.0f} ms of processor time")
    for name, time in times.items():
        print(f"than NumPy, {name}: {spread(time.processor / ours, 1)} times as fast")


def check_equal(sources: Sources, plan: Plan) -> None:
    """Print how far NumPy's mixtures are from the package's, signs aside."""
    signs = np.random.default_rng(0)
    ours = np.abs(encode_rows(sources, plan, 0))
    for function in (numpy_rows, numpy_by_image):
        difference = np.abs(np.abs(function(sources, plan, signs)) - ours).max()
        print(f"largest difference to {function.__name__}: {difference:.1e}")


def compare_streaming(sources: Sources, turns: int) -> None:
    """Print how many rows a second a training loop gets; plans and labels included."""
    times = take_turns(
        {"stream": lambda: [None for _ in encryption_stream(sources, stop=ROWS)]}, turns
    )["stream"]
    print(f"stream, batches of 128: {spread(ROWS / times.processor, 0)} rows per second")


def make_sources(folder: Path) -> None:
    """Write the private set and the pool of the bundled photos."""
    save_samples(folder / "public", folder / "private")
    key, photos = Key.from_seed(0), list_photos(folder / "public")
    build_pool(folder / "pool.zarr", photos, key, CropSettings(per_photo=100))
    files = folder / "private.npz", folder / "private"
    select_private(*files, key, count=IMAGES, size=32, channels=3)


def open_sources(folder: Path, rows: int) -> Sources:
    """Open them; pool in memory, as an array, for both sides."""
    scheme = Scheme(rows_per_image=rows // IMAGES)
    files = folder / "private.npz", folder / "pool.zarr"
    sources = load_sources(*files, Key.from_seed(0), of_scheme(scheme))
    return replace(sources, pool=Pool(sources.pool.patches[:]))


def peak_memory() -> int:
    """Return the most memory this process has had, in bytes, its parent's left out."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def write_and_measure(folder: Path, rows: int) -> None:
    """Write `rows` encryptions in this process and print its peak memory."""
    sources = open_sources(folder, rows)
    with quiet():
        save_encryption(folder / "encryption.npy", sources, sources.plan())
    print(peak_memory())


def compare_memory(folder: Path) -> None:
    """Print the peak memory of fresh processes that write few and many rows."""
    peaks = []
    for rows in MEMORY_ROWS:
        command = [sys.executable, __file__, "--measure", str(folder), str(rows)]
        output = subprocess.run(
            command, check=True, capture_output=True, encoding="utf-8"
        ).stdout
        peaks.append(int(output))
        print(f"writing {rows} rows of 12 kB: peak memory {peaks[-1] / 1e6:.0f} MB")
    growth = (peaks[1] - peaks[0]) / (MEMORY_ROWS[1] - MEMORY_ROWS[0])
    print(f"growth: {growth:.0f} bytes per row; the plan, held as a whole, has 96")


def main() -> None:
    parser = make_parser(__doc__, turns=9)
    parser.add_argument("--measure", nargs=2, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        write_and_measure(Path(options.measure[0]), int(options.measure[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with quiet():
            make_sources(folder)
        sources = open_sources(folder, ROWS)
        plan = sources.plan()
        print(f"bundled photos: {IMAGES} private images, {len(sources.pool)} in the pool")
        print(conditions(options.turns))
        compare_speed(sources, plan, options.turns)
        check_equal(sources, plan)
        compare_streaming(sources, options.turns)
        compare_memory(folder)


if __name__ == "__main__":
    main()
