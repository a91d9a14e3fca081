"""Quality of the whitened attack, stage by stage, on challenges whose truth is at hand.

Each challenge is a folder with its `secret/`; the truth is read for measuring only. Prints,
after each stage, the share of right assignments (of the larger and of the smaller
coefficient, among rows of two classes; of whole pairs among rows of one class), mean SSIM
and squared error of the recovered images, and Max_SSIM as the challenge scores it; at the
end the means over the challenges with their range.

    python benchmarks/whitened.py POOL.zarr CHALLENGE …

POOL.zarr is the attacker's public sample: a pool made from other photos than the challenge's.
`--retrieval field,rounds=3` and the like choose other stages.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from instahide.attacks.chain import recover
from instahide.attacks.problem import load_problem
from instahide.attacks.products import Assignment, State
from instahide.attacks.stages import STAGES, Stages
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.challenge.plan import load_plan
from instahide.challenge.private import load_private
from instahide.challenge.scheme import Scheme
from instahide.images import to_unit_range
from instahide.scoring.metrics import challenge_scores, mean_squared_error
from instahide.ssim import ssim

COLUMNS = ("larger", "smaller", "same pair", "SSIM", "MSE", "Max_SSIM")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pool", type=Path, help="the attacker's public sample")
    parser.add_argument("challenges", type=Path, nargs="+", help="folders with their secret/")
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    for stage in STAGES:
        parser.add_argument(f"--{stage}", default=getattr(Stages, stage))
    arguments = parser.parse_args()
    stages = Stages(**{stage: getattr(arguments, stage) for stage in STAGES})
    print(f"attack: {stages}, seed {arguments.seed}")
    ends = []
    for folder in arguments.challenges:
        print(f"\n{folder}\n{'':<22}" + "".join(f"{name:>11}" for name in COLUMNS))
        ends.append(measure(folder, arguments.pool, stages, arguments.seed))
    print(f"\nall {len(ends)} challenges, mean (range)")
    for name, values in zip((*COLUMNS, "seconds", "MB"), np.transpose(ends), strict=True):
        low, high = values.min(), values.max()
        print(f"{name:<22}{values.mean():.4f} ({low:.4f} to {high:.4f})")


def measure(folder: Path, pool: Path, stages: Stages, seed: int) -> list[float]:
    """Attack one challenge, print each stage, and return the last one's figures."""
    paths = ChallengeFolder(folder)
    about = load_manifest(paths)
    problem = load_problem(folder, pool, Scheme(**about["scheme"]), about["images"])
    judge = make_judge(paths)
    observe = partial(observe_state, judge)
    recovery, state, watch = recover(problem, stages, seed=seed, observe=observe)
    figures = judge("handed in", state.assignment, recovery.private, recovery.decryption)
    seconds = {stage["name"]: stage["wall_seconds"] for stage in watch.stages}
    memory = watch.stages[-1]["peak_memory_bytes"] / 1e6
    print(
        "seconds: "
        + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
        + f"; {memory:.0f} MB"
    )
    return [*figures, sum(seconds.values()), memory]


def observe_state(judge: Callable[..., list[float]], name: str, product: object) -> None:
    """Print the figures of an assignment or a state."""
    if isinstance(product, State):
        judge(name, product.assignment, product.images)
    elif isinstance(product, Assignment):
        judge(name, product)


def make_judge(paths: ChallengeFolder) -> Callable[..., list[float]]:
    """Return a function that prints and returns the figures of a stage."""
    plan, truth = load_plan(paths.truth), load_private(paths.private)
    private = to_unit_range(truth.images)

    def judge(stage, assignment, images=None, decryption=None):
        names = match(assignment, plan, len(private))
        figures = accuracy(names[assignment.images], plan, truth.classes)
        if images is not None:
            pictures = np.clip(images, -1, 1).reshape(-1, *private.shape[1:])[: len(private)]
            if decryption is None:
                decryption = pictures[assignment.images[:, 0]]
            figures += [
                ssim(pictures, private[names]).mean(),
                mean_squared_error(pictures, private[names]).mean(),
                challenge_scores(decryption, private, plan.pairs).max_ssim.mean(),
            ]
        print(f"{stage:<22}" + "".join(f"{figure:>11.4f}" for figure in figures), flush=True)
        return figures

    return judge


def match(assignment: Assignment, plan, count: int) -> np.ndarray:
    """Return the true image that each recovered one is most often assigned with."""
    together = np.zeros((count, count))
    for mine in range(2):
        for true in range(2):
            weight = assignment.coefficients[:, mine] * plan.coefficients[:, true]
            np.add.at(together, (assignment.images[:, mine], plan.pairs[:, true]), weight)
    return linear_sum_assignment(-together)[1]


def accuracy(pairs: np.ndarray, plan, classes: np.ndarray) -> list[float]:
    """Return the shares of right assignments: larger, smaller, pairs of one class."""
    order = np.argsort(-plan.coefficients[:, :2], axis=1, kind="stable")
    true = np.take_along_axis(plan.pairs, order, 1)
    same = classes[true[:, 0]] == classes[true[:, 1]]
    right = (np.sort(pairs, axis=1) == np.sort(true, axis=1)).all(axis=1)
    larger = (pairs[~same] == true[~same, :1]).any(axis=1).mean()
    smaller = (pairs[~same] == true[~same, 1:]).any(axis=1).mean()
    return [larger, smaller, right[same].mean() if same.any() else np.nan]


if __name__ == "__main__":
    main()
