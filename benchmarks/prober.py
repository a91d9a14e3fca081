"""What somebody gains who probes the board: tries again and again, keeps what scores higher.

    python benchmarks/prober.py
    python benchmarks/prober.py --seeds 1 2 3 --probes 50 200

A prober has, of each private image, a few candidates that he cannot tell apart, such as what an
attack recovers with other settings: here the image with noise of other strength each. He knows
which rows hold an image, as attacks do, and begins with a candidate of each. Then he tries
another candidate of one image at a time, and keeps it where the board's Max_SSIM is higher.

Printed is what that gains him in Max_SSIM on the public half, on the secret half and on all
images, where the board counts the public half, and where it counts all images: medians over
challenges with other images, rows, halves and candidates, and their range.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import quiet, spread

from instahide.challenge.selection import read_labelled, select
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.images import to_unit_range
from instahide.intake.halves import draw_halves, rows_of_part, score_part
from instahide.photos.samples import save_samples
from instahide.pool.pool import empty_pool
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import challenge_scores

SIZE, ROWS_PER_IMAGE = 16, 20
CANDIDATES = 4
WEAKEST, STRONGEST = 0.2, 0.8  # half the width of the noise of a candidate
PARTS = ("public", "secret", "all")


@dataclass(frozen=True)
class Probed:
    """A challenge that is probed.

    Attributes
    ----------
    plan : Plan
    images : ndarray of uint8, shape (n, H, W, C)
    candidates : ndarray of float32, shape (c, n, H, W, C)
        What the prober has of each image.
    rows : dict of ndarray
        The rows that count for the public half, the secret one, and all.
    parts : dict of ndarray
        The images of these.
    scores : ndarray of float64, shape (c, E)
        Max_SSIM of each row, when it shows such a candidate of its first image.
    """

    plan: Plan
    images: np.ndarray
    candidates: np.ndarray
    rows: dict[str, np.ndarray]
    parts: dict[str, np.ndarray]
    scores: np.ndarray

    def board(self, part: str, chosen: np.ndarray) -> float:
        """Return what a board shows of a choice of candidates (n,), as `score_part` does."""
        rows = self.rows[part]
        return float(self.scores[chosen[self.plan.members[rows, 0]], rows].mean())

    def handed_in(self, part: str, chosen: np.ndarray) -> float:
        """Return the Max_SSIM of a choice of candidates when it is handed in and scored."""
        first = self.plan.members[:, 0]
        decryption = self.candidates[chosen[first], first]
        return score_part(decryption, self.plan, self.images, self.parts[part])["max_ssim"].mean


def make_probed(photos: Path, count: int, seed: int) -> Probed:
    """Make a challenge of `count` images that mixes two in a row, and the candidates."""
    key, rng = Key.from_seed(seed), np.random.default_rng(seed)
    source = read_labelled(photos, size=SIZE, channels=3)
    private = select(source, count, key.stream("private"))
    scheme = of_scheme(Scheme("inside", k=2, rows_per_image=ROWS_PER_IMAGE))
    plan = combine(private, empty_pool(private.images.shape[1:]), key, scheme).plan()
    truth, halves = to_unit_range(private.images), draw_halves(key, count)
    strength = rng.uniform(WEAKEST, STRONGEST, (CANDIDATES, count, 1, 1, 1))
    noise = rng.uniform(-1, 1, (CANDIDATES, *truth.shape)) * strength
    candidates = np.clip(truth + noise, -1, 1).astype(np.float32)
    parts = {"public": halves.public, "secret": halves.secret, "all": np.arange(count)}
    rows = {part: rows_of_part(plan, images) for part, images in parts.items()}
    first = plan.members[:, 0]
    scores = [challenge_scores(c[first], truth, plan.members).max_ssim for c in candidates]
    return Probed(plan, private.images, candidates, rows, parts, np.array(scores))


def probe(probed: Probed, part: str, probes: int, rng: np.random.Generator) -> np.ndarray:
    """Return the candidates that a prober has chosen after so many files.

    Parameters
    ----------
    part : str
        What the board counts.
    """
    images = len(probed.images)
    chosen = np.zeros(images, np.int64)
    best = probed.board(part, chosen)
    for _ in range(probes):
        tried = chosen.copy()
        tried[rng.integers(images)] = rng.integers(CANDIDATES)
        if (found := probed.board(part, tried)) > best:
            chosen, best = tried, found
    return chosen


def gains(probed: Probed, part: str, probes: int, seed: int) -> np.ndarray:
    """Return what probing a board gains on each of `PARTS`, float64 (3,)."""
    chosen = probe(probed, part, probes, np.random.default_rng(seed))
    start = np.zeros_like(chosen)
    before, after = (
        np.array([probed.handed_in(name, choice) for name in PARTS])
        for choice in (start, chosen)
    )
    shown = probed.board(part, chosen)
    assert abs(shown - after[PARTS.index(part)]) < 1e-9  # the table is what scoring gives
    return after - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=100, help="private ones (default 100)")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--probes", type=int, nargs="+", default=[30, 100, 300, 1000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, quiet():
        save_samples(Path(folder, "public"), Path(folder, "private"))
        made = {
            seed: make_probed(Path(folder, "private"), given.images, seed)
            for seed in given.seeds
        }
    print(
        f"{given.images} bundled images of {SIZE} × {SIZE}, {ROWS_PER_IMAGE} rows for each, "
        f"{CANDIDATES} candidates of each; {len(made)} challenges: median (range)\n"
    )
    print("| board counts | files | gain, public half | secret half | all images |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for part in ("public", "all"):
        for probes in given.probes:
            found = np.array([gains(one, part, probes, seed) for seed, one in made.items()])
            cells = [part, str(probes), *(spread(column, 3) for column in found.T)]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
