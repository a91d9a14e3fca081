"""The attack `single`, and what follows with labels, measured where the truth is at hand.

    python benchmarks/single.py rows PRIVATE POOL.zarr SAMPLE.zarr --seeds 4 5 6
    python benchmarks/single.py few PRIVATE POOL.zarr SAMPLE.zarr --seeds 4 5 --times 1 2 3 5 10
    python benchmarks/single.py stream PRIVATE POOL.zarr SAMPLE.zarr --images 1000 --times 50

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr other
photos than the pool's, which this attack does not look at. `rows` encrypts each image once and
prints what comes back of single rows, and beside it what an oracle could: who knows all of a
row but one public image, who knows its four public images and all signs, who knows all but the
signs. `few` encrypts 100 images T times each and takes them apart with the labels, also with
half of the pool. `stream` decodes many rows in chunks, and tells the time of each.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet

from instahide.attacks.catalogue import NAMED, single, single_with_labels, unmixing
from instahide.attacks.knownpool.decoding import SURE
from instahide.attacks.knownpool.rowdecoding import ANNEALINGS, RowTask, make_row_task
from instahide.attacks.knownpool.rowmasks import merge_regions, unmask_locally
from instahide.attacks.knownpool.rowsearch import Search, products, scan_rows
from instahide.attacks.knownpool.single import decode_part
from instahide.attacks.protocol import Recovery, peak_memory
from instahide.attacks.running import run_steps
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.pool.pool import Pool
from instahide.ssim import ssim

Figures = dict[str, float]
#: What takes few rows of an image apart.
FEW = {"single-labels": single_with_labels, "pool": partial(unmixing, "pool", **NAMED["pool"])}


@dataclass(frozen=True)
class Truth:
    """What rows are made of.

    Attributes
    ----------
    mixture, public : ndarray of float32, shape (E, d)
        The private and the public part of each row.
    weights : ndarray of float32, shape (E, k)
        Private ones first.
    members : ndarray of int64, shape (E, k - 2)
        Public images.
    """

    mixture: np.ndarray
    public: np.ndarray
    weights: np.ndarray
    members: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The rows without masks."""
        return self.mixture + self.public

    @property
    def private_sum(self) -> np.ndarray:
        """λ₀ + λ₁ of each row, (E, 1)."""
        return self.weights[:, :2].sum(axis=1, keepdims=True)


def truth_of(made: Made) -> Truth:
    """Compute the parts of all rows."""
    weights, plan = made.plan.weights.astype(np.float32), made.plan
    private = made.private.reshape(len(made.private), -1)
    pool = to_unit_range(made.problem.pool.patches[:]).reshape(len(made.problem.pool), -1)
    mixture, public = (np.zeros((len(plan), private.shape[1]), np.float32) for _ in range(2))
    for slot in range(2):
        mixture += weights[:, slot, None] * private[plan.members[:, slot]]
    for slot in range(plan.public.shape[1]):
        public += weights[:, slot + 2, None] * pool[plan.public[:, slot]]
    return Truth(mixture, public, weights, plan.public)


def measure_rows(
    found: dict[str, np.ndarray], images: np.ndarray, truth: Truth, pool: Pool
) -> Figures:
    """Compare what `single` found with the truth."""
    hit = (found["public"][:, :, None] == truth.members[:, None, :]).any(axis=2)
    sure = found["confidence"] > SURE
    signed = found["mixture"].copy()
    for slot in range(found["public"].shape[1]):
        members = to_unit_range(pool.read(np.maximum(found["public"][:, slot], 0)))
        signed += found["coefficients"][:, slot, None] * members.reshape(signed.shape)
    right = (signed > 0) == (truth.rows > 0)
    like = compare(images.reshape(truth.mixture.shape), truth)
    return {
        "public found": hit.mean(),
        "called sure": sure.mean(),
        "right there": hit[sure].mean(),
        "SSIM": like.mean(),
        "median SSIM": float(np.median(like)),
        "SSIM over .95": (like > 0.95).mean(),
        "signs right": right.mean(),
        "rows over .99": (right.mean(axis=1) > 0.99).mean(),
    }


def compare(images: np.ndarray, truth: Truth) -> np.ndarray:
    """Return each row's SSIM with its private mixture, divided by the private sum."""
    side = round((images.shape[1] / 3) ** 0.5)
    shape = (-1, side, side, 3)
    true = truth.mixture / truth.private_sum
    return ssim(true.reshape(shape), np.clip(images, -1, 1).astype(np.float32).reshape(shape))


