"""How well the attack `whitened-dp` takes DP-InstaHide apart, and what its noise protects.

Challenges are made in memory, of images of one source; images that are in no set are the
attacker's public photos. Prints for each setting Max_SSIM as the challenge scores it, median
and range over seeds: of an oracle that knows who is in which row, by least squares alone and as
the attack retrieves; of the attack with the noise's scale known, and unknown. Also the
share of places that the attack assigns rightly, the scale that it measures, and its processor
seconds.

    python benchmarks/dp_instahide.py PRIVATE --noise 0.05 0.2 0.5 --seeds 3

PRIVATE is a folder with a sub-folder per class, or CIFAR-10's binary archive.
"""

import argparse
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from measuring import quiet, spread
from scipy.optimize import linear_sum_assignment

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.running import run_steps
from instahide.attacks.seen import MOST_PUBLIC, see
from instahide.attacks.unmixing.equalretrieval import retrieve_equal
from instahide.attacks.unmixing.parts.equalrows import noise_of
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.handin import hand_in
from instahide.attacks.unmixing.problem import Problem, view
from instahide.attacks.unmixing.state import Assignment, mix
from instahide.challenge.selection import read_labelled, select
from instahide.encodings.dpinstahide import dp_instahide
from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import empty_pool
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import challenge_scores

QUALITY = ("least squares", "oracle", "attack", "unknown noise")
COLUMNS = (*QUALITY, "assigned", "measured/b", "seconds")


@dataclass(frozen=True)
class Case:
    """A challenge with its truth."""

    problem: Problem
    plan: Plan
    private: np.ndarray

    def score(self, decryption: np.ndarray) -> float:
        """Return Max_SSIM."""
        scores = challenge_scores(decryption, self.private, self.plan.members)
        return float(scores.max_ssim.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path, help="where all images are from")
    parser.add_argument("--k", type=int, nargs="+", default=[4])
    parser.add_argument("--rows", type=int, nargs="+", default=[50], help="T, for each image")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.05, 0.1, 0.2, 0.5])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3, help="challenges for each setting")
    parser.add_argument("--known-only", action="store_true", help="leave out unknown noise")
    options = parser.parse_args()
    source = read_labelled(options.private, size=options.size, channels=3)
    print(f"{options.images} images of {options.size} pixels; median (range) of "
          f"{options.seeds} seeds")  # fmt: skip
    print(f"{'k':>3}{'T':>4}{'b':>6}" + "".join(f"{name:>27}" for name in COLUMNS))
    for k, rows, noise in product(options.k, options.rows, options.noise):
        found = []
        for seed in range(options.seeds):
            given = {"k": k, "rows_per_image": rows, "noise": noise}
            case = make_case(source, options.images, seed, given)
            with quiet():
                found.append(measure(case, noise, known_only=options.known_only))
        cells = "".join(f"{spread(values, 4):>27}" for values in np.transpose(found))
        print(f"{k:>3}{rows:>4}{noise:>6}{cells}", flush=True)


def make_case(source: LabelledImages, images: int, seed: int, options: dict) -> Case:
    """Make a challenge of some images of a source, its other images public."""
    key = Key.from_seed(seed)
    private = select(source, images, key.stream("private"))
    taken = {image.tobytes() for image in private.images}
    others = [image for image in source.images if image.tobytes() not in taken]
    public = np.stack(others[:: max(1, len(others) // MOST_PUBLIC)])
    encoding = dp_instahide(private, empty_pool(private.images.shape[1:]), key, **options)
    plan = encoding.plan(0, encoding.rows)
    released = Released(encoding.encode(plan, 0)["encryption"], label_rows(plan, private))
    about = {"encoding": {"name": "dp-instahide", "options": encoding.describe()}}
    problem = view(see(released, to_unit_range(public), about, images))
    return Case(problem, plan, to_unit_range(private.images))


def measure(case: Case, noise: float, *, known_only: bool = False) -> list[float]:
    """Return the figures of `COLUMNS`."""
    problem, rng = case.problem, np.random.default_rng(0)
    truth = Assignment(case.plan.members, case.plan.weights.astype(np.float32))
    oracles = []
    for rounds in ({"rounds": 0}, {}):
        state = retrieve_equal(problem, truth, rng, **rounds)
        oracles.append(case.score(hand_in(problem, state, state.images, rng).decryption))
    begin, made = time.process_time(), {}
    known, _ = run_steps(
        unmixing(**NAMED["whitened-dp"]).steps, problem, observe=made.__setitem__
    )
    seconds = time.process_time() - begin
    blind = unmixing(
        **NAMED["whitened-dp"]
        | {"assignment": "equal,noise=unknown", "retrieval": "equal,noise=unknown"}
    )
    unknown = known if known_only else run_steps(blind.steps, problem)[0]
    measured = np.sqrt(noise_of(problem, learn_field(problem.public), "unknown") / 2)
    return [
        *oracles,
        case.score(known.decryption),
        np.nan if known_only else case.score(unknown.decryption),
        assigned(made["assignment"], case.plan, problem.image_count),
        measured / noise if noise else np.nan,
        seconds,
    ]


def assigned(found: Assignment, plan: Plan, count: int) -> float:
    """Return the share of places whose image is the right one, up to their numbers."""
    mine, true = (
        mix(some.members, np.ones(some.members.shape, np.float32), count)
        for some in (found, plan)
    )
    names = linear_sum_assignment(-(mine.T @ true))[1]
    return float(np.minimum(mine, true[:, names]).sum() / mine.sum())


if __name__ == "__main__":
    main()
