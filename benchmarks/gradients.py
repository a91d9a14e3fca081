"""What gradients of training tell of the rows trained on, and what then comes back of images.

    python benchmarks/gradients.py match PRIVATE POOL.zarr SAMPLE.zarr
    python benchmarks/gradients.py exact PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 3
    python benchmarks/gradients.py noise PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 --times 20
    python benchmarks/gradients.py end PRIVATE POOL.zarr SAMPLE.zarr --images 10 --times 10

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's photos, others than the pool's. Needs PyTorch, but for `noise`. Labels are known
throughout; masks, members and public images are not.

`match` inverts single steps of a small convolutional network, not trained yet, on plain images,
on mixup (all images private, no mask) and on InstaHide's rows, and prints the error that is
left, relative to a row's power: the median and the range. `exact` trains a network whose first
layer is dense, step by step, on all rows of a challenge, computes each row from its step's
gradient, and attacks what comes out. `noise` adds Gaussian noise of some power, relative to a
row's, to the rows before they are attacked: how good recovered rows have to be. `end` inverts a
step of the convolutional network for each row of a small challenge, attacks what comes out, and
beside it the true rows with and without Gaussian noise of the same power.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet, spread
from scipy.optimize import linear_sum_assignment

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.gradients.dense import input_from_gradient
from instahide.attacks.gradients.matching import Matching, gradient_of, match_gradient
from instahide.attacks.running import run_steps
from instahide.attacks.seen import strip_labels
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch

ATTACKS = ("whitened", "whitened-none")
CLASSES = 10
HIDDEN, RATE = 64, 0.01  # units of the dense network, and its learning rate
LEVELS = (0.0, 0.03, 0.1, 0.3, 1.0)
#: Of batches: how many are inverted, in how many steps.
BATCHES = {1: (4, 300), 4: (2, 400)}

#: Activation and batch size.
CASES = {"gelu-1": ("GELU", 1), "gelu-4": ("GELU", 4), "relu-1": ("ReLU", 1)}


def make_seed(options: argparse.Namespace, seed: int) -> Made:
    """Make a challenge."""
    photos = Photos(options.private, options.pool, options.sample)
    return make(photos, options.images, Scheme(rows_per_image=options.times), seed)


def encryptions(made: Made, rng: np.random.Generator) -> np.ndarray:
    """Return the rows with random signs, float32 (E, H, W, C), as good as the mask's."""
    signs = rng.choice(np.float32([-1, 1]), made.problem.magnitudes.shape)
    return (made.problem.magnitudes * signs).reshape(-1, *made.problem.shape)


def attack(made: Made, rows: np.ndarray, name: str) -> float:
    """Return the Max_SSIM that an attack reaches on rows that somebody recovered."""
    chosen = unmixing(name, **NAMED[name])
    label = strip_labels(made.problem.label, chosen.labels)
    magnitudes = np.abs(rows.reshape(made.problem.table_shape))
    problem = replace(made.problem, magnitudes=magnitudes, label=label, labels=chosen.labels)
    try:
        with quiet():
            return made.max_ssim(run_steps(chosen.steps, problem)[0].decryption)
    except InstaHideError as error:
        print(f"{name} gives up: {error}")
        return float("nan")


def error_of(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return each row's squared error over its power."""
    flat = (values.reshape(len(rows), -1).astype(np.float64) for values in (found, rows))
    found, rows = flat
    return np.square(found - rows).sum(axis=1) / np.square(rows).sum(axis=1)


def convolutional(seed: int, activation: str):
    """Return three convolutions and a dense layer, with PyTorch's first weights."""
    torch = import_torch()
    nn, act = torch.nn, getattr(torch.nn, activation)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), act(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), act(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1), act(),
            nn.Flatten(), nn.Linear(2048, CLASSES),
        )  # fmt: skip


