"""The whitened attack on inside-dataset challenges, whose rows mix private images only.

Each challenge is a folder with its `secret/`; the truth is read for measuring only. Prints,
after each stage, the share of right images by the rank of their coefficient, mean SSIM and
squared error of the recovered images, and at the end Max_SSIM.

    python benchmarks/whitened_inside.py POOL.zarr CHALLENGE …
"""

import argparse
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import spread
from scipy.optimize import linear_sum_assignment

from instahide.attacks.assignment import Assignment, mix
from instahide.attacks.inside import recover_inside
from instahide.attacks.protocol import load_released
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.plan import Plan, load_plan
from instahide.challenge.private import load_private
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool
from instahide.scoring.metrics import challenge_scores, mean_squared_error
from instahide.ssim import ssim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pool", type=Path, help="the attacker's public sample")
    parser.add_argument("challenges", type=Path, nargs="+", help="folders with their secret/")
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    arguments = parser.parse_args()
    public = to_unit_range(np.asarray(open_pool(arguments.pool).patches[:]))
    ends = [measure(folder, public, arguments.seed) for folder in arguments.challenges]
    print(f"\nall {len(ends)} challenges, median (range)")
    ranks = [f"rank {rank + 1}" for rank in range(len(ends[0]) - 5)]
    names = (*ranks, "SSIM", "MSE", "worst MSE", "Max_SSIM", "seconds")
    for name, values in zip(names, np.transpose(ends), strict=True):
        print(f"{name:<12}{spread(values, 5)}  mean {values.mean():.6f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def measure(folder: Path, public: np.ndarray, seed: int) -> list[float]:
    """Attack one challenge, print each stage, and return the last one's figures."""
    paths, released = ChallengeFolder(folder), load_released(folder)
    plan, private = load_plan(paths.truth), to_unit_range(load_private(paths.private).images)
    k = plan.pairs.shape[1]
    full = np.flatnonzero((released.label > 0).sum(axis=1) == k)
    print(f"\n{folder}: {len(full)} of {len(plan)} rows name {k} classes")
    judge = make_judge(plan, full, private)
    recovery, assignment, watch = recover_inside(
        released, public, images=len(private), rng=np.random.default_rng(seed), k=k,
        observe=judge,
    )  # fmt: skip
    figures = judge("handed in", recovery.private, assignment)
    score = challenge_scores(recovery.decryption, private, plan.pairs).max_ssim.mean()
    seconds = {stage["name"]: stage["wall_seconds"] for stage in watch.stages}
    print(f"Max_SSIM {score:.5f}; seconds:", seconds)
    return [*figures, score, sum(seconds.values())]


def make_judge(plan: Plan, full: np.ndarray, private: np.ndarray) -> Callable[..., list[float]]:
    """Return a function that prints and returns the figures of a stage."""

    def judge(stage, images, assignment: Assignment):
        some = plan if len(assignment.images) == len(plan) else plan[full]
        count = len(private)
        mine = mix(assignment.images, assignment.coefficients, count)
        true = mix(some.pairs, some.coefficients, count)
        names = linear_sum_assignment(-(mine.T @ true))[1]
        held = np.zeros_like(true, bool)
        held[:, names] = mine > 0
        order = np.argsort(-some.coefficients, axis=1, kind="stable")
        ranked = np.take_along_axis(some.pairs, order, 1)
        figures = list(np.take_along_axis(held, ranked, 1).mean(axis=0))
        if images is not None:
            pictures = np.clip(images, -1, 1).reshape(-1, *private.shape[1:])[:count]
            errors = mean_squared_error(pictures, private[names])
            figures += [ssim(pictures, private[names]).mean(), errors.mean(), errors.max()]
        print(f"{stage:<14}" + "".join(f"{figure:>11.5f}" for figure in figures), flush=True)
        return figures

    return judge


if __name__ == "__main__":
    main()
