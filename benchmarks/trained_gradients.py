"""From gradients of training to private images: a convolutional network, end to end.

    python benchmarks/trained_gradients.py PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2
    python benchmarks/trained_gradients.py PRIVATE POOL.zarr SAMPLE.zarr --batch 4 --steps 400

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's photos, others than the pool's. Needs PyTorch. A network of three convolutions and a
dense layer is trained on all rows of a challenge, T epochs of fresh encryptions, in random
order. Somebody sees the weights before each step and the step's gradient, and nothing else:
of a step on one row he computes the label from the last layer, and looks for the row by
matching gradients. In batches of several rows labels are given. What he finds is attacked by
`whitened`, with the labels that he has, and by `whitened-none`; and beside it the true rows,
and those with Gaussian noise of the same power, with their labels. Neither attack knows which
image is where. With `--passes` the same rows are gone through several times, so that the
network has learned them, and he sees the last time only.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from challenges import ask_for_size, parser_with_photos
from gradients import (
    ATTACKS,
    attack,
    convolutional,
    encryptions,
    error_of,
    make_seed,
    stack,
    weights_of,
    with_noise,
)
from measuring import spread

from instahide.attacks.gradients.lastlayer import label_from_gradient
from instahide.attacks.gradients.matching import Matching, SeenSteps, gradient_of, match_steps
from instahide.pytorch import import_torch

TOGETHER = 16  # rows whose steps are inverted at a time


@dataclass(frozen=True)
class Trained:
    """What somebody found of the rows of a training, in the challenge's order.

    Attributes
    ----------
    rows, labels : ndarray of float32, shapes (E, H, W, C) and (E, classes)
    losses : ndarray of float64, shape (steps,)
        Of each step, divided by the labels' sum; log 10 is chance.
    moved : float
        How far the weights went, relative to what they were at first.
    seconds : float
        Processor time for each row.
    """

    rows: np.ndarray
    labels: np.ndarray
    losses: np.ndarray
    moved: float
    seconds: float


def train_and_find(
    rows: np.ndarray, labels: np.ndarray, seed: int, options: argparse.Namespace
) -> Trained:
    """Train on all rows once, and find them in the steps."""
    import_torch().set_num_threads(1)
    network, rng = convolutional(seed, options.activation), np.random.default_rng(seed)
    settings = Matching(options.steps, 0.1, variation=0.0, signed=False)
    order = rng.permutation(len(rows)).reshape(-1, options.batch)
    found, told, losses = np.empty_like(rows), labels.copy(), []
    first = weights_of(network)
    for _ in range(1, options.passes):
        for some in order:
            losses.append(loss_of(network, rows[some], labels[some]))
            take_step(network, gradient_of(network, rows[some], labels[some]), options.rate)
    clock = time.process_time()
    for start in range(0, len(order), TOGETHER // options.batch):
        here = order[start : start + TOGETHER // options.batch]
        weights, gradients = [], []
        for some in here:
            weights.append(weights_of(network))
            gradients.append(gradient_of(network, rows[some], labels[some]))
            losses.append(loss_of(network, rows[some], labels[some]))
            take_step(network, gradients[-1], options.rate)
        weights, gradients = stack(weights), stack(gradients)
        if options.batch == 1:
            told[here[:, 0]] = label_from_gradient(tuple(gradients[-2:]), tuple(weights[-2:]))
        seen = SeenSteps(weights, gradients, told[here])
        found[here] = match_steps(network, seen, rows.shape[1:], rng, settings)
    seconds = (time.process_time() - clock) / len(rows)
    moved = length(b - a for a, b in zip(first, weights_of(network), strict=True))
    return Trained(found, told, np.array(losses), moved / length(first), seconds)


def length(parts) -> float:
    """Return the Euclidean length of all parts together."""
    return float(np.sqrt(sum(np.square(part, dtype=np.float64).sum() for part in parts)))


def take_step(network: Any, gradient: list[np.ndarray], rate: float) -> None:
    """Go down a gradient, without momentum."""
    torch = import_torch()
    with torch.no_grad():
        for parameter, part in zip(network.parameters(), gradient, strict=True):
            parameter.sub_(rate * torch.from_numpy(part))


def loss_of(network: Any, rows: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross entropy with labels that are brought to a sum of 1."""
    torch = import_torch()
    planes = torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 3, 1, 2)))
    with torch.no_grad():
        likely = torch.log_softmax(network(planes), dim=1).numpy()
    return float(-(labels * likely).sum(axis=1).mean() / labels.sum(axis=1).mean())


def run(options: argparse.Namespace) -> Iterator[str]:
    """Train, find, attack; a line for each figure."""
    for seed in options.seeds:
        made = make_seed(options, seed)
        rows, labels = encryptions(made, np.random.default_rng(seed)), made.problem.label
        trained = train_and_find(rows, labels, seed, options)
        errors = error_of(trained.rows, rows)
        tenth = max(len(rows) // options.batch // 10, 1)
        begin, end = trained.losses[:tenth].mean(), trained.losses[-tenth:].mean()
        yield (
            f"seed {seed}: {len(rows)} rows in batches of {options.batch}, loss {begin:.3f} to "
            f"{end:.3f}, weights moved by {trained.moved:.2f}"
        )
        yield (
            f"seed {seed}: error of rows {spread(errors, 5)}, mean {errors.mean():.5f}, "
            f"{(errors > 0.05).sum()} over .05, {trained.seconds:.2f} s each"
        )
        if options.batch == 1:
            wrong = ((trained.labels > 0) != (labels > 0)).any(axis=1)
            off = np.abs(trained.labels - labels).max()
            yield f"seed {seed}: labels off by {off:.0e} at most, {wrong.sum()} wrong classes"
        noisy = with_noise(rows, errors.mean(), np.random.default_rng(seed))
        sides = {
            "true rows": (rows, labels),
            "found rows": (trained.rows, trained.labels),
            "noise of that power": (noisy, labels),
        }
        for what, side in sides.items():
            scores = (f"{name} {attack(made, *side, name):.4f}" for name in ATTACKS)
            yield f"seed {seed}: {what}: {', '.join(scores)}"


def main() -> None:
    parser = parser_with_photos(__doc__)
    ask_for_size(parser, seeds=[1])
    parser.add_argument("--steps", type=int, default=60, help="of an inversion")
    parser.add_argument("--batch", type=int, default=1, help="rows of a step of training")
    parser.add_argument("--rate", type=float, default=0.02, help="of training")
    parser.add_argument("--passes", type=int, default=1, help="over the rows; the last is seen")
    parser.add_argument("--activation", choices=("GELU", "ReLU"), default="GELU")
    for line in run(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
