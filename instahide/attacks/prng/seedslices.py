"""The seed search split over jobs: slices of the seed space, and what was found in them."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instahide.attacks.prng.attack import GIVEN, Setting, best_seed, recover, search_seeds
from instahide.attacks.prng.seedsearch import Match, load_labels
from instahide.attacks.protocol import Run, Stopwatch, load_released, save_recovery
from instahide.files import save_json
from instahide.randomness.historical import SEEDS

STAGE = "seed search"


def slice_bounds(number: int, count: int) -> tuple[int, int]:
    """Return first seed and end of slice `number` of `count`; together they are all seeds."""
    return SEEDS * number // count, SEEDS * (number + 1) // count


def save_slice(
    path: Path | str,
    label: Path | str,
    setting: Setting,
    bounds: tuple[int, int],
    *,
    threads: int = 1,
) -> None:
    """Search one slice and write what it holds; interrupted, it goes on where it was.

    Parameters
    ----------
    path : path
        A JSON file. Its neighbour ``….state`` stands there while the search runs.
    label : path
        The released labels.
    bounds : tuple of int
        First seed and end.
    """
    state, watch = Path(f"{path}.state"), Stopwatch()
    start, stop = bounds
    with watch.stage(STAGE):
        matches = search_seeds(
            load_labels(label), setting, start=start, stop=stop, threads=threads, state=state
        )
    found = [asdict(match) for match in matches]
    save_json(path, {"start": start, "stop": stop, "matches": found, "stages": watch.stages})
    state.unlink(missing_ok=True)


def join_slices(paths: Iterable[Path | str]) -> dict[str, Any]:
    """Return the seed that fits best, how many fit, and what the search cost altogether.

    Raises
    ------
    InstaHideError
        When no seed fits; says why that may be.
    """
    slices = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    matches = [Match(**match) for part in slices for match in part["matches"]]
    stages = [stage for part in slices for stage in part["stages"]]
    cost = {
        kind: round(sum(stage[kind] for stage in stages), 3)
        for kind in ("wall_seconds", "cpu_seconds")
    }
    return {
        "seed": best_seed(matches),
        "matches": [asdict(match) for match in matches],
        "stage": {"name": STAGE, **cost},
    }


def save_prng(
    out: Path | str, challenge: Path | str, found: Path | str, setting: Setting
) -> None:
    """Attack a challenge with the seed of a file that `join_slices` made.

    Parameters
    ----------
    out : path
        The attack's folder.
    challenge : path
        A folder with `encryption.npy` and `label.npy`.
    """
    seed, watch = json.loads(Path(found).read_text(encoding="utf-8")), Stopwatch()
    recovery = recover(load_released(challenge), seed["seed"], setting, watch)
    save_recovery(out, recovery, Run("prng", GIVEN, [seed["stage"], *watch.stages]))