def measure_oracles(made: Made, truth: Truth) -> Figures:
    """Return what could be had of rows if more were known."""
    slots = truth.members.shape[1]
    task = make_row_task(made.problem.magnitudes, made.problem.pool, slots)
    mean = truth.public + truth.private_sum * task.field.mean
    fitted = fit_coefficients(task, truth)
    images = (truth.rows - task.dictionary.mix(truth.members, fitted)) - (
        fitted.sum(axis=1, keepdims=True) * task.field.mean
    )
    right = (oracle_signs(task, truth, mean) > 0) == (truth.rows > 0)
    return {
        "oracle: public found": found_alone(task, truth, mean).mean(),
        "oracle: SSIM": compare(images / truth.private_sum, truth).mean(),
        "oracle: signs right": right.mean(),
        "oracle: rows over .99": (right.mean(axis=1) > 0.99).mean(),
    }


def found_alone(task: RowTask, truth: Truth, mean: np.ndarray) -> np.ndarray:
    """Tell which public images are the best match of what is left when all else is known."""
    search = Search(task.late, 1, shortlist=1)
    sharp = task.late.sharpener.sharpen(truth.rows - mean)
    found = np.empty(truth.members.shape, bool)
    for slot in range(found.shape[1]):
        alone = truth.weights[:, slot + 2, None] * task.late.take(truth.members[:, slot])
        left = sharp + alone
        best = scan_rows(search, left, task.late.sharpener.weigh(left), False)[:, 0]
        found[:, slot] = best == truth.members[:, slot]
    return found


def fit_coefficients(task: RowTask, truth: Truth, rounds: int = 4) -> np.ndarray:
    """Fit the coefficients of the true images in rows with true signs, float32 (E, k - 2)."""
    sharpener = task.late.sharpener
    sharp = sharpener.sharpen(truth.rows - task.field.mean)
    fitted = np.zeros(truth.members.shape, np.float32)
    for _ in range(rounds):
        for start in range(0, len(sharp), 100):
            some = slice(start, start + 100)
            atoms = task.late.take(truth.members[some])
            left = sharp[some] - np.einsum("ek,ekd->ed", fitted[some], atoms)
            scale = sharpener.to_colours(np.sqrt(sharpener.weigh(left)))
            matrices = products(task.late, truth.members[some], sharp[some] * scale, scale)
            solved = np.linalg.solve(matrices[:, :-1, :-1], matrices[:, :-1, -1:])
            fitted[some] = solved[:, :, 0]
    return fitted


def oracle_signs(task: RowTask, truth: Truth, mean: np.ndarray) -> np.ndarray:
    """Return rows unmasked with all known but the private images."""
    level = ((truth.rows - mean) ** 2).mean(axis=1) / np.float32(task.field.power)
    signed = np.copysign(task.magnitudes, mean)
    for schedule in ANNEALINGS:
        other = unmask_locally(task.field, task.magnitudes, mean, level, schedule)
        other = np.copysign(task.magnitudes, other)
        signed = merge_regions(task.late.sharpener, signed, other, mean)
    return signed


