"""Where a challenge's randomness comes from, by name.

A generator gives any range of rows of the plan and of the masks; `encryption` and the
command line know nothing else about it.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from instahide.errors import InstaHideError
from instahide.keystream import Key
from instahide.plan import Plan, draw_plan
from instahide.scheme import Scheme

DEFAULT = "aes256-ctr"


class Generator(Protocol):
    """What a generator provides."""

    name: str
    scheme: Scheme

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan."""

    def mask(self, start: int, stop: int) -> np.ndarray:
        """Return the packed mask bits of a range of rows.

        Returns
        -------
        ndarray of uint8, shape (stop - start, ceil(H·W·C / 8))
            Lowest bit first, in the order of a row's (H, W, C); 1 keeps the sign.
        """


@dataclass(frozen=True)
class KeystreamGenerator:
    """The default: AES-256 in counter mode, see `instahide.keystream`.

    Attributes
    ----------
    key : Key
    scheme : Scheme
    images, pool : int
        Number of private images, and of public images in the pool.
    pixels : int
        H·W·C.
    """

    key: Key = field(repr=False)
    scheme: Scheme
    images: int
    pool: int
    pixels: int
    name: str = DEFAULT

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan."""
        return draw_plan(
            self.key, self.scheme, images=self.images, pool=self.pool, start=start, stop=stop
        )

    def mask(self, start: int, stop: int) -> np.ndarray:
        """Return the packed mask bits of a range of rows."""
        return self.key.stream("mask").bits(np.arange(start, stop), self.pixels)


def make_generator(
    name: str, key: Key, scheme: Scheme, *, images: int, pool: int, shape: tuple[int, ...]
) -> Generator:
    """Return the generator called `name`.

    Parameters
    ----------
    images, pool : int
        Number of private images, and of public images in the pool.
    shape : tuple of int
        (H, W, C).

    Raises
    ------
    InstaHideError
        When there is no generator of this name.
    """
    if name == DEFAULT:
        return KeystreamGenerator(key, scheme, images, pool, int(np.prod(shape)))
    raise InstaHideError(f"there is no generator {name!r}; use {DEFAULT!r}")
