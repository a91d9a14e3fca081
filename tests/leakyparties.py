"""The examples of distributed training, each with a party that gives plain images away.

Run as the examples are: torchrun … leakyparties.py averaging|gathering [options].
"""

import sys
from pathlib import Path

import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import parties
import train_averaging
import train_gathering

from instahide.training.loop import Plain


def send_images_too(network, party):
    images = party.images.float() / 255 if dist.get_rank() else party.images.float()
    dist.broadcast(images, src=1)
    return trained_together(network, party)


def join_without_encryption(options, party, parties_):
    joined = parties.join(options, party, parties_)
    return joined._replace(mix=Plain(parties.CLASSES)) if party else joined


trained_together = train_averaging.train_together
train_averaging.train_together = send_images_too
train_gathering.join = join_without_encryption

if __name__ == "__main__":
    {"averaging": train_averaging, "gathering": train_gathering}[sys.argv.pop(1)].main()
