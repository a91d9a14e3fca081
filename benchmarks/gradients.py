"""What gradients of training tell of the rows trained on, and what then comes back of images.

    python benchmarks/gradients.py match PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 3
    python benchmarks/gradients.py exact PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 3
    python benchmarks/gradients.py noise PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 --times 20

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's photos, others than the pool's. Needs PyTorch, but for `noise`. Labels are known
throughout; masks, members and public images are not.

`match` inverts single steps of a small convolutional network, not trained yet, on plain images,
on mixup (all images private, no mask) and on InstaHide's rows, and prints the error that is
left, relative to a row's power: the median and the range over rows and seeds; the search as
published, by signs of the slope, and by the slope itself. `exact` trains a network whose first
layer is dense, step by step, on all rows of a challenge, computes each row from its step's
gradient, and attacks what comes out. `noise` adds Gaussian noise of some power, relative to a
row's, to the rows before they are attacked: how good recovered rows have to be.
`benchmarks/trained_gradients.py` goes all the way through a convolutional network that trains.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from challenges import Made, Photos, ask_for_size, make, parser_with_photos
from measuring import quiet, spread
from scipy.optimize import linear_sum_assignment

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.gradients.dense import input_from_gradient
from instahide.attacks.gradients.matching import Matching, SeenSteps, gradient_of, match_steps
from instahide.attacks.running import run_steps
from instahide.attacks.seen import strip_labels
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch

ATTACKS = ("whitened", "whitened-none")
CLASSES = 10
HIDDEN, RATE = 64, 0.01  # units of the dense network, and its learning rate
LEVELS = (0.0, 0.03, 0.1, 0.3, 1.0)
BATCHES = {1: 4, 4: 2}  # how many of so many rows are inverted
#: Activation, batch size, and steps of the search by signs and by the slope.
CASES = {
    "gelu-1": ("GELU", 1, 300, 60),
    "gelu-4": ("GELU", 4, 400, 400),
    "relu-1": ("ReLU", 1, 300, 300),
}


def make_seed(options: argparse.Namespace, seed: int) -> Made:
    """Make a challenge."""
    return make(Photos.of(options), options.images, Scheme(rows_per_image=options.times), seed)


def encryptions(made: Made, rng: np.random.Generator) -> np.ndarray:
    """Return the rows with random signs, float32 (E, H, W, C), as good as the mask's."""
    signs = rng.choice(np.float32([-1, 1]), made.problem.magnitudes.shape)
    return (made.problem.magnitudes * signs).reshape(-1, *made.problem.shape)


def attack(made: Made, rows: np.ndarray, label: np.ndarray, name: str) -> float:
    """Return the Max_SSIM that an attack reaches on rows and labels that somebody recovered."""
    chosen = unmixing(name, **NAMED[name])
    label = strip_labels(label, chosen.labels)
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


def searches_of(signed: int, slope: int, kind: str) -> dict[str, Matching]:
    """Return ways to search, in so many steps; total variation suits no row under a mask."""
    found = {
        "signs": Matching(signed, variation=0.0),
        "signs, total variation": Matching(signed),
        "slope": Matching(slope, 0.1, variation=0.0, signed=False),
    }
    return {
        how: each for how, each in found.items() if kind != "instahide" or not each.variation
    }


def run_match(options: argparse.Namespace) -> Iterator[str]:
    """Single steps, inverted."""
    import_torch().set_num_threads(1)
    kinds = [
        kinds_of(make_seed(options, seed), np.random.default_rng(seed))
        for seed in options.seeds
    ]
    for case in options.cases:
        activation, size, *steps = CASES[case]
        for kind in kinds[0]:
            for how, search in searches_of(*steps, kind).items():
                clock = time.process_time()
                errors = [
                    invert(*given[kind], seed, activation, size, search)
                    for seed, given in zip(options.seeds, kinds, strict=True)
                ]
                clock = (time.process_time() - clock) / len(kinds) / BATCHES[size] / size
                yield (
                    f"{activation}, batch {size}, {kind:<10} {search.steps} steps by {how}: "
                    f"{spread(np.concatenate(errors), 4)}, {clock:.2f} s a row"
                )


def invert(
    rows: np.ndarray,
    labels: np.ndarray,
    seed: int,
    activation: str,
    size: int,
    search: Matching,
) -> np.ndarray:
    """Return the errors of the first rows, recovered from steps of as many networks."""
    batches = np.arange(BATCHES[size] * size).reshape(-1, size)
    networks = [
        convolutional(1000 * seed + number, activation) for number in range(len(batches))
    ]
    gradients = [
        gradient_of(network, rows[some], labels[some])
        for network, some in zip(networks, batches, strict=True)
    ]
    seen = SeenSteps(
        stack([weights_of(each) for each in networks]), stack(gradients), labels[batches]
    )
    rng = np.random.default_rng(seed)
    found = match_steps(networks[0], seen, rows.shape[1:], rng, search)
    return np.concatenate([
        errors_in_batch(each, rows[some]) for each, some in zip(found, batches, strict=True)
    ])  # fmt: skip


def errors_in_batch(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return each row's error; rows of one label come in any order."""
    errors = np.stack([error_of(np.broadcast_to(one, rows.shape), rows) for one in found])
    return errors[linear_sum_assignment(errors)]


def weights_of(network: Any) -> list[np.ndarray]:
    """Return a copy of a network's parameters."""
    return [part.detach().numpy().copy() for part in network.parameters()]


def stack(steps: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Return each parameter's values in all steps, (steps, ...)."""
    return [np.stack(parts) for parts in zip(*steps, strict=True)]


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
            yield f"seed {seed}: {name} {attack(made, found, made.problem.label, name):.4f}"


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
            found = {name: attack(made, noisy, made.problem.label, name) for name in ATTACKS}
            scores = ", ".join(f"{name} {score:.4f}" for name, score in found.items())
            yield f"seed {seed}, T = {options.times}, error {level:g}: {scores}"


def with_noise(rows: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Return rows with Gaussian noise of some power, relative to each row's own."""
    power = np.square(rows).mean(axis=(1, 2, 3), keepdims=True)
    noise = rng.standard_normal(rows.shape, np.float32)
    return rows + np.sqrt(np.float32(level) * power) * noise


COMMANDS = {"match": run_match, "exact": run_exact, "noise": run_noise}


def main() -> None:
    parser = parser_with_photos(__doc__, COMMANDS)
    ask_for_size(parser, seeds=[1])
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS)
    parser.add_argument("--cases", choices=CASES, nargs="+", default=list(CASES))
    options = parser.parse_args()
    for line in COMMANDS[options.what](options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
