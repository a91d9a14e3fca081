"""A simulation of the jobs of the whitened attack on very many rows, on some processors.

Nothing is attacked: processor time and memory of every step are what the steps themselves tell
beforehand (`instahide.attacks.needs`), times a factor that is measured elsewhere, and jobs
start as soon as what they need is there and a processor is free, after a wait in the queue.
Prints jobs, hours and gigabytes of every step, and when the attack ends.

    python benchmarks/job_graph.py --images 10000 --processors 1 4 16
"""

import argparse
import heapq
from dataclasses import dataclass

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.needs import Size, memory_of, seconds_of
from instahide.attacks.recipe import Attack

ROWS_PER_IMAGE, CLASSES, PUBLIC = 50, 10, 8600
HOUR = 3600


@dataclass(frozen=True)
class Jobs:
    """The jobs of one step, all of one length; they wait for all jobs of the step before."""

    name: str
    count: int
    seconds: float
    bytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="n; there are 50 n rows")
    parser.add_argument("--pixels", type=int, default=3072)
    parser.add_argument("--processors", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--factor", type=float, default=1.0, help="measured over told time")
    parser.add_argument("--queue", type=float, default=40.0, help="seconds before a job starts")
    options = parser.parse_args()
    for name, attack in attacks().items():
        steps = list_jobs(attack, options.images, options.pixels, options.factor)
        print(
            f"\n{name}: {options.images * ROWS_PER_IMAGE:,} rows of {options.images:,} images"
        )
        for step in steps:
            each, memory = step.seconds / HOUR, step.bytes / 2**30
            print(
                f"  {step.name:<12}{step.count:>4} jobs of {each:6.2f} h and {memory:6.1f} GiB"
            )
        for processors in options.processors:
            end = simulate(steps, processors, options.queue) / HOUR
            print(f"  ends after {end:.1f} h on {processors} processors")


def attacks() -> dict[str, Attack]:
    """Return the attack by what it knows of labels."""
    scattered = NAMED["whitened-none"] | {"assignment": "scattered"}
    return {
        "labels with coefficients": unmixing(),
        "no labels": unmixing("whitened-none", **scattered),
    }


def list_jobs(attack: Attack, images: int, pixels: int, factor: float) -> list[Jobs]:
    """Return the jobs of every step."""
    classes = CLASSES if attack.labels != "none" else 1
    rows = images * ROWS_PER_IMAGE
    # Two images of ten classes: 19 % of rows hold a class.
    holding = round(rows * (1 - (1 - 1 / classes) ** 2))
    size = Size(rows, pixels, images, images // classes, holding, public=PUBLIC)
    return [
        Jobs(
            step.name,
            step.parts,
            factor * (seconds_of(step.choice, size) or 0) / step.parts,
            memory_of(step.choice, size) or 0,
        )
        for step in attack.steps
    ]


def simulate(steps: list[Jobs], processors: int, queue: float) -> float:
    """Return when the last job ends, in seconds."""
    free, ready = [0.0] * processors, 0.0
    for step in steps:
        ends = []
        for _ in range(step.count):
            start = max(heapq.heappop(free), ready) + queue
            ends.append(start + step.seconds)
            heapq.heappush(free, ends[-1])
        ready = max(ends)
    return ready


if __name__ == "__main__":
    main()
