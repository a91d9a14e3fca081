"""The attacks of InstaHide's own paper, and beside them what this project does instead.

    python benchmarks/paper_attacks.py averaging PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 3
    python benchmarks/paper_attacks.py search PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 3
    python benchmarks/paper_attacks.py mask PRIVATE POOL.zarr SAMPLE.zarr --seeds 1

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's photos, others than the pool's. `averaging` hands in means of rows: of those that a
class leads, as the attack reads them off the labels; of those that the same image leads, and of
all that hold it, as the paper's attacker is told. `search` looks for each row's public images
in the pool, and prints in how many rows the best candidate is one of them, the whitened scan
of the attack `single` beside. `mask` takes masks off by a network and by the field of the
attack `whitened`, row by row: signs that are right, up to the row's own, and the SSIM with the
row as it was; it needs PyTorch. Mean and range over the seeds.
"""

from collections.abc import Iterator

import numpy as np
from challenges import Made, Photos, ask_for_size, make, parser_with_photos
from measuring import quiet

from instahide.attacks.authors.averaging import average_groups, stretch
from instahide.attacks.authors.learntmask import train_unmasker, unmask_learnt
from instahide.attacks.authors.poolsearch import most_alike
from instahide.attacks.knownpool.rowdecoding import make_row_task
from instahide.attacks.knownpool.sharppool import SharpPool
from instahide.attacks.unmixing.parts.alone import unmask_alone
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.encodings.instahide.scheme import Scheme
from instahide.images import to_unit_range
from instahide.ssim import ssim

Found = dict[str, float]


def measure_averaging(made: Made, rng: np.random.Generator, options) -> Iterator[Found]:
    """Max_SSIM of means of rows, and of the baselines."""
    magnitudes, plan, count = made.problem.magnitudes, made.plan, len(made.private)
    signed = magnitudes * rng.choice(np.float32([-1, 1]), magnitudes.shape)
    leading = plan.members[np.arange(len(plan)), plan.weights[:, :2].argmax(axis=1)]
    mean = made.private.reshape(count, -1).mean(axis=0)

    def score(rows: np.ndarray) -> float:
        images = np.clip(rows, -1, 1).astype(np.float32)
        return made.max_ssim(images.reshape(-1, *made.problem.shape))

    yield {
        "baseline: absolute": score(magnitudes),
        "baseline: absolute, at a photo's contrast": score(stretch(magnitudes)),
        "baseline: mean image": score(np.broadcast_to(mean, magnitudes.shape)),
        "baseline: random image": score(
            made.private.reshape(count, -1)[rng.integers(count, size=len(plan))]
        ),
    }
    classes = made.problem.label.argmax(axis=1)
    for what, group in (("class leads", classes), ("image leads, told", leading)):
        for kind, rows in (("|y|", magnitudes), ("y", signed)):
            means = average_groups(rows, group)
            yield {f"mean of {kind}, {what}": score(means)}
            yield {f"mean of {kind}, {what}, at a photo's contrast": score(stretch(means))}
    held = [(plan.members[:, :2] == image).any(axis=1) for image in range(count)]
    for kind, rows in (("|y|", magnitudes), ("y", signed)):
        means = np.stack([rows[mine].mean(axis=0) for mine in held])
        yield {f"mean of {kind}, image held, told": score(means[leading])}
        yield {
            f"mean of {kind}, image held, told, at a photo's contrast": score(
                stretch(means)[leading]
            )
        }


def measure_search(made: Made, rng: np.random.Generator, options) -> Iterator[Found]:
    """Share of rows whose best candidate is one of their public images."""
    problem, some = made.problem, np.sort(rng.permutation(len(made.plan))[: options.rows])
    members, magnitudes = made.plan.public[some], problem.magnitudes
    unmasked = unmask_alone(problem, learn_field(problem.public), rng)

    def share(what: str, rows: np.ndarray, measure: str, compared: str) -> Found:
        best, _ = most_alike(rows, problem.pool, 10, measure, compared)
        return hits(what, best, members)

    yield {"by chance": members.shape[1] / len(problem.pool)}
    for name, rows in (("magnitudes", magnitudes[some]), ("unmasked", unmasked[some])):
        yield share(f"correlation, {name}", rows, "correlation", name)
    few = slice(options.few)
    members = members[few]
    for name, rows in (("magnitudes", magnitudes), ("unmasked", unmasked)):
        yield share(f"SSIM, {name} ({options.few} rows)", rows[some][few], "ssim", name)
    members = made.plan.public[some]
    task = make_row_task(magnitudes, problem.pool, members.shape[1])
    left = task.early.sharpener.sharpen(unmasked[some] - task.field.mean)
    best = np.argsort(-whitened_fits(task.early, left), axis=1)[:, :10]
    yield hits("whitened, unmasked", best, members)


