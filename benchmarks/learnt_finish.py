"""The finish `learnt` beside `local`: Max_SSIM on challenges that its network has not seen.

    python benchmarks/learnt_finish.py PRIVATE POOL.zarr SAMPLE.zarr --rows 10 20 --seeds 1 2 3

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's own photos, others than the pool's. For each number of rows the network is trained
once, on challenges of the attacker's photos, and then serves all seeds: it knows nothing of
them. Prints Max_SSIM and the mean squared error of the private images with either finish.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet
from scipy.optimize import linear_sum_assignment

from instahide.attacks.catalogue import unmixing
from instahide.attacks.neural.errorfinish import (
    LESSON_EPOCHS,
    LESSONS,
    denoise_images,
    finished_images,
    learn_errors,
)
from instahide.attacks.running import run_steps
from instahide.attacks.unmixing.parts.denoiser import Denoiser
from instahide.attacks.unmixing.parts.handin import hand_in
from instahide.attacks.unmixing.state import State
from instahide.encodings.instahide.scheme import Scheme


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("private", "pool", "sample"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rows", type=int, nargs="+", default=[10, 20, 50], help="T")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lessons", type=int, default=LESSONS)
    parser.add_argument("--epochs", type=int, default=LESSON_EPOCHS)
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    for rows in options.rows:
        scheme, denoiser = Scheme(rows_per_image=rows), None
        for seed in options.seeds:
            made = make(photos, options.images, scheme, seed)
            denoiser = denoiser or train(made, options)
            measure(made, denoiser, f"T = {rows}, seed {seed}")


def train(made: Made, options: argparse.Namespace) -> Denoiser:
    """Train the network; of the challenge it takes the size only."""
    begin, rng = time.process_time(), np.random.default_rng(0)
    with quiet():
        found = learn_errors(made.problem, rng, options.lessons, options.epochs)
    print(
        f"{options.lessons} lessons, {options.epochs} epochs, "
        f"{time.process_time() - begin:.0f} processor seconds; SSIM of photos that were held "
        f"out {found.before:.4f}, then {found.after:.4f}",
        flush=True,
    )
    return found


def measure(made: Made, denoiser: Denoiser, title: str) -> None:
    """Attack, finish both ways, and print the figures."""
    with quiet():
        state = run_steps(unmixing().steps[:-1], made.problem)[0]
        images = finished_images(made.problem, state)
    clean = denoise_images(denoiser, made.problem, state, images)
    for name, each in (("local", images), ("learnt", clean)):
        score, error = judge(made, state, each)
        print(f"{title}: {name:<7} Max_SSIM {score:.4f}, MSE {error:.5f}", flush=True)


def judge(made: Made, state: State, images: np.ndarray) -> tuple[float, float]:
    """Return Max_SSIM, and the mean squared error of images matched with private ones."""
    whole = np.vstack([images, state.images[-1:]])
    recovery = hand_in(made.problem, state, whole, np.random.default_rng(0))
    truth, found = (x.reshape(len(x), -1) for x in (made.private, recovery.private))
    errors = ((truth[:, None] - found[None]) ** 2).mean(axis=2)
    matched = errors[linear_sum_assignment(errors)]
    return made.max_ssim(recovery.decryption), float(matched.mean())


if __name__ == "__main__":
    main()