def run_rows(arguments: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    """Each image once: what comes back of single rows, and what could."""
    for seed in arguments.seeds:
        made = make_once(arguments, seed, 1)
        truth = truth_of(made)
        for share in arguments.shares:
            yield f"{len(truth.rows)} rows, {share} of the pool", run_single(made, truth, share)
        yield "oracles", measure_oracles(made, truth)


def run_single(made: Made, truth: Truth, share: float) -> Figures:
    """Run the attack with a part of the pool."""
    pool, known = made.problem.pool, known_members(made.problem.pool, share)
    problem = replace(made.problem, pool=Pool(pool.read(known)))
    seconds = time.process_time()
    with quiet():
        recovery = run_steps(single().steps, problem)[0]
    seconds = time.process_time() - seconds
    found = recovery.arrays["single"]
    found["public"] = np.where(found["public"] < 0, -1, known[found["public"]])
    figures = measure_rows(found, recovery.decryption, truth, pool)
    hit = (found["public"][:, None, :] == truth.members[:, :, None]).any(axis=2)
    figures["found of those known"] = hit[np.isin(truth.members, known)].mean()
    return figures | {"processor ms a row": 1000 * seconds / len(truth.rows)}


def run_few(arguments: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    """Few rows of each image, with labels: this attack and the attack `pool`."""
    for times in arguments.times:
        for seed in arguments.seeds:
            made = make_once(arguments, seed, times)
            for share, attack in product(arguments.shares, arguments.attacks):
                pool = made.problem.pool
                problem = replace(
                    made.problem, pool=Pool(pool.read(known_members(pool, share)))
                )
                run = partial(run_steps, FEW[attack]().steps, problem)
                yield f"T = {times}, {share} of the pool, {attack}", measure_apart(run, made)


def known_members(pool: Pool, share: float) -> np.ndarray:
    """Return the places of a share of a pool, the same at each call."""
    order = np.random.default_rng(0).permutation(len(pool))
    return np.sort(order[: round(share * len(pool))])


def measure_apart(run: Callable[[], tuple[Recovery, object]], made: Made) -> Figures:
    """Compare recovered images with the private ones; no number where the attack gives up."""
    seconds = time.process_time()
    try:
        with quiet():
            recovery = run()[0]
    except InstaHideError as error:
        print(f"refused: {error}")
        return {"Max_SSIM": np.nan}
    seconds = time.process_time() - seconds
    private, found = made.private, recovery.private
    flat = [images.reshape(len(images), -1) for images in (private, found)]
    distances = ((flat[0][:, None] - flat[1][None]) ** 2).mean(axis=2)
    best, nearest = distances.min(axis=1), distances.argmin(axis=1)
    pairs = np.sort(distances.argmin(axis=0)[recovery.arrays["assignment"]["members"]], axis=1)
    handed_in = [
        ssim(private[made.plan.members[:, slot]], recovery.decryption) for slot in range(2)
    ]
    return {
        "Max_SSIM": np.max(handed_in, axis=0).mean(),
        "SSIM of images": ssim(private, found[nearest]).mean(),
        "exact": (best < 1e-6).mean(),
        "pairs right": (pairs == np.sort(made.plan.members, axis=1)).all(axis=1).mean(),
        "processor s": seconds,
    }


def run_stream(arguments: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    """Many rows in one process, in parts, as jobs would share them."""
    made = make_once(arguments, arguments.seeds[0], arguments.times[0])
    truth, rng = truth_of(made), np.random.default_rng(0)
    bounds = np.linspace(0, len(truth.rows), arguments.parts + 1).astype(int)
    print(f"{len(truth.rows)} rows, {len(made.problem.pool)} public images", flush=True)
    for number in arguments.only or range(arguments.parts):
        clock, wall = time.process_time(), time.perf_counter()
        with quiet():
            found = decode_part(made.problem, rng, part=(number, arguments.parts))
        clock, wall = time.process_time() - clock, time.perf_counter() - wall
        rows = slice(bounds[number], bounds[number] + len(found["public"]))
        assert bounds[number + 1] == rows.stop, "choose parts that divide the chunks"
        part = Truth(
            truth.mixture[rows], truth.public[rows], truth.weights[rows], truth.members[rows]
        )
        private = np.maximum(1 - found["coefficients"].sum(axis=1, keepdims=True), 0.3)
        figures = measure_rows(found, found["mixture"] / private, part, made.problem.pool)
        per_row = {"processor ms a row": clock, "wall ms a row": wall}
        count = rows.stop - rows.start
        figures |= {name: 1000 * value / count for name, value in per_row.items()}
        print(f"part {number}", end=": ")
        yield f"{count} rows", figures | {"peak GB": peak_memory() / 2**30}


def make_once(arguments: argparse.Namespace, seed: int, times: int) -> Made:
    """Make a challenge in memory."""
    photos = Photos(arguments.private, arguments.pool, arguments.sample)
    scheme = Scheme(k=arguments.k, rows_per_image=times)
    return make(photos, arguments.images, scheme, seed, knows_pool=True)


def report(results: Iterator[tuple[str, Figures]]) -> None:
    """Print each result, and at the end mean and range of those of one name."""
    by_name: dict[str, list[Figures]] = {}
    for name, figures in results:
        by_name.setdefault(name, []).append(figures)
        told = (f"{key} {value:.4f}" for key, value in figures.items())
        print(f"{name}: " + ", ".join(told), flush=True)
    print("\nmean (least to most)")
    for name, found in by_name.items():
        print(f"{name}, {len(found)} of them")
        for key in found[0]:
            values = [figures[key] for figures in found if key in figures]
            print(f"  {key:<24}{np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")


COMMANDS = {"rows": run_rows, "few": run_few, "stream": run_stream}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=tuple(COMMANDS))
    for name in ("private", "pool", "sample"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--k", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 5, 6])
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 3, 5, 10], help="T")
    parser.add_argument("--parts", type=int, default=10, help="of a stream")
    parser.add_argument("--only", type=int, nargs="+", help="some of these parts, by number")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=[1, 0.5], help="of the pool that are known"
    )
    parser.add_argument("--attacks", choices=FEW, nargs="+", default=list(FEW))
    arguments = parser.parse_args()
    report(COMMANDS[arguments.what](arguments))


if __name__ == "__main__":
    main()
