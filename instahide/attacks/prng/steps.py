"""The attack through the generator of 2020 as two steps: search the seed, and solve with it.

The search is split over jobs: each looks through its part of all seeds, and goes on where it
was when it is interrupted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.prng.attack import (
    Setting,
    best_seed,
    recover_with_seed,
    search_seeds,
    solve_needs,
)
from instahide.attacks.prng.seedsearch import Match
from instahide.attacks.protocol import Recovery
from instahide.attacks.seen import Seen
from instahide.errors import InstaHideError
from instahide.randomness.historical import SEEDS


def slice_bounds(number: int, count: int) -> tuple[int, int]:
    """Return first seed and end of slice `number` of `count`; together they are all seeds."""
    return SEEDS * number // count, SEEDS * (number + 1) // count


def setting_of(seen: Seen) -> Setting:
    """Return what the attacker knows about the challenge besides its files.

    Raises
    ------
    InstaHideError
        When the challenge was made by another encoding than InstaHide.
    """
    if "scheme" not in seen.about:
        raise InstaHideError("this attack finds seeds of InstaHide, and of no other encoding")
    return Setting(seen.image_count, *(seen.about["scheme"][key] for key in ("k", "c1", "c2")))


def search_part(
    seen: Seen,
    rng: np.random.Generator,
    *,
    part: tuple[int, int] = (0, 1),
    threads: int = 1,
    state: Path | None = None,
) -> dict[str, Any]:
    """Search a part of all seeds: the first step.

    Parameters
    ----------
    part : tuple of int
        Number and count of the parts.
    state : path, optional
        A file in which the search keeps how far it is.

    Returns
    -------
    dict
        ``start``, ``stop`` and ``matches``, as JSON.
    """
    start, stop = slice_bounds(*part)
    matches = search_seeds(
        seen.label, setting_of(seen), start=start, stop=stop, threads=threads, state=state
    )
    return {"start": start, "stop": stop, "matches": [asdict(match) for match in matches]}


def solve_with_seed_needs(size: Size) -> float:
    """Bytes: see `instahide.attacks.prng.attack.solve_needs`."""
    return solve_needs(size)


def solve_with_seed(
    seen: Seen, found: Sequence[Mapping[str, Any]], rng: np.random.Generator
) -> Recovery:
    """Solve for the private images with the seed that fits best: the second step.

    Parameters
    ----------
    found : sequence of dict
        What `search_part` made of the parts.

    Raises
    ------
    InstaHideError
        When no seed fits, says why that may be; see also
        `instahide.attacks.prng.attack.recover_with_seed`.
    """
    seed = best_seed([Match(**match) for part in found for match in part["matches"]])
    return recover_with_seed(seen.released, seed, setting_of(seen))
