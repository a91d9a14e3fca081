"""What the whitened attack knows before anything is unmasked: similarity, and first pairs.

Prints, over seeds, the area under the curve of "these two rows share a private image" by the
cosine of features, over all pairs of rows and over those whose shared coefficients exceed .35;
and how many of the larger and smaller coefficients' images the assignment names rightly, with
and without squashed features and with a smaller ridge.

    python benchmarks/whitened_start.py PRIVATE POOL.zarr SAMPLE.zarr --rows 10 --seeds 1 2 3
"""

import argparse
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet
from scipy.stats import rankdata
from whitened import accuracy, match

from instahide.attacks.unmixing.assignment import fit_pairs
from instahide.attacks.unmixing.parts import hardem
from instahide.attacks.unmixing.parts.clustering import ROWS_PER_IMAGE, cluster_leaders
from instahide.attacks.unmixing.parts.labels import read_pairs
from instahide.attacks.unmixing.similarity import whitened
from instahide.attacks.unmixing.state import Assignment, mix
from instahide.encodings.instahide.scheme import Scheme

LARGE = 0.35
RIDGES = (hardem.PROFILE_RIDGE, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rows", type=int, default=10, help="for each image")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    scheme = Scheme(rows_per_image=options.rows)
    found = {}
    for seed in options.seeds:
        made = make(photos, options.images, scheme, seed)
        for name, figures in measure(made).items():
            found.setdefault(name, []).append(figures)
    print(f"n = {options.images}, T = {options.rows}, seeds {options.seeds}")
    for name, values in found.items():
        low, high = np.min(values, axis=0), np.max(values, axis=0)
        cells = (f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True))
        print(f"{name:<34}" + "   ".join(cells))


def measure(made: Made) -> dict[str, list[float]]:
    """Return figures by what they are of."""
    figures = {}
    for squash in (True, False):
        with quiet():
            features = whitened(made.problem, np.random.default_rng(0), squash=squash)
        how = "squashed" if squash else "not squashed"
        figures[f"{how}: area, all and large"] = areas(features, made)
        for ridge in RIDGES:
            figures[f"{how}, ridge {ridge}: pairs"] = first_pairs(features, made, ridge)
    return figures


def areas(features: np.ndarray, made: Made) -> list[float]:
    """Return the area under the curve over all pairs, and over large shared coefficients."""
    members, weights = made.plan.members, made.plan.weights[:, :2]
    above = np.triu_indices(len(features), 1)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[above]
    holds = [mix(members, (weights > least).astype(np.float32), made.problem.image_count)
             for least in (0, LARGE)]  # fmt: skip
    shared = [((some @ some.T) > 0)[above] for some in holds]
    return [area(cosines[pairs], cosines[~shared[0]]) for pairs in shared]


def area(positive: np.ndarray, negative: np.ndarray) -> float:
    """Return the chance that one of `positive` exceeds one of `negative`."""
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return float((ranks.mean() - (len(positive) + 1) / 2) / len(negative))


def first_pairs(features: np.ndarray, made: Made, ridge: float) -> list[float]:
    """Return shares of rightly named images after the assignment."""
    parts = read_pairs(made.problem)
    with quiet():
        leaders = cluster_leaders(features, parts, ROWS_PER_IMAGE)
        assignment: Assignment = fit_pairs(features, parts, leaders, ridge=ridge)
    names = match(assignment, made.plan, made.problem.image_count)
    return list(accuracy(names, assignment, made.plan, made.truth.classes).values())


if __name__ == "__main__":
    main()
