"""What limits the whitened attack: it is given masks, pairs or both, and finishes as always.

For each size and seed prints Max_SSIM, mean and worst squared error of the attack itself, of
one that knows the true pairs (so that only masks are to be found), and of one that knows pairs
and masks (so that only the public images are noise); then means and ranges over the seeds.

    python benchmarks/whitened_oracle.py PRIVATE POOL.zarr SAMPLE.zarr --sizes 100x10 100x50
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet
from whitened import make_judge

from instahide.attacks.catalogue import unmixing
from instahide.attacks.running import run_steps
from instahide.attacks.unmixing.finish import local
from instahide.attacks.unmixing.parts.coefficients import expected_level, public_spread
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.rounds import (
    Fixed,
    fit_images,
    measure_level,
    run_rounds,
    start_from_rows,
)
from instahide.attacks.unmixing.retrieval import FIELD_ROUNDS, FIRST_ROUNDS
from instahide.attacks.unmixing.state import Assignment, State
from instahide.encodings.instahide.scheme import Scheme

FIGURES = ("Max_SSIM", "MSE", "worst MSE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--sizes", nargs="+", default=["100x10", "100x20", "100x50"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    for size in options.sizes:
        images, rows = map(int, size.split("x"))
        print(f"\nn = {images}, T = {rows}: " + ", ".join(FIGURES))
        found = {}
        for seed in options.seeds:
            made, bare = (
                make(photos, images, Scheme(name, rows_per_image=rows), seed)
                for name in ("cross", "mixup")
            )
            for knows, figures in measure(made, bare).items():
                found.setdefault(knows, []).append(figures)
                cells = "".join(f"{figure:>10.4f}" for figure in figures)
                print(f"seed {seed}, {knows:<18}{cells}", flush=True)
        for knows, figures in found.items():
            ranges = [
                f"{values.mean():.4f} ({values.min():.4f} to {values.max():.4f})"
                for values in np.transpose(figures)
            ]
            print(f"all, {knows:<20}" + ", ".join(ranges))


def measure(made: Made, bare: Made) -> dict[str, list[float]]:
    """Return figures of the attack and of both oracles, by what they know.

    `bare` is the same challenge without masks.
    """
    rows = bare.problem.magnitudes
    np.testing.assert_allclose(np.abs(rows), made.problem.magnitudes, atol=1e-6)
    names, judge = make_judge(made.plan, made.truth, show=False)
    places = [names.index(name) for name in FIGURES]
    kept, found = {}, {}
    with quiet():
        recovery, _ = run_steps(
            unmixing().steps, made.problem, observe=lambda name, made: kept.update({name: made})
        )
        known = pairs_of(made)
        states = {
            "pairs": retrieve_pairs(made, known),
            "pairs and masks": retrieve(made, known, rows),
        }
        finished = {
            name: (state.assignment, local(made.problem, state, np.random.default_rng(0)))
            for name, state in states.items()
        }
    finished = {"nothing": (kept["retrieval"].assignment, recovery)} | finished
    for name, (assignment, recovery) in finished.items():
        figures = judge("", assignment, recovery.private, recovery.decryption)
        found[name] = [figures[place] for place in places]
    return found


def pairs_of(made: Made) -> Assignment:
    """Return the true pairs and coefficients, the larger first."""
    members, weights = made.plan.members, made.plan.weights[:, :2]
    order = np.argsort(-weights, axis=1, kind="stable")
    return Assignment(
        np.take_along_axis(members, order, 1).astype(np.int64),
        np.take_along_axis(weights, order, 1).astype(np.float32),
    )


def fixed_of(made: Made) -> Fixed:
    """Return what stays in rounds in which pairs stay, too."""
    return Fixed(
        field=learn_field(made.problem.public),
        magnitudes=made.problem.magnitudes,
        reassign=lambda field, state, level: state,
        spread=public_spread(made.problem.scheme, np.random.default_rng(0)),
    )


def retrieve_pairs(made: Made, known: Assignment) -> State:
    """Take the masks off, the pairs known."""
    fixed = fixed_of(made)
    state = start_from_rows(fixed, known, made.problem.image_count)
    return run_rounds(fixed, state, FIRST_ROUNDS + FIELD_ROUNDS)


def retrieve(made: Made, known: Assignment, rows: np.ndarray) -> State:
    """Solve for the images where rows have no mask and pairs are known."""
    fixed, count = fixed_of(made), made.problem.image_count
    images = np.zeros((count + 1, rows.shape[1]), np.float32)
    state = State(images, known, expected_level(known, fixed.spread), rows)
    for _ in range(3):
        state = replace(state, images=fit_images(fixed.field, state))
        state = replace(state, level=measure_level(fixed.field, state, fixed.spread))
    return replace(state, images=fit_images(fixed.field, state))


if __name__ == "__main__":
    main()
