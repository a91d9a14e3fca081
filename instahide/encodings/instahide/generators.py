"""Where a challenge's randomness comes from, by name.

A generator gives any range of rows of the plan and of the masks; `encryption` and the
command line know nothing else about it.
"""

import secrets
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from instahide.encodings.instahide.mersenne import HistoricalGenerator, PublicUse
from instahide.encodings.instahide.plan import draw_plan
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.randomness import historical
from instahide.randomness.keystream import Key

DEFAULT = "aes256-ctr"
GENERATORS = (DEFAULT, historical.NAME)


class Generator(Protocol):
    """What a generator provides."""

    name: str
    scheme: Scheme

    @property
    def options(self) -> dict[str, str]:
        """What the manifest has to tell besides the name."""

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
    """The default: AES-256 in counter mode, see `instahide.randomness.keystream`.

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

    @property
    def options(self) -> dict[str, str]:
        """Nothing: key and scheme say it all."""
        return {}

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan."""
        return draw_plan(
            self.key, self.scheme, images=self.images, pool=self.pool, start=start, stop=stop
        )

    def mask(self, start: int, stop: int) -> np.ndarray:
        """Return the packed mask bits of a range of rows."""
        return self.key.stream("mask").bits(np.arange(start, stop), self.pixels)


def new_key(name: str) -> Key:
    """Take a key that the generator called `name` can use from the operating system.

    256 bits of randomness, but only 32 for the generator of 2020, which takes no more.
    """
    if name == historical.NAME:
        return Key.from_seed(secrets.randbelow(historical.SEEDS))
    return Key.generate()


def make_generator(
    name: str,
    key: Key,
    scheme: Scheme,
    *,
    images: int,
    pool: int,
    shape: tuple[int, int, int],
    public_use: PublicUse | None = None,
) -> Generator:
    """Return the generator called `name`.

    Parameters
    ----------
    images, pool : int
        Number of private images, and of public images in the pool.
    shape : tuple of int
        (H, W, C).
    public_use : {"one-batch", "fresh"}, optional
        How the generator of 2020 picks public images (default ``one-batch``); the others
        have one way only.

    Raises
    ------
    InstaHideError
        When there is no generator of this name, or it cannot make what is asked for.
    """
    if name == historical.NAME:
        seed = int(key.text) if key.text.isdecimal() else None
        return HistoricalGenerator(seed, scheme, images, pool, shape, public_use or "one-batch")
    if name not in GENERATORS:
        raise InstaHideError(f"there is no generator {name!r}; use {' or '.join(GENERATORS)}")
    if public_use:
        raise InstaHideError(
            f"public_use belongs to the generator {historical.NAME}, not to {name}: "
            "leave it out"
        )
    return KeystreamGenerator(key, scheme, images, pool, int(np.prod(shape)))
