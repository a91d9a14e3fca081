"""Quality of the whitened attack, stage by stage, on challenges whose truth is at hand.

Each challenge is a folder with its `secret/`; the truth is read for measuring only. Prints,
after each stage, the share of right assignments (of the larger and of the smaller
coefficient, among rows of two classes; of whole pairs among rows of one class), mean SSIM
and squared error of the recovered images, and Max_SSIM as the challenge scores it; at the
end the means over the challenges with their spread.

    python benchmarks/whitened.py POOL.zarr CHALLENGE …

POOL.zarr is the attacker's public sample: a pool made from other photos than the challenge's.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from measuring import spread
from scipy.optimize import linear_sum_assignment

from instahide.attacks import whitened
from instahide.attacks.assignment import Assignment
from instahide.attacks.protocol import load_released
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.plan import load_plan
from instahide.challenge.private import load_private
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool
from instahide.scoring.metrics import challenge_scores, mean_squared_error
from instahide.ssim import ssim

COLUMNS = ("larger", "smaller", "same pair", "SSIM", "MSE", "Max_SSIM")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pool", type=Path, help="the attacker's public sample")
    parser.add_argument("challenges", type=Path, nargs="+", help="folders with their secret/")
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    parser.add_argument("--plain", action="store_true", help="the rows are not masked (mixup)")
    arguments = parser.parse_args()
    public = to_unit_range(np.asarray(open_pool(arguments.pool).patches[:]))
    settings = whitened.Settings(masked=not arguments.plain)
    print(f"{len(public)} public images of the attacker's own")
    ends = []
    for folder in arguments.challenges:
        print(f"\n{folder}\n{'stage':<22}" + "".join(f"{name:>11}" for name in COLUMNS))
        ends.append(measure(folder, public, settings, arguments.seed))
    print(f"\nall {len(ends)} challenges, median (range)")
    for name, values in zip((*COLUMNS, "seconds"), np.transpose(ends), strict=True):
        print(f"{name:<22}{spread(values, 4)}")


def measure(
    folder: Path, public: np.ndarray, settings: whitened.Settings, seed: int
) -> list[float]:
    """Attack one challenge, print each stage, and return the last one's figures."""
    released, judge = load_released(folder), make_judge(ChallengeFolder(folder))
    images = len(load_private(ChallengeFolder(folder).private).images)
    rng = np.random.default_rng(seed)
    settings = replace(
        settings, k=load_plan(ChallengeFolder(folder).truth).coefficients.shape[1]
    )
    recovery, assignment, watch = whitened.recover(
        released, public, images=images, rng=rng, settings=settings, observe=judge
    )
    figures = judge("handed in", recovery.private, assignment, recovery.decryption)
    seconds = {stage["name"]: stage["wall_seconds"] for stage in watch.stages}
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
    return [*figures, sum(seconds.values())]


def make_judge(paths: ChallengeFolder) -> Callable[..., list[float]]:
    """Return a function that prints and returns the figures of a stage."""
    plan, truth = load_plan(paths.truth), load_private(paths.private)
    private = to_unit_range(truth.images)

    def judge(stage, images, assignment, decryption=None):
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
