"""Attack what a party of examples/train_gathering.py hands over.

A party of 100 images of CIFAR-10 encrypts batches of 50 for 50 epochs, as the example does:
5,000 rows with labels, InstaHide, cross with k = 4. The attack `whitened` gets these, the
number of images, and photos like the public ones but other than them: the first and the last
8,000 of the pool, whose photos come in order. Once images are as they are, and once flipped and
moved anew for each epoch, as for training.

Quality is the SSIM of each private image with the recovered image that is likest to it, flipped
or not, in the mean over images; and as a floor the same of other images of CIFAR-10.

Run: python benchmarks/gathered.py --archive cifar-10-binary.tar.gz --public pool.zarr
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.running import recover
from instahide.attacks.seen import see
from instahide.images import to_unit_range
from instahide.photos.cifar10 import read_cifar10
from instahide.pool.pool import open_pool
from instahide.ssim import ssim
from instahide.training.loop import epoch_batches
from instahide.training.schedule import Schedule
from instahide.training.transform import InstaHide

IMAGES, EPOCHS, PHOTOS = 100, 50, 8000


def hand_over(images: np.ndarray, classes: np.ndarray, mix: InstaHide, moved: bool) -> Released:
    """Return the rows and labels of all epochs; images are uint8 (n, H, W, C)."""
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    labels, batches = torch.from_numpy(classes), []
    schedule = Schedule(epochs=EPOCHS, batch=IMAGES // 2)
    for epoch in range(EPOCHS):
        if moved:
            batches += epoch_batches(pixels, labels, schedule, epoch)
        else:
            order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(epoch))
            batches += [(pixels[half], labels[half]) for half in order.chunk(2)]
    rows, soft = zip(*(mix(*batch) for batch in batches), strict=True)
    encryption = torch.cat(rows).permute(0, 2, 3, 1).contiguous().numpy()
    return Released(encryption, torch.cat(soft).numpy())


def likeness(recovered: np.ndarray, private: np.ndarray) -> float:
    """Return the mean over private images of the SSIM with what is likest to each."""
    ways = np.concatenate([recovered, recovered[:, :, ::-1]])
    return float(
        np.mean([ssim(ways, np.broadcast_to(image, ways.shape)).max() for image in private])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--archive", type=Path, required=True, help="CIFAR-10, binary version")
    parser.add_argument("--public", type=Path, required=True, help="a pool of 16,000 or more")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="default 0")
    options = parser.parse_args()
    found, photos = read_cifar10(options.archive), np.asarray(open_pool(options.public).patches)
    attack = unmixing("whitened", **NAMED["whitened"])
    mix = InstaHide(10, public=photos[:PHOTOS].transpose(0, 3, 1, 2))
    for seed in options.seeds:
        places = np.random.default_rng(seed).choice(
            len(found.images), 2 * IMAGES, replace=False
        )
        private, others = to_unit_range(found.images[places]).reshape(2, IMAGES, 32, 32, 3)
        mine = places[:IMAGES]
        print(f"seed {seed}: other images {likeness(others, private):.3f}", flush=True)
        for moved in (False, True):
            released = hand_over(found.images[mine], found.classes[mine], mix, moved)
            about = {"scheme": {"name": "cross", "k": 4, "c1": 0.65, "c2": 0.3}}
            seen = see(released, to_unit_range(photos[-PHOTOS:]), about, IMAGES)
            begin = time.process_time()
            recovery, _ = recover(attack, seen, seed=seed)
            print(
                f"seed {seed}: images {'moved' if moved else 'as they are'}: "
                f"{likeness(recovery.private, private):.3f}; "
                f"{time.process_time() - begin:.0f} s of processor time",
                flush=True,
            )


if __name__ == "__main__":
    main()