def whitened_fits(pool: SharpPool, left: np.ndarray) -> np.ndarray:
    """Return how well each image of the pool fits sharpened rows, of either sign, (E, N).

    It is what `instahide.attacks.knownpool.rowsearch.scan_rows` takes the best of.
    """
    weights = pool.sharpener.weigh(left)
    weighted = left * pool.sharpener.to_colours(weights)
    fits = np.zeros((len(left), len(pool)), np.float32)
    for here, atoms, energy in pool.chunks():
        fits[:, here] = weighted @ atoms.T / np.sqrt(weights @ energy.T + np.float32(1e-9))
    return np.abs(fits)


def measure_masks(made: Made, rng: np.random.Generator, options) -> Iterator[Found]:
    """How right rows are that were unmasked alone, by the field and by a network."""
    problem = made.problem
    true = unmasked_truth(made)
    by_field = unmask_alone(problem, learn_field(problem.public), rng)
    yield compare("field", by_field.reshape(true.shape), true)
    network = train_unmasker(problem, rng, options.steps)
    by_network = unmask_learnt(network, problem.magnitudes.reshape(true.shape))
    yield compare(f"network, {options.steps} steps", by_network, true)
    right = [share_right(found, true) for found in (by_network, by_field.reshape(true.shape))]
    yield {"rows in which the network is better": (right[0] > right[1]).mean()}


def unmasked_truth(made: Made) -> np.ndarray:
    """Return the rows before their masks, float32 (E, H, W, C)."""
    plan, pool = made.plan, to_unit_range(made.problem.pool.patches[:])
    rows = np.zeros((len(plan), *made.problem.shape), np.float32)
    for slot in range(plan.weights.shape[1]):
        weights = plan.weights[:, slot, None, None, None].astype(np.float32)
        private = slot < plan.members.shape[1]
        images = made.private if private else pool
        places = (
            plan.members[:, slot] if private else plan.public[:, slot - plan.members.shape[1]]
        )
        rows += weights * images[places]
    return rows


def share_right(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return each row's share of right signs, up to its own."""
    right = ((found > 0) == (true > 0)).mean(axis=(1, 2, 3))
    return np.maximum(right, 1 - right)


def compare(what: str, found: np.ndarray, true: np.ndarray) -> Found:
    """Return mean and median share of right signs, and SSIM with the row, turned."""
    right = ((found > 0) == (true > 0)).mean(axis=(1, 2, 3))
    turned = found * np.where(right < 0.5, -1, 1)[:, None, None, None].astype(np.float32)
    alike, shares = ssim(true, turned), share_right(found, true)
    return {
        f"{what}: signs right": shares.mean(),
        f"{what}: signs right, median": float(np.median(shares)),
        f"{what}: rows over .95": (shares > 0.95).mean(),
        f"{what}: SSIM with the row": alike.mean(),
    }


def hits(what: str, best: np.ndarray, members: np.ndarray) -> Found:
    """Return in how many rows the first, and one of ten, is a public image of the row."""
    right = (best[:, :, None] == members[:, None, :]).any(axis=2)
    return {
        f"{what}: the best": right[:, 0].mean(),
        f"{what}: of ten": right.any(axis=1).mean(),
    }


MEASURES = {"averaging": measure_averaging, "search": measure_search, "mask": measure_masks}


def main() -> None:
    parser = parser_with_photos(__doc__, MEASURES)
    ask_for_size(parser, seeds=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=1000, help="that are searched for")
    parser.add_argument("--steps", type=int, default=1200, help="of the network's learning")
    parser.add_argument("--few", type=int, default=50, help="that are searched for by SSIM")
    options = parser.parse_args()
    photos, scheme, found = Photos.of(options), Scheme(rows_per_image=options.times), {}
    for seed in options.seeds:
        made = make(
            photos, options.images, scheme, seed, labels="coefficients", knows_pool=True
        )
        with quiet():
            for figures in MEASURES[options.what](made, np.random.default_rng(seed), options):
                for name, value in figures.items():
                    found.setdefault(name, []).append(value)
    for name, values in found.items():
        print(f"{name:<56}{np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")


if __name__ == "__main__":
    main()
