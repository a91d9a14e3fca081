"""Measure what encrypting a batch costs beside a training step, and how fast batches come.

Random images of 32×32×3, batch 128, 20,000 public ones, the laptop network, one thread. The
step is forward, backward and update on rows that are there; the transform is InstaHide, cross
with k = 4, of a uint8 batch, with a key and without. A DataLoader with 0, 1 and 2 workers gives
encrypted batches of a whole epoch of 10,000 images, to a loop that only counts them.

What encryption costs in accuracy: config/training-table.yaml, a configuration of the workflow.

Run: python benchmarks/training.py
"""

import time

import numpy as np
import torch
from measuring import conditions, make_parser, spread, take_turns

from instahide.training.loop import training_step
from instahide.training.networks import laptop_network
from instahide.training.transform import InstaHide

BATCH, IMAGES, PUBLIC = 128, 10_000, 20_000


def random_images(count: int, seed: int) -> torch.Tensor:
    images = np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return torch.from_numpy(images)


def compare_cost(turns: int) -> None:
    """Print what the transform costs beside a step."""
    images, labels = random_images(BATCH, 0), torch.arange(BATCH) % 10
    public = random_images(PUBLIC, 1)
    network = laptop_network(10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    keyless = InstaHide(10, public=public)
    keyed = InstaHide(10, public=public, key=0)
    inside = InstaHide(10, scheme="inside")
    rows, soft = keyless(images, labels)
    times = take_turns(
        {
            "step": lambda: training_step(network, optimizer, rows, soft),
            "step in bfloat16": lambda: training_step(network, optimizer, rows, soft, True),
            "transform": lambda: keyless(images, labels),
            "transform with a key": lambda: keyed(images, labels),
            "transform inside": lambda: inside(images, labels),
        },
        turns,
    )
    for name, time_ in times.items():
        print(f"{name}: {spread(1e3 * time_.processor)} ms of processor time")
    share = times["transform"].processor / np.median(times["step"].processor)
    print(f"the transform is {spread(100 * share, 1)} % of a step")


def count_images(workers: int) -> float:
    """Return images a second that a DataLoader gives, encrypted."""
    data = torch.utils.data.TensorDataset(random_images(IMAGES, 2), torch.arange(IMAGES) % 10)
    mix = InstaHide(10, public=random_images(PUBLIC, 1))
    loader = torch.utils.data.DataLoader(
        data, BATCH, shuffle=True, drop_last=True, num_workers=workers, collate_fn=mix.collate
    )
    begin = time.perf_counter()
    count = sum(len(rows) for rows, _ in loader)
    return count / (time.perf_counter() - begin)


def main() -> None:
    parser = make_parser(__doc__, turns=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(conditions(options.turns))
    compare_cost(options.turns)
    for workers in (0, 1, 2):
        print(f"{workers} workers: {count_images(workers):.0f} images a second")


if __name__ == "__main__":
    main()
