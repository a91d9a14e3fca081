"""The attack of 2020 beside ours: what each similarity tells, and chains of both's stages.

Of each similarity prints the area under the curve of "these two rows share a private image",
over all pairs of rows and over those whose shared coefficients exceed .35; the purity of the
clusters that grow by it; and the shares of rightly named images (larger and smaller
coefficient, pairs of one class) by each assignment. Then, of chains of stages, the shares after
retrieval, SSIM and Max_SSIM, and processor seconds without those of the network.

    python benchmarks/neural.py PRIVATE POOL.zarr SAMPLE.zarr --weights weights.pt

The weights are those that a step of the attack leaves, and `--second` those of the network that
sees prototypes; where there is no such file they are trained, and kept there. They depend on
the attacker's photos only, and serve all seeds.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet
from whitened import accuracy, make_judge, match
from whitened_start import areas

from instahide.attacks.catalogue import unmixing
from instahide.attacks.neural.clusters import cosines_of, find_clusters
from instahide.attacks.neural.training import ROW_STEPS
from instahide.attacks.running import run_step, step_rng
from instahide.attacks.unmixing.parts.labels import read_pairs
from instahide.attacks.unmixing.state import NOBODY, Assignment, mix
from instahide.encodings.instahide.scheme import Scheme

SIMILARITIES = ("whitened", "neural", "neural-whitened")
ASSIGNMENTS = (
    "cliques", "cliques,by=matching", "prototypes", "prototypes,by=matching", "em",
)  # fmt: skip
#: Similarity, assignment, retrieval and finish.
CHAINS = {
    "2020": "neural cliques adam scaled",
    "2020-colours": "neural cliques adam colours",
    "2020-matching": "neural cliques,by=matching adam scaled",
    "2020-rows": "neural cliques,by=matching adam,start=rows scaled",
    "2020-rows-colours": "neural cliques,by=matching adam,start=rows colours,start=rows",
    "2020-prototypes": "neural prototypes adam colours",
    "second-network": "neural prototypes,by=matching field local",
    "their-retrieval": "whitened em adam scaled",
    "their-retrieval-rows": "whitened em adam,start=rows scaled",
    "their-clusters": "whitened cliques,by=matching field local",
    "their-similarity": "neural em field local",
    "both-similarities": "neural-whitened em field local",
    "all-but-retrieval": "neural cliques,by=matching field local",
    "whitened": "whitened em field local",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--second", type=Path, help="default: prototypes.pt beside them")
    parser.add_argument("--steps", type=int, default=ROW_STEPS, help="of training the first")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rows", type=int, default=50, help="for each image")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--similarities", nargs="*", choices=SIMILARITIES, default=SIMILARITIES)
    parser.add_argument("--chains", nargs="*", choices=CHAINS, default=list(CHAINS))
    options = parser.parse_args()
    options.second = options.second or options.weights.with_name("prototypes.pt")
    photos = Photos(options.private, options.pool, options.sample)
    scheme = Scheme(rows_per_image=options.rows)
    for seed in options.seeds:
        print(f"\nn = {options.images}, T = {options.rows}, seed {seed}")
        made, kept = make(photos, options.images, scheme, seed), {}
        for name in options.similarities:
            compare_similarity(made, name, options, kept)
        for name in options.chains:
            run_chain(made, name, options, kept)


def compare_similarity(
    made: Made, name: str, options: argparse.Namespace, kept: dict[str, Any]
) -> None:
    """Print what a similarity tells, and what assignments make of it."""
    steps = unmixing(similarity=name).steps
    with quiet():
        features, before = run_steps_kept(made, steps[:-3], options, kept)
    areas_found = "   ".join(f"{area:.4f}" for area in areas(features, made))
    print(f"{name}: area, all and large {areas_found}; purity {purity(features, made):.4f}")
    for text in ASSIGNMENTS:
        steps = unmixing(similarity=name, assignment=text).steps[:-2]
        with quiet():
            found, seconds = run_steps_kept(made, steps, options, kept)
        left = (found.members == NOBODY).mean()
        right = "   ".join(f"{x:.4f}" for x in rightly_named(found, made).values())
        print(
            f"  {text:<24}{right}   left out {left:.3f}, {seconds - before:.1f} s", flush=True
        )


def run_chain(made: Made, name: str, options: argparse.Namespace, kept: dict[str, Any]) -> None:
    """Print how good a chain of stages is."""
    texts = CHAINS[name].split()
    stages = ("similarity", "assignment", "retrieval", "finish")
    steps = unmixing(name, **dict(zip(stages, texts, strict=True))).steps
    with quiet():
        recovery, seconds = run_steps_kept(made, steps, options, kept)
        state, _ = run_steps_kept(made, steps[:-1], options, kept)
    names, judge = make_judge(made.plan, made.truth, show=False)
    figures = judge("", state.assignment, recovery.private, recovery.decryption)
    cells = ", ".join(f"{x} {y:.4f}" for x, y in zip(names, figures, strict=True))
    print(f"{name:<21}{CHAINS[name]}: {cells}; {seconds:.0f} s; {recovery.details}", flush=True)


def run_steps_kept(
    made: Made, steps: Any, options: argparse.Namespace, kept: dict[str, Any]
) -> tuple[Any, float]:
    """Run steps, the beginnings that others have run kept; return product and seconds."""
    before, total, trail = (), 0.0, ""
    for number, step in enumerate(steps):
        trail += "/" + step.choice.text
        place = step.choice.text if step.beside else trail
        if place not in kept:
            begin = time.process_time()
            product = run_one(made, number, before, step, options)
            kept[place] = product, time.process_time() - begin
        product, seconds = kept[place]
        before = (*before, product) if step.beside else (product,)
        total += seconds if step.name != "network" else 0
    return product, total


def run_one(
    made: Made, number: int, before: tuple[Any, ...], step: Any, options: argparse.Namespace
) -> Any:
    """Run one step; a network is trained where its weights are not there."""
    if step.name != "network":
        return run_step(step, made.problem, before, step_rng(number, 0))
    path = options.second if step.beside else options.weights
    if path.exists():
        return path
    if not step.beside:
        step = unmixing(similarity=f"neural,steps={options.steps}").steps[0]
    return run_step(step, made.problem, (), step_rng(0, 0), {"path": path})


def purity(features: np.ndarray, made: Made) -> float:
    """Return the share of clusters' rows that hold the image that most of them hold."""
    parts, found = read_pairs(made.problem), []
    ones = np.ones(made.plan.members.shape, np.float32)
    holds = mix(made.plan.members, ones, made.problem.image_count)
    for number, image_index in enumerate(parts.roster):
        count = np.count_nonzero(image_index != NOBODY)
        rows = np.flatnonzero((parts.classes == number).any(axis=1))
        scores = cosines_of(features[rows])
        clusters = find_clusters(scores, count, made.problem.scheme.rows_per_image)
        found += [holds[rows[cluster]].mean(axis=0).max() for cluster in clusters]
    return float(np.mean(found))


def rightly_named(assignment: Assignment, made: Made) -> dict[str, float]:
    """Return shares of rightly named images."""
    names = match(assignment, made.plan, made.problem.image_count)
    return accuracy(names, assignment, made.plan, made.truth.classes)


if __name__ == "__main__":
    main()
