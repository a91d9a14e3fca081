"""The images of a pool, sharpened: held in memory where there is room, else made in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from instahide.attacks.knownpool.dictionary import ATOM_NUMBERS, Dictionary
from instahide.attacks.knownpool.sharpening import Sharpener
from instahide.attacks.unmixing.parts.field import batches

HELD_BYTES = 2**28  # sharpened images up to this size are held


@dataclass(frozen=True)
class SharpPool:
    """A pool's images less their mean, sharpened.

    Attributes
    ----------
    dictionary : Dictionary
        The pool.
    sharpener : Sharpener
    held : ndarray of float32, shape (N, d), or None
        All of them, where there is room.
    energy : ndarray of float32, shape (N, H·W), or None
        Their squares, summed over colours, of those that are held.
    """

    dictionary: Dictionary
    sharpener: Sharpener
    held: np.ndarray | None = None
    energy: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.dictionary.pool)

    def take(self, image_index: np.ndarray) -> np.ndarray:
        """Return some of them, float32, shape (*image_index.shape, d); zeros where negative."""
        if self.held is None:
            wanted, back = np.unique(image_index, return_inverse=True)
            sharp = self.sharpener.sharpen(self.dictionary.centred(wanted))
            return sharp[back].reshape(*image_index.shape, -1)
        images = self.held[np.maximum(image_index, 0)]
        images[image_index < 0] = 0
        return images

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield all of them: places in the pool, images, and their energy."""
        for here in _places(len(self), len(self.dictionary.gain)):
            if self.held is None:
                images = self.sharpener.sharpen(self.dictionary.centred(here))
                yield here, images, self.sharpener.over_colours(images**2)
            else:
                some = slice(here[0], here[-1] + 1)
                yield here, self.held[some], self.energy[some]


def sharpen_pool(dictionary: Dictionary, sharpener: Sharpener) -> SharpPool:
    """Sharpen a pool, and hold it if it is small."""
    size = len(dictionary.pool), len(dictionary.gain)
    made = SharpPool(dictionary, sharpener)
    if np.float32().nbytes * size[0] * size[1] > HELD_BYTES:
        return made
    held = np.empty(size, np.float32)
    energy = np.empty((size[0], size[1] // sharpener.field.shape[2]), np.float32)
    for here, images, squares in made.chunks():
        held[here], energy[here] = images, squares
    return SharpPool(dictionary, sharpener, held, energy)


def _places(count: int, size: int) -> Iterator[np.ndarray]:
    for some in batches(count, size, ATOM_NUMBERS):
        yield np.arange(some.start, some.stop)
