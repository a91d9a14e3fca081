"""What the whitened attack loses without coefficients, and without labels.

As `whitened.py` does, each challenge is attacked stage by stage and measured with its
`secret/`; but the attacker is given only which classes a row holds, or nothing.

    python benchmarks/whitened_knowledge.py --labels none POOL.zarr CHALLENGE …

POOL.zarr is the attacker's public sample: a pool made from other photos than the challenge's.
"""

import argparse
import resource
from pathlib import Path

import numpy as np
from instahide.attacks.whitened import Settings
from measuring import spread
from whitened import COLUMNS, make_judge

from instahide.attacks.blind import recover_without_coefficients
from instahide.attacks.protocol import load_released
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.plan import load_plan
from instahide.challenge.private import load_private
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pool", type=Path, help="the attacker's public sample")
    parser.add_argument("challenges", type=Path, nargs="+", help="folders with their secret/")
    parser.add_argument("--labels", choices=("classes", "none"), required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    arguments = parser.parse_args()
    public = to_unit_range(np.asarray(open_pool(arguments.pool).patches[:]))
    ends = []
    for folder in arguments.challenges:
        print(f"\n{folder}\n{'stage':<22}" + "".join(f"{name:>11}" for name in COLUMNS))
        ends.append(measure(folder, public, arguments.labels, arguments.seed))
    print(f"\nlabels: {arguments.labels}; all {len(ends)} challenges, median (range)")
    names = (*COLUMNS, "λ larger, rms", "λ smaller, rms", "seconds")
    for name, values in zip(names, np.transpose(ends), strict=True):
        print(f"{name:<22}{spread(values, 4)}  mean {values.mean():.4f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def measure(folder: Path, public: np.ndarray, labels: str, seed: int) -> list[float]:
    """Attack one challenge, print each stage, and return the last one's figures."""
    paths = ChallengeFolder(folder)
    plan, judge = load_plan(paths.truth), make_judge(paths)
    recovery, assignment, watch = recover_without_coefficients(
        load_released(folder),
        public,
        labels=labels,
        images=len(load_private(paths.private).images),
        rng=np.random.default_rng(seed),
        settings=Settings(k=plan.coefficients.shape[1]),
        observe=judge,
    )
    figures = judge("handed in", recovery.private, assignment, recovery.decryption)
    true = -np.sort(-plan.coefficients[:, :2], axis=1)
    estimated = -np.sort(-assignment.coefficients, axis=1)
    errors = np.sqrt(((estimated - true) ** 2).mean(axis=0))
    seconds = {stage["name"]: stage["wall_seconds"] for stage in watch.stages}
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
    return [*figures, *errors, sum(seconds.values())]


if __name__ == "__main__":
    main()
