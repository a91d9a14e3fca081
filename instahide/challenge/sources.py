"""What a challenge is made from: private set, public pool, seed, and the encoding of them."""

from dataclasses import dataclass
from pathlib import Path

from instahide.challenge.private import load_private
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.plan import Plan
from instahide.encodings.protocol import Encoding
from instahide.labelled import LabelledImages
from instahide.memory import check_memory
from instahide.pool.pool import Pool, empty_pool, open_pool
from instahide.randomness.keystream import Key

PLAN_BYTES = 56  # for each image of a row, while it is drawn
TRANSFORM_BYTES = 120  # for each image that is transformed, while its transforms are drawn


@dataclass(frozen=True)
class Sources:
    """Everything that determines a challenge.

    Attributes
    ----------
    private : LabelledImages
    pool : Pool
        Empty where no public images are mixed in.
    key : Key
    chosen : EncodingChoice
    encoding : Encoding
        Made of all these.
    """

    private: LabelledImages
    pool: Pool
    key: Key
    chosen: EncodingChoice
    encoding: Encoding

    @property
    def rows(self) -> int:
        """Number E of rows."""
        return self.encoding.rows

    def plan(self) -> Plan:
        """Return the whole plan of the challenge.

        Raises
        ------
        InstaHideError
            When it needs more memory than there is.
        """
        first = self.encoding.plan(0, 1)
        needed = PLAN_BYTES * first.weights.size
        if first.transforms is not None:
            needed += TRANSFORM_BYTES * first.transforms.flipped.size
        check_memory(needed * self.rows, f"a plan of {self.rows} rows")
        return self.encoding.plan(0, self.rows)


def combine(private: LabelledImages, pool: Pool, key: Key, chosen: EncodingChoice) -> Sources:
    """Combine private set, pool and seed by an encoding, see `EncodingChoice.make`."""
    return Sources(private, pool, key, chosen, chosen.make(private, pool, key))


def load_sources(
    private: Path | str, pool: Path | str | None, key: Key, chosen: EncodingChoice
) -> Sources:
    """Read private set and pool from their files and combine them."""
    images = load_private(private)
    return combine(images, load_pool(pool, images), key, chosen)


def load_pool(pool: Path | str | None, private: LabelledImages) -> Pool:
    """Open a pool, or return an empty one of the private images' shape for None.

    Raises
    ------
    InstaHideError
        When it is no pool.
    """
    return open_pool(pool) if pool else empty_pool(private.images.shape[1:])
