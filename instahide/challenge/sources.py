"""What a challenge is made from: private set, public pool, seed, scheme."""

from dataclasses import dataclass
from pathlib import Path

from instahide.challenge.private import load_private
from instahide.encodings.instahide.generators import Generator, make_generator
from instahide.encodings.instahide.mersenne import PublicUse
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.memory import check_memory
from instahide.pool.pool import Pool, empty_pool, open_pool
from instahide.randomness.keystream import Key

PLAN_BYTES = 56  # for each image of a row, while it is drawn


@dataclass(frozen=True)
class Sources:
    """Everything that determines a challenge.

    Attributes
    ----------
    private : LabelledImages
    pool : Pool
        Empty where no public images are mixed in.
    key : Key
    generator : Generator
    """

    private: LabelledImages
    pool: Pool
    key: Key
    generator: Generator

    @property
    def rows(self) -> int:
        """Number E of encryptions."""
        return len(self.private.images) * self.generator.scheme.rows_per_image

    def plan(self) -> Plan:
        """Return the whole plan of the challenge.

        Raises
        ------
        InstaHideError
            When it needs more memory than there is.
        """
        needed = PLAN_BYTES * self.generator.scheme.k * self.rows
        check_memory(needed, f"a plan of {self.rows} rows")
        return self.generator.plan(0, self.rows)


def combine(
    private: LabelledImages,
    pool: Pool,
    key: Key,
    scheme: Scheme,
    generator: str,
    public_use: PublicUse | None = None,
) -> Sources:
    """Combine private set, pool and seed with the generator of a name.

    `public_use` is for the generator of 2020, see `make_generator`.

    Raises
    ------
    InstaHideError
        When private and public images differ in shape, or are too few for the scheme, or
        do not suit the generator; when the scheme mixes public images and there are none.
    """
    shape = private.images.shape[1:]
    if scheme.public_count and not len(pool):
        raise InstaHideError(
            f"scheme {scheme.name} mixes {scheme.public_count} public images into each "
            "encryption, and none are given: name a pool of them with --public POOL"
        )
    if scheme.public_count and pool.shape != shape:
        raise InstaHideError(
            f"private images have the shape {shape} and public ones {pool.shape}; make both "
            "with the same image size and channels"
        )
    scheme.check_images(len(private.images), len(pool))
    made = make_generator(
        generator,
        key,
        scheme,
        images=len(private.images),
        pool=len(pool),
        shape=shape,
        public_use=public_use,
    )
    return Sources(private, pool, key, made)


def load_sources(
    private: Path | str,
    pool: Path | str | None,
    key: Key,
    scheme: Scheme,
    generator: str,
    public_use: PublicUse | None = None,
) -> Sources:
    """Read private set and pool from their files and combine them."""
    images = load_private(private)
    opened = load_pool(pool, images, scheme)
    return combine(images, opened, key, scheme, generator, public_use)


def load_pool(pool: Path | str | None, private: LabelledImages, scheme: Scheme) -> Pool:
    """Open a pool, or return an empty one of the private images' shape for None.

    Raises
    ------
    InstaHideError
        When it is no pool, or the scheme mixes private images only and would ignore it.
    """
    if not pool:
        return empty_pool(private.images.shape[1:])
    if scheme.inside:
        raise InstaHideError(
            f"scheme {scheme.name} mixes private images only: leave out the pool {pool}"
        )
    return open_pool(pool)
