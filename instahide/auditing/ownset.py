"""The first step of an audit: a folder of one's own images becomes a private set."""

from pathlib import Path

from instahide.auditing.reading import Reading, read_own_images
from instahide.challenge.private import INTEGER, save_private
from instahide.files import save_json
from instahide.randomness.keystream import Key


def save_images(
    folder: Path | str, private: Path, told: Path, reading: Reading, seed: int
) -> None:
    """Read a folder of images, and write them as a private set and how they were read."""
    own = read_own_images(folder, reading, Key.from_seed(seed))
    save_private(private, own.images, INTEGER)
    content = {
        "shape": list(own.images.images.shape),
        "reading": list(own.reading),
        "unreadable": [list(one) for one in own.unreadable],
    }
    save_json(told, content, secret=True)
