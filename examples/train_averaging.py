"""Several parties train one network: each encrypts its own images, gradients are averaged.

Run: torchrun --standalone --nproc-per-node 2 examples/train_averaging.py

Each process is a party. What leaves it are gradients, and once the first weights and what
batch norm has seen: no image, and no encryption either. docs/distributed.md says what gradients
tell nevertheless.
"""

import torch
import torch.distributed as dist
from parties import CLASSES, Party, join, read_options, report
from torch.nn.parallel import DistributedDataParallel

from instahide.training.loop import train
from instahide.training.networks import laptop_network


def train_together(network: torch.nn.Module, party: Party) -> torch.nn.Module:
    """Train on this party's images, in step with all others; each ends with the same network.

    Party 0's first weights are everybody's. After that each step's gradient is the mean of the
    parties' own, so all take the same step.
    """
    together = DistributedDataParallel(network, broadcast_buffers=False)
    train(together, party.images, party.labels, party.mix, party.schedule)
    average_statistics(network)
    return network


def average_statistics(network: torch.nn.Module) -> None:
    """Average what batch norm has seen, which every party has seen of its own rows."""
    for buffer in network.buffers():
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= dist.get_world_size()


def main() -> None:
    options = read_options(__doc__)
    dist.init_process_group("gloo")
    party = join(options, dist.get_rank(), dist.get_world_size())
    torch.manual_seed(options.seed)
    network = train_together(laptop_network(CLASSES), party)
    if dist.get_rank() == 0:
        report(network, options)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
