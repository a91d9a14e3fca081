"""Several parties encrypt their own images; party 0 gathers the encryptions and trains.

Run: torchrun --standalone --nproc-per-node 2 examples/train_gathering.py

Each process is a party. What leaves it, for party 0 alone, are encryptions and their labels,
drawn afresh in every epoch. docs/distributed.md says what attacks make of them.
"""

import torch
import torch.distributed as dist
from parties import CLASSES, Party, join, read_options, report

from instahide.training.loop import epoch_batches, train
from instahide.training.networks import laptop_network


class Gathering:
    """A transform that encrypts a batch, and gives party 0 the rows of all parties."""

    def __init__(self, mix):
        self.mix = mix

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> tuple | None:
        """Return rows and labels of all parties, at party 0; elsewhere empty ones."""
        rows, soft = self.mix(images, labels)
        return gather(rows), gather(soft)


def gather(own: torch.Tensor) -> torch.Tensor:
    """Return the parties' tensors one after the other, at party 0; elsewhere an empty one."""
    if dist.get_rank() > 0:
        dist.gather(own.contiguous())
        return own[:0]
    every = [torch.empty_like(own, memory_format=torch.contiguous_format)
             for _ in range(dist.get_world_size())]  # fmt: skip
    dist.gather(own.contiguous(), every)
    return torch.cat(every)


def send_all(party: Party) -> None:
    """Encrypt and send all batches of all epochs, as fast as party 0 takes them."""
    send = Gathering(party.mix)
    for epoch in range(party.schedule.epochs):
        for batch in epoch_batches(party.images, party.labels, party.schedule, epoch):
            send(*batch)


def main() -> None:
    options = read_options(__doc__)
    dist.init_process_group("gloo")
    party = join(options, dist.get_rank(), dist.get_world_size())
    if dist.get_rank() == 0:
        torch.manual_seed(options.seed)
        network = laptop_network(CLASSES)
        train(network, party.images, party.labels, Gathering(party.mix), party.schedule)
        report(network, options)
    else:
        send_all(party)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
