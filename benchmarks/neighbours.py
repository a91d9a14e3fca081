"""Searches for each row's nearest others, side by side: blocks of products, FAISS, pynndescent.

Makes a challenge of E = 50 n rows, whitens it, and searches for each row's 30 nearest others by
the cosine: exactly in blocks, as the attack does, and with what is installed of FAISS
(`pip install faiss-cpu`) and pynndescent. Prints processor seconds, the share of the true
neighbours that each finds, and what Markov clustering makes of them: rows in the n largest
clusters, how many of them have the image that most of their cluster have, and how many images
have a cluster.

    python benchmarks/neighbours.py PRIVATE POOL.zarr SAMPLE.zarr --images 100 400

PRIVATE is a folder with a sub-folder per class, or CIFAR-10's binary archive; SAMPLE.zarr is
the attacker's pool, made from other photos than POOL.zarr.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from challenges import Photos, make

from instahide.attacks.unmixing.parts.clustering import NEIGHBOURS, name_largest
from instahide.attacks.unmixing.parts.markov import markov_clusters, similarity_graph
from instahide.attacks.unmixing.parts.neighbours import nearest_rows, unit_rows
from instahide.attacks.unmixing.similarity import whitened
from instahide.attacks.unmixing.state import NOBODY
from instahide.encodings.instahide.scheme import Scheme

ROWS_PER_IMAGE = 50
Found = tuple[np.ndarray, np.ndarray]  # rows and cosines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--images", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    for images in options.images:
        scheme = Scheme(rows_per_image=ROWS_PER_IMAGE)
        made = make(photos, images, scheme, options.seed, labels="none")
        unit = unit_rows(whitened(made.problem, np.random.default_rng(0)))
        members, weights = made.plan.members[:, :2], made.plan.weights[:, :2]
        leaders = np.take_along_axis(members, weights.argmax(axis=1)[:, None], 1)[:, 0]
        print(f"\nn = {images}, E = {len(unit)}")
        print(f"{'search':<34}{'seconds':>9}{'recall':>8}{'rows':>8}{'purity':>8}{'images':>8}")
        exact = None
        for name, search in searches():
            begin = time.process_time()
            rows, cosines = search(unit)
            seconds = time.process_time() - begin
            exact = rows if exact is None else exact
            kept, purity, found = judge(rows, cosines, leaders, images)
            cells = f"{seconds:>9.1f}{recall(rows, exact):>8.3f}{kept:>8}{purity:>8.3f}"
            print(f"{name:<34}{cells}{found:>8}", flush=True)


def searches() -> Iterator[tuple[str, Callable[[np.ndarray], Found]]]:
    """Yield what there is to search with; the first is exact."""
    yield "blocks of products", lambda unit: nearest_rows(unit, NEIGHBOURS)
    if find_spec("faiss"):
        yield "FAISS, exact (Flat)", lambda unit: with_faiss(unit, "Flat", {})
        for probes in (4, 16):
            name = f"FAISS, IVF of E/200 lists, {probes} probed"
            yield (
                name,
                lambda unit, p=probes: with_faiss(
                    unit, f"IVF{len(unit) // 200},Flat", {"nprobe": p}
                ),
            )
        yield (
            "FAISS, HNSW32, efSearch 64",
            lambda unit: with_faiss(unit, "HNSW32,Flat", {"efSearch": 64}),
        )
    if find_spec("pynndescent"):
        yield "pynndescent", with_descent


def with_faiss(unit: np.ndarray, kind: str, settings: dict[str, int]) -> Found:
    """Search with an index of FAISS, one thread."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.index_factory(unit.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(unit)
    index.add(unit)
    for name, value in settings.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    cosines, rows = index.search(unit, NEIGHBOURS + 1)
    return without_itself(rows, cosines)


def with_descent(unit: np.ndarray) -> Found:
    """Search with pynndescent, one job."""
    from pynndescent import NNDescent

    index = NNDescent(
        unit, metric="cosine", n_neighbors=NEIGHBOURS + 1, random_state=0, n_jobs=1
    )
    rows, distances = index.neighbor_graph
    return without_itself(rows, 1 - distances)


def without_itself(rows: np.ndarray, cosines: np.ndarray) -> Found:
    """Leave out each row itself, or the last neighbour where it is not there."""
    own = rows == np.arange(len(rows))[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(rows), rows.shape[1] - 1
    missing = rows[~own].reshape(shape) < 0
    cosines = np.where(missing, 0, cosines[~own].reshape(shape)).astype(np.float32)
    return np.maximum(rows[~own].reshape(shape), 0), cosines


def recall(rows: np.ndarray, exact: np.ndarray) -> float:
    """Return the share of true neighbours that were found."""
    pairs = zip(rows, exact, strict=True)
    return float(np.mean([np.isin(true, found).mean() for found, true in pairs]))


def judge(
    rows: np.ndarray, cosines: np.ndarray, leaders: np.ndarray, images: int
) -> tuple[int, float, int]:
    """Return rows in clusters, the share of them that are right, and images with a cluster."""
    names = name_largest(markov_clusters(similarity_graph(rows, cosines)), images)
    counts = np.zeros((images, images), int)
    kept = names != NOBODY
    np.add.at(counts, (names[kept], leaders[kept]), 1)
    purity = counts.max(axis=1).sum() / kept.sum()
    return int(kept.sum()), float(purity), len(set(counts.argmax(axis=1).tolist()))


if __name__ == "__main__":
    main()
