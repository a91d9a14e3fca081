"""What an attacker was given, told by whoever runs the attack, from what it hands over."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from instahide.attacks.protocol import Knowledge
from instahide.attacks.seen import Seen
from instahide.images import to_bytes
from instahide.pool.pool import Pool, open_pool

# ASSUME: honest collections share a photo here and there; more of them are one collection.
MOST_SHARED = 0.01
IMAGES_AT_ONCE = 10_000

_log = logging.getLogger(__name__)


def what_is_given(seen: Seen, pool: Path | str | None = None) -> Knowledge:
    """Return what an attacker is given.

    Parameters
    ----------
    seen : Seen
        As it is before the attack sees it.
    pool : path or None
        The challenge's pool, where the runner has it: then photos that are said to be others
        are compared with it, and where they are the same the attacker is given the pool.
    """
    given = seen.given
    if pool is None or given.public_pool or not given.public_distribution:
        return given
    share = shared_share(to_bytes(seen.public), open_pool(pool))
    if share <= MOST_SHARED:
        return given
    _log.warning(
        "%.0f %% of the attacker's public photos stand in the challenge's pool: this attack "
        "is said to have been given the pool",
        100 * share,
    )
    return replace(given, public_pool=True)


def shared_share(images: np.ndarray, pool: Pool) -> float:
    """Return which share of some images stands in a pool, byte for byte.

    Images of one colour count neither way: many photos have such a spot.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    """
    telling = images[(images != images[:, :1, :1]).any(axis=(1, 2, 3))]
    wanted = [_digest(image) for image in telling]
    left = set(wanted)
    for start in range(0, len(pool), IMAGES_AT_ONCE):
        places = np.arange(start, min(start + IMAGES_AT_ONCE, len(pool)))
        left.difference_update(map(_digest, pool.read(places)))
    return float(np.mean([digest not in left for digest in wanted])) if wanted else 0.0


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
