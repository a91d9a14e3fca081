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

from instahide.attacks.catalogue import NAMED, STAGES, unmixing
from instahide.attacks.recipe import Attack
from instahide.attacks.running import recover
from instahide.attacks.seen import load_seen
from instahide.attacks.unmixing.state import NOBODY, Assignment, State, mix
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import load_private
from instahide.encodings.plan import Plan, load_plan
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.scoring.metrics import challenge_scores, mean_squared_error
from instahide.ssim import ssim

PICTURES = ("SSIM", "MSE", "worst MSE", "Max_SSIM")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pool", type=Path, help="the attacker's public sample")
    parser.add_argument("challenges", type=Path, nargs="+", help="folders with their secret/")
    parser.add_argument("--attack", choices=NAMED, default="whitened")
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    for stage in STAGES:
        parser.add_argument(f"--{stage}", help="instead of the attack's own")
    options = parser.parse_args()
    given = {stage: getattr(options, stage) for stage in STAGES if getattr(options, stage)}
    attack = unmixing(options.attack, **(NAMED[options.attack] | given))
    print(f"{options.attack}: {attack.trail(len(STAGES) - 1)}, seed {options.seed}")
    found = []
    for folder in options.challenges:
        names, figures = measure(folder, options.pool, attack, options.seed)
        found.append(figures)
    print(f"\nall {len(found)} challenges, mean (range)")
    for name, values in zip(names, np.transpose(found), strict=True):
        print(f"{name:<22}{values.mean():.4f} ({values.min():.4f} to {values.max():.4f})")


def measure(
    folder: Path, pool: Path, attack: Attack, seed: int
) -> tuple[list[str], list[float]]:
    """Attack one challenge, print each stage; return the last one's figures with names."""
    paths = ChallengeFolder(folder)
    about = load_manifest(paths)
    seen = load_seen(
        folder,
        about,
        about["images"],
        public=pool,
        labels=attack.labels,
        knows_pool=attack.public == "pool",
    )
    columns, judge = make_judge(load_plan(paths.truth), load_private(paths.private))
    print(f"\n{folder}\n{'':<22}" + "".join(f"{name:>11}" for name in columns))
    kept = {}
    recovery, watch = recover(attack, seen, seed=seed, observe=partial(keep, kept, judge))
    state = kept["retrieval"]
    figures = judge("handed in", state.assignment, recovery.private, recovery.decryption)
    seconds = {stage["name"]: stage["cpu_seconds"] for stage in watch.stages}
    memory = watch.stages[-1]["peak_memory_bytes"] / 1e6
    print(
        "processor seconds: "
        + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
        + f"; {memory:.0f} MB"
    )
    names = [*columns, "processor seconds", "MB"]
    return names, [*figures, sum(seconds.values()), memory]


def keep(
    kept: dict[str, object], judge: Callable[..., list[float]], name: str, product: object
) -> None:
    """Keep a step's product; print the figures of an assignment, or of a retrieval's state."""
    kept[name] = product
    if isinstance(product, State) and name != "retrieval":
        judge(name, product.assignment, product.images)
    elif isinstance(product, Assignment):
        judge(name, product)


def make_judge(
    plan: Plan, truth: LabelledImages, *, show: bool = True
) -> tuple[list[str], Callable[..., list[float]]]:
    """Return names of columns, and a function that prints and returns a stage's figures."""
    private = to_unit_range(truth.images)

    def judge(stage, assignment, images=None, decryption=None):
        names = match(assignment, plan, len(private))
        figures = list(accuracy(names, assignment, plan, truth.classes).values())
        if images is not None:
            pictures = np.clip(images, -1, 1).reshape(-1, *private.shape[1:])[: len(private)]
            if decryption is None:
                decryption = pictures[assignment.members[:, 0]]
            errors = mean_squared_error(pictures, private[names])
            scores = challenge_scores(decryption, private, plan.members)
            figures += [
                ssim(pictures, private[names]).mean(),
                errors.mean(),
                errors.max(),
                scores.max_ssim.mean(),
            ]
        if show:
            print(
                f"{stage:<22}" + "".join(f"{figure:>11.4f}" for figure in figures), flush=True
            )
        return figures

    some = Assignment(plan.members, plan.weights[:, : plan.members.shape[1]])
    places = accuracy(np.arange(len(private)), some, plan, truth.classes)
    return [*places, *PICTURES], judge


def match(assignment: Assignment, plan: Plan, count: int) -> np.ndarray:
    """Return the true image that each recovered one is most often assigned with."""
    mine = mix(assignment.members, assignment.weights, count)
    true = mix(plan.members, plan.weights, count)
    return linear_sum_assignment(-(mine.T @ true))[1]


def accuracy(
    names: np.ndarray, assignment: Assignment, plan: Plan, classes: np.ndarray
) -> dict[str, float]:
    """Return the shares of right assignments.

    With two private images: the larger and the smaller coefficient's image in rows of two
    classes, whole pairs in rows of one. With more: the image of the r-th largest coefficient.
    """
    places = plan.members.shape[1]
    order = np.argsort(-plan.weights[:, :places], axis=1, kind="stable")
    true = np.take_along_axis(plan.members, order, 1)
    pairs = np.where(assignment.members == NOBODY, NOBODY, names[assignment.members])
    right = (true[:, :, None] == pairs[:, None, :]).any(axis=2)
    if places > 2:
        return {f"place {rank + 1}": right[:, rank].mean() for rank in range(places)}
    same = classes[true[:, 0]] == classes[true[:, 1]]
    return {
        "larger": right[~same, 0].mean(),
        "smaller": right[~same, 1].mean(),
        "same pair": right[same].all(axis=1).mean() if same.any() else np.nan,
    }


if __name__ == "__main__":
    main()