def kinds_of(made: Made, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return rows and soft labels of plain training, mixup and InstaHide."""
    order = rng.permutation(len(made.private))  # they come class by class
    images = made.private[order]
    one_hot = np.eye(CLASSES, dtype=np.float32)[made.truth.classes[order]]
    pairs = np.stack([np.arange(len(one_hot)), rng.permutation(len(one_hot))], axis=1)
    share = rng.uniform(size=(len(pairs), 1)).astype(np.float32)
    weights = np.hstack([share, 1 - share])
    mixed = np.einsum("np,nphwc->nhwc", weights, images[pairs]).astype(np.float32)
    labels = np.einsum("np,npc->nc", weights, one_hot[pairs]).astype(np.float32)
    return {
        "plain": (images, one_hot),
        "mixup": (mixed, labels),
        "instahide": (encryptions(made, rng), made.problem.label),
    }


def run_match(options: argparse.Namespace) -> Iterator[str]:
    """Single steps, inverted."""
    import_torch().set_num_threads(1)
    made, rng = make_seed(options, options.seeds[0]), np.random.default_rng(options.seeds[0])
    for case in options.cases:
        activation, size = CASES[case]
        for kind, (rows, labels) in kinds_of(made, rng).items():
            # Total variation suits no row under a mask; elsewhere both are tried.
            for variation in (0.0,) if kind == "instahide" else (0.0, 1e-3):
                settings = Matching(BATCHES[size][1], variation=variation)
                errors, clock = [], time.process_time()
                for number in range(BATCHES[size][0]):
                    some = slice(number * size, (number + 1) * size)
                    errors.append(
                        invert(rows[some], labels[some], number, activation, settings, rng)
                    )
                clock = (time.process_time() - clock) / len(errors)
                yield (
                    f"{activation}, {kind:<10} batch {size}, variation {variation:g}: "
                    f"{spread(np.concatenate(errors), 4)}, {clock:.1f} s a batch"
                )


def invert(rows, labels, seed: int, activation: str, settings: Matching, rng) -> np.ndarray:
    """Return the error of rows that are recovered from their step's gradient."""
    network = convolutional(seed, activation)
    gradient = gradient_of(network, rows, labels)
    found = match_gradient(network, gradient, labels, rows.shape[1:], rng, settings)
    errors = np.stack([error_of(np.broadcast_to(one, rows.shape), rows) for one in found])
    return errors[linear_sum_assignment(errors)]  # rows of one label come in any order


def run_exact(options: argparse.Namespace) -> Iterator[str]:
    """A dense network trained on all rows, each recovered from its step; then the attacks."""
    import_torch().set_num_threads(1)
    for seed in options.seeds:
        made = make_seed(options, seed)
        rows = encryptions(made, np.random.default_rng(seed))
        found, losses = recover_while_training(rows, made.problem.label, seed)
        loss = f"loss {losses[:500].mean():.2f} to {losses[-500:].mean():.2f}"
        worst = f"error of rows {error_of(found, rows).max():.1e} at most"
        yield f"seed {seed}: {len(rows)} steps, {loss}, {worst}"
        for name in ATTACKS:
            yield f"seed {seed}: {name} {attack(made, found, name):.4f}"


def recover_while_training(
    rows: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Train by steps on single rows, and read each row off its step's gradient."""
    torch = import_torch()
    nn, found, losses = torch.nn, np.empty_like(rows), np.empty(len(rows))
    torch.manual_seed(seed)
    width = rows[0].size
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)
    )
    optimiser = torch.optim.SGD(network.parameters(), RATE)
    for number in range(len(rows)):
        some = slice(number, number + 1)
        likely = nn.functional.log_softmax(network(torch.from_numpy(rows[some])), dim=1)
        loss = -(torch.from_numpy(labels[some]) * likely).sum()
        optimiser.zero_grad()
        loss.backward()
        first, losses[number] = network[1], loss.item()
        seen = first.weight.grad.numpy(), first.bias.grad.numpy()
        found[number] = input_from_gradient(*seen).reshape(rows.shape[1:])
        optimiser.step()
    return found, losses


def run_noise(options: argparse.Namespace) -> Iterator[str]:
    """Rows with Gaussian errors, attacked."""
    for seed in options.seeds:
        made = make_seed(options, seed)
        rows = encryptions(made, np.random.default_rng(seed))
        for level in options.levels:
            noisy = with_noise(rows, level, np.random.default_rng(seed))
            scores = (f"{name} {attack(made, noisy, name):.4f}" for name in ATTACKS)
            yield f"seed {seed}, T = {options.times}, error {level:g}: {', '.join(scores)}"


def with_noise(rows: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return rows with Gaussian noise of some power, relative to each row's own."""
    power = np.square(rows).mean(axis=(1, 2, 3), keepdims=True)
    noise = rng.standard_normal(rows.shape, np.float32)
    return rows + np.sqrt(np.float32(level) * power) * noise


def run_end(options: argparse.Namespace) -> Iterator[str]:
    """Steps of a convolutional network, inverted for all rows of a challenge; then attacks."""
    import_torch().set_num_threads(1)
    seed = options.seeds[0]
    made, rng = make_seed(options, seed), np.random.default_rng(seed)
    rows, settings = encryptions(made, rng), Matching(options.steps, variation=0.0)
    network, found, clock = (
        convolutional(seed, "GELU"),
        np.empty_like(rows),
        time.process_time(),
    )
    labels = made.problem.label
    for start in range(0, len(rows), options.batch):
        some = slice(start, start + options.batch)
        gradient = gradient_of(network, rows[some], labels[some])
        found[some] = match_gradient(
            network, gradient, labels[some], rows.shape[1:], rng, settings
        )
    errors = error_of(found, rows)
    clock = (time.process_time() - clock) / len(rows)
    yield f"{len(rows)} rows, error {spread(errors, 4)}, {clock:.2f} s each"
    sides = {
        "true rows": rows,
        "recovered rows": found,
        "Gaussian errors of that power": with_noise(rows, errors.mean(), rng),
    }
    for what, some in sides.items():
        scores = (f"{name} {attack(made, some, name):.4f}" for name in ATTACKS)
        yield f"{what}: {', '.join(scores)}"


COMMANDS = {"match": run_match, "exact": run_exact, "noise": run_noise, "end": run_end}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=COMMANDS)
    for name in ("private", "pool", "sample"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--times", type=int, default=50, help="T")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS)
    parser.add_argument("--cases", choices=CASES, nargs="+", default=list(CASES))
    parser.add_argument("--steps", type=int, default=150, help="of an inversion, for end")
    parser.add_argument("--batch", type=int, default=1, help="rows of a step, for end")
    options = parser.parse_args()
    for line in COMMANDS[options.what](options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
