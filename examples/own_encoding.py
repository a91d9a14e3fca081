"""An encoding of one's own. docs/encodings.md tells how to make a challenge of it."""

import numpy as np

from instahide.encodings.perimage import PerImage
from instahide.errors import InstaHideError


def shuffled_blocks(private, public, key, *, block: int = 4, rows_per_image: int = 10):
    """Cut every image into square blocks, and put them together in a random order."""
    height, width, channels = private.images.shape[1:]
    if height % block or width % block:
        raise InstaHideError(f"blocks of {block} pixels do not fill {height} × {width}")

    def shuffle(images, stream, rows):
        cut = images.reshape(-1, height // block, block, width // block, block, channels)
        cut = cut.transpose(0, 1, 3, 2, 4, 5).reshape(len(rows), -1, block, block, channels)
        order = stream.permutations(rows, cut.shape[1])
        return np.take_along_axis(cut, order[:, :, None, None, None], axis=1)

    return PerImage(private, key, shuffle, {"block": block}, rows_per_image)
