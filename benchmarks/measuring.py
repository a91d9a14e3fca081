"""What the benchmarks share: fair turns, figures with their spread, and photos to work on."""

import argparse
import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from instahide.photos.listing import Photo, list_photos
from instahide.photos.samples import save_samples


@dataclass(frozen=True)
class Times:
    """Seconds of each turn.

    Attributes
    ----------
    processor : ndarray of float64, shape (turns,)
        Processor time of all threads: what other programs disturb least.
    wall : ndarray of float64, shape (turns,)
        What a user waits.
    """

    processor: np.ndarray
    wall: np.ndarray


def take_turns(sides: Mapping[str, Callable[[], object]], turns: int) -> dict[str, Times]:
    """Time each side `turns` times, one after the other, after an untimed turn of each.

    Whatever else the machine does then disturbs all sides alike.
    """
    seconds = np.empty((len(sides), 2, turns))
    for turn in range(-1, turns):
        for row, side in zip(seconds, sides.values(), strict=True):
            begin = np.array([time.process_time(), time.perf_counter()])
            with quiet():
                side()
            if turn >= 0:
                row[:, turn] = [time.process_time(), time.perf_counter()] - begin
    return {name: Times(*row) for name, row in zip(sides, seconds, strict=True)}


def spread(values: np.ndarray, digits: int = 2) -> str:
    """Return the median and the range of some figures."""
    low, middle, high = (f"{value:.{digits}f}" for value in np.quantile(values, (0, 0.5, 1)))
    return f"{middle} ({low} to {high})"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress off the terminal."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def make_parser(description: str, turns: int) -> argparse.ArgumentParser:
    """Return a parser with the argument of all benchmarks."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--turns", type=int, default=turns, help=f"default {turns}")
    return parser


def add_photos(parser: argparse.ArgumentParser, count: int) -> None:
    """Add the arguments that choose photos."""
    parser.add_argument(
        "--photos", type=Path, help="a folder or archive, say ImageNet's; default: bundled ones"
    )
    parser.add_argument(
        "--count", type=int, default=count, help=f"photos to take (default {count})"
    )


def choose_photos(source: Path | None, count: int, folder: Path) -> tuple[list[Photo], str]:
    """Return `count` photos, and what to call them.

    They are spread evenly over `source`. The ten bundled photos (written to `folder`)
    are taken again and again under new names: each time they give other crops.
    """
    if source:
        photos = list_photos(source)
        count = min(count, len(photos))
        places = [number * len(photos) // count for number in range(count)]
        return [photos[place] for place in places], f"{count} photos of {source.name}"
    save_samples(folder / "public", folder / "private")
    photos = list_photos(folder / "public")
    chosen = [
        replace(photos[number % len(photos)], name=f"{number}.png") for number in range(count)
    ]
    return chosen, f"{count} photos, the {len(photos)} bundled ones again and again"


def conditions(turns: int) -> str:
    """Say what the figures depend on."""
    return (
        f"medians of {turns} alternating turns (and their range); {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def store_bytes(store: Path) -> int:
    """Return the size of a store's files."""
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
