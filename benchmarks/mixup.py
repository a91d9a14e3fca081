"""What linear algebra makes of Mixup, the mixture without a mask.

    python benchmarks/mixup.py PRIVATE POOL.zarr SAMPLE.zarr --k 2 4 6 8 --seeds 1 2 3

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's own photos, others than the pool's. Prints a Markdown table: for each k and attack
Max_SSIM as the challenge scores it, the private images' squared errors, how many of them are
exact, and the share of public images that were found; median and range over the seeds. The
*oracle* knows who is in each row, and how much of each, and solves as `linear` does.
"""

import csv
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make, parser_with_photos
from measuring import quiet, spread

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.protocol import Recovery
from instahide.attacks.running import run_steps
from instahide.attacks.seen import strip_labels
from instahide.attacks.unmixing.finish import none
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.rounds import fit_images
from instahide.attacks.unmixing.state import Assignment, State
from instahide.encodings.instahide.scheme import Scheme

ORACLE = "oracle"
ATTACKS = (ORACLE, "linear", "linear-classes", "linear-none", "whitened", "pool", "linear-pool")
COLUMNS = ("max_ssim", "median_mse", "worst_mse", "exact", "public_found", "cpu_seconds")


def main() -> None:
    parser = parser_with_photos(__doc__)
    parser.add_argument("--k", type=int, nargs="+", default=[2, 4, 6, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--rows", type=int, default=50, help="T, for each image")
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=ATTACKS)
    parser.add_argument("--out", type=Path, default=Path("mixup.csv"))
    options = parser.parse_args()
    photos, lines = Photos.of(options), []
    for k, seed in product(options.k, options.seeds):
        scheme = Scheme("mixup", k, rows_per_image=options.rows)
        made = make(photos, options.images, scheme, seed, knows_pool=True)
        for name in options.attacks:
            if k == 2 and name.endswith("pool"):
                continue
            lines.append({"k": k, "attack": name, "seed": seed} | measure(made, name))
            print(*lines[-1].values(), flush=True)
        with options.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(
                file, ["k", "attack", "seed", *COLUMNS], lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(lines)
    print(table(lines))


def table(lines: list[dict]) -> str:
    """Return the Markdown table of all that was measured."""
    text = (
        "| k | attack | Max_SSIM | median MSE | worst MSE | exact | public found | seconds |\n"
    )
    text += "|---" * 8 + "|\n"
    for k, name in dict.fromkeys((line["k"], line["attack"]) for line in lines):
        found = [line for line in lines if (line["k"], line["attack"]) == (k, name)]
        text += table_row(k, name, found) + "\n"
    return text


def table_row(k: int, name: str, found: list[dict[str, float]]) -> str:
    """Return a line of the table."""
    cells = []
    for column in COLUMNS:
        values = np.array([each[column] for each in found], float)
        if np.isnan(values).any():
            cells.append("")
        elif "mse" in column:
            cells.append(f"{np.median(values):.1e} ({values.min():.0e} to {values.max():.0e})")
        else:
            cells.append(spread(values, 0 if "seconds" in column else 4))
    return f"| {k} | {name} | " + " | ".join(cells) + " |"


def measure(made: Made, name: str) -> dict[str, float]:
    """Attack a challenge; return the figures of `COLUMNS`."""
    attack = unmixing(**NAMED["linear" if name == ORACLE else name])
    problem = replace(
        made.problem,
        label=strip_labels(made.problem.label, attack.labels),
        labels=attack.labels,
        pool=made.problem.pool if attack.public == "pool" else None,
    )
    begin = time.process_time()
    with quiet():
        recovery = see_all(made) if name == ORACLE else run_steps(attack.steps, problem)[0]
    seconds = time.process_time() - begin
    errors = errors_of(recovery.private, made.private)
    return {
        "max_ssim": round(made.max_ssim(recovery.decryption), 4),
        "median_mse": float(f"{np.median(errors):.2e}"),
        "worst_mse": float(f"{errors.max():.2e}"),
        "exact": round(float((errors < (0.5 / 127.5) ** 2).mean()), 4),
        "public_found": round(public_found(made, recovery), 4),
        "cpu_seconds": round(seconds, 1),
    }


def see_all(made: Made) -> Recovery:
    """Solve for the images with all coefficients known."""
    rng, problem, plan = np.random.default_rng(0), made.problem, made.plan
    truth = Assignment(plan.members, plan.weights[:, :2].astype(np.float32))
    level = (plan.weights[:, 2:] ** 2).sum(axis=1).astype(np.float32) + np.float32(1e-4)
    images = np.zeros((problem.image_count + 1, problem.magnitudes.shape[1]), np.float32)
    state = State(images, truth, level, problem.magnitudes)
    state = replace(state, images=fit_images(learn_field(problem.public), state))
    return none(made.problem, state, rng)


def errors_of(recovered: np.ndarray, private: np.ndarray) -> np.ndarray:
    """Return each private image's squared difference from the recovered image nearest to it."""
    images, found = (array.reshape(len(array), -1) for array in (private, recovered))
    squares = (images**2).sum(axis=1)[:, None] + (found**2).sum(axis=1)
    nearest = (squares - 2 * images @ found.T).argmin(axis=1)
    return ((images - found[nearest]) ** 2).mean(axis=1)


def public_found(made: Made, recovery: Recovery) -> float:
    """Return the share of public images that were named in their rows; NaN where none are."""
    if "decoding" not in recovery.arrays:
        return float("nan")
    named = recovery.arrays["decoding"]["public"]
    return float((made.plan.public[:, :, None] == named[:, None, :]).any(axis=2).mean())


if __name__ == "__main__":
    main()
