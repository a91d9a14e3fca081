"""Processor time of the whitened attack, beside that of another version of the project.

Both attack the same challenge in turns, each in a process of its own, by the command
`instahide attack whitened`. Prints seconds of every stage, their ratio, and Max_SSIM where the
challenge's folder holds its truth.

    python benchmarks/whitened_time.py BEFORE CHALLENGE SAMPLE.zarr

BEFORE is a checkout of the other version (`git worktree add BEFORE REVISION`); SAMPLE.zarr is
the attacker's pool.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.images import to_unit_range
from instahide.scoring.metrics import challenge_scores

HERE = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("challenge", type=Path)
    parser.add_argument("sample", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"{options.turns} turns, {threads} BLAS threads, load {os.getloadavg()[0]:.1f}")
    sides = {"before": options.before.resolve(), "now": HERE}
    totals = {name: [] for name in sides}
    for _ in range(options.turns):
        for name, checkout in sides.items():
            stages, score = attack(checkout, options.challenge, options.sample)
            totals[name].append(sum(stages.values()))
            parts = ", ".join(f"{stage} {value:.1f}" for stage, value in stages.items())
            print(f"{name:<8}{totals[name][-1]:>7.1f} s ({parts}); Max_SSIM {score:.4f}")
    ratios = np.divide(totals["now"], totals["before"])
    print(f"now / before: {ratios.mean():.2f} ({ratios.min():.2f} to {ratios.max():.2f})")


def attack(checkout: Path, challenge: Path, sample: Path) -> tuple[dict[str, float], float]:
    """Attack with the code of a checkout; return seconds of the stages, and Max_SSIM."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "out")
        command = [sys.executable, "-m", "instahide", "attack", "whitened"]
        command += [challenge.resolve(), "--public-sample", sample.resolve(), "--out", out]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        subprocess.run(command, cwd=scratch, env=environment, check=True, capture_output=True)
        about = json.loads((out / "attack.json").read_text(encoding="utf-8"))
        decryption = np.load(out / "decryption.npy")
    paths = ChallengeFolder(challenge)
    plan, private = load_plan(paths.truth), load_private(paths.private)
    scores = challenge_scores(decryption, to_unit_range(private.images), plan.members)
    seconds = {stage["name"]: stage["cpu_seconds"] for stage in about["stages"]}
    return seconds, float(scores.max_ssim.mean())


if __name__ == "__main__":
    main()
