"""How many images an audit recognises by encryptions of each image, and what it takes.

    python benchmarks/audit.py PRIVATE --images 50 --rows 2 5 10 20 --seeds 1 2 3

PRIVATE is CIFAR-10's binary archive or a folder of class folders. Of it other images are drawn
for each seed, as equally many of each class as possible, and audited as `instahide audit` does.
Printed are the images recognised by attacker and number of encryptions T for each seed, their
mean and range, and the processor seconds beside those that were estimated.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from measuring import quiet
from PIL import Image

from instahide.auditing.estimate import estimate_audit
from instahide.auditing.reading import Reading
from instahide.auditing.result import AuditResult
from instahide.auditing.settings import AuditSettings
from instahide.auditing.whole import run_audit
from instahide.challenge.selection import read_labelled, select
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key

Counts = Mapping[tuple[int, str], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("--images", type=int, default=50, help="default 50")
    parser.add_argument("--size", type=int, default=32, help="of PRIVATE's images; default 32")
    parser.add_argument("--rows", type=int, nargs="+", default=[2, 5, 10, 20], metavar="T")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--augment", action="store_true")
    options = parser.parse_args()
    source, found = read_labelled(options.private, size=options.size, channels=3), []
    for seed in options.seeds:
        settings = AuditSettings(
            rows_per_image=max(options.rows),
            curve=tuple(options.rows),
            augment=options.augment,
            seed=seed,
        )
        chosen = select(source, options.images, Key.from_seed(seed).stream("selection"))
        expected = estimate_audit(settings, len(chosen.images), chosen.images.shape[1:])
        before = processor_seconds()
        result = audited(chosen, settings)
        took = processor_seconds() - before
        counts = counted(result)
        if not found:
            heading = "".join(f"{f'{name}, T={rows}':>13}" for rows, name in counts)
            print(f"seed{heading}{'chance':>8}{'seconds':>9}{'estimated':>11}")
        cells = "".join(f"{one:>13}" for one in counts.values())
        seconds = f"{took:>9.0f}{expected.seconds:>11.0f}"
        print(f"{seed:<4}{cells}{result.chance:>8.2f}{seconds}", flush=True)
        found.append(counts)
    print("\n".join(table(found, options.images)))


def audited(chosen: LabelledImages, settings: AuditSettings) -> AuditResult:
    """Write images as somebody's own folder, and audit it."""
    with tempfile.TemporaryDirectory() as place, quiet():
        for number, (image, one) in enumerate(zip(chosen.images, chosen.classes, strict=True)):
            folder = Path(place, "mine", chosen.class_names[one])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
        reading = Reading(size=chosen.images.shape[1])
        return run_audit(
            Path(place, "mine"), Path(place, "page.html"), settings, reading=reading
        )


def counted(result: AuditResult) -> Counts:
    """Return the images recognised by encryptions of each image and attacker."""
    points = sorted(result.points, key=lambda one: (one.rows_per_image, one.attacker))
    return {(one.rows_per_image, one.attacker): one.recognised for one in points}


def table(found: Sequence[Counts], images: int) -> list[str]:
    """Return lines of Markdown: a row for each T, mean and range for each attacker."""
    names = list(dict.fromkeys(name for _, name in found[0]))
    lines = [f"| T | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
    for rows in dict.fromkeys(rows for rows, _ in found[0]):
        cells = [told([one[rows, name] for one in found]) for name in names]
        lines.append(f"| {rows} | {' | '.join(cells)} |")
    return [f"\nrecognised of {images}, mean and range of {len(found)} seeds:", *lines]


def told(counts: Sequence[int]) -> str:
    """Return mean and range.

    >>> told([3, 4, 8])
    '5.0 (3 – 8)'
    """
    return f"{np.mean(counts):.1f} ({min(counts)} – {max(counts)})"


def processor_seconds() -> float:
    """Return the processor time of this process, its threads, and those it has waited for."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
