"""The finish with the known pool: private and public images out of the pool and a retrieval.

It is the last stage after those of the whitened attack, which need no member of the pool: it
starts from the state that their retrieval leaves, and runs passes
(`instahide.attacks.knownpool.passes`) until nothing moves; rows still in doubt are then
tried with every pair of images (`instahide.attacks.knownpool.pairsearch`), and the passes go
on.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import (
    Decoding,
    Settings,
    check_settings,
    nothing_found,
)
from instahide.attacks.knownpool.dictionary import ATOM_NUMBERS, make_dictionary
from instahide.attacks.knownpool.pairsearch import search_pairs
from instahide.attacks.knownpool.passes import run_pass
from instahide.attacks.knownpool.publicsearch import SELECTED_NUMBERS
from instahide.attacks.knownpool.task import (
    Task,
    count_open,
    make_task,
    settings_for,
    take_masks_off,
    tell_decoding,
)
from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.handin import hand_in
from instahide.attacks.unmixing.parts.pairs import pairs_needs, pairs_seconds
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.pool.pool import MEMORY_BYTES
from instahide.progress import tracked

MOVED = 1e-7  # mean squared change of the private images that counts

#: Called after each pass with its number, the state and the decoding.
PassObserver = Callable[[int, State, Decoding], object]


def decode_with_pool_needs(size: Size) -> float:
    """Bytes: the pool and a chunk of it; rows in eight forms, or candidates of some rows."""
    held = min(size.pool * size.pixels, MEMORY_BYTES)
    chunk = min(max(ATOM_NUMBERS // size.pixels, 1), size.pool)
    scan = 3 * FLOAT * chunk * (size.pixels + size.rows)
    candidates = 60 * FLOAT * max(SELECTED_NUMBERS, size.pixels)  # 20 of each, in three forms
    tables = max(8 * size.table, 3 * size.table + candidates)
    return held + scan + tables + pairs_needs(size)


def decode_with_pool_seconds(size: Size) -> float:
    """Processor seconds of eight passes: scan of the pool, choice, masks off, solution."""
    table = size.rows * size.pixels
    scan = size.pool * (1024 * PRODUCT * size.rows + 5 * TOUCH * size.pixels)
    return 8 * (scan + 1e-6 * table + pairs_seconds(size))


def decode_with_pool(
    problem: Problem,
    state: State,
    rng: np.random.Generator,
    *,
    passes: int = 12,
    screen: int | None = 1024,
    shortlist: int = 16,
    threshold: float = 30.0,
) -> Recovery:
    """Decode a challenge with its pool at hand: the last stage of the attack `pool`.

    Besides what every attack writes, ``assignment.npz`` gets the pairs as they are at the
    end, and ``decoding.npz`` ``public`` int (E, k - 2), with -1 for none, ``coefficients``
    and ``confidence`` float32 (E, k - 2), ``row_confidence`` and ``level`` float32 (E,):
    what is left of each row.

    Parameters
    ----------
    passes, screen, shortlist, threshold
        See `instahide.attacks.knownpool.decoding.Settings`.

    Raises
    ------
    InstaHideError
        When the pool is not known, has another shape, or rows have no public images.
    """
    settings = settings_for(
        problem, passes=passes, screen=screen, shortlist=shortlist, threshold=threshold
    )
    return hand_in_decoded(problem, settings, decode_rows(problem, state, settings), rng)


def hand_in_decoded(
    problem: Problem,
    settings: Settings,
    decoded: tuple[State, Decoding, int],
    rng: np.random.Generator,
) -> Recovery:
    """Choose what each row hands in, and tell what was decoded, see `decode_rows`."""
    state, decoding, used = decoded
    recovery = hand_in(problem, state, state.images, rng)
    told, kept = tell_decoding(problem, state, decoding, settings, used)
    return replace(
        recovery,
        complexity="O(E·d·(N + n))",
        details=recovery.details | told,
        arrays=recovery.arrays | {"decoding": kept},
    )


def decode_rows(
    problem: Problem, state: State, settings: Settings, observe: PassObserver | None = None
) -> tuple[State, Decoding, int]:
    """Find the public images of all rows, and with them the private ones.

    Parameters
    ----------
    problem : Problem
        With a pool: the challenge's, part of it, or one that is like it.
    state : State
        As a retrieval leaves it.
    settings : Settings
    observe : callable, optional
        Sees what every pass makes of it.

    Returns
    -------
    state : State
        Private images, pairs and levels. Its last image is the pool's mean.
    decoding : Decoding
        The public images of each row.
    passes : int
        How many it took.

    Raises
    ------
    InstaHideError
        When shapes do not fit, or rows have no public images.
    """
    check_settings(settings)
    dictionary = make_dictionary(problem.pool, screen=settings.screen)
    task = make_task(problem, state, dictionary, settings)
    state = replace(state, images=np.vstack([state.images[:-1], dictionary.field.mean]))
    return run_passes(task, state, observe)


def run_passes(
    task: Task, state: State, observe: PassObserver | None
) -> tuple[State, Decoding, int]:
    """Run passes until nothing moves, with one pair search for doubtful rows in between."""
    decoding, searched = nothing_found(len(state.unmasked), task.settings), False
    passes = range(1, task.settings.passes + 1)
    for number in tracked(passes, "decoding, at the most", "passes"):
        before, open_ = state.images, count_open(state, decoding)
        if number > 1:
            state = replace(state, unmasked=take_masks_off(task, state, decoding))
        state, decoding = run_pass(task, state, decoding)
        if observe:
            observe(number, state, decoding)
        now = count_open(state, decoding)
        if not now:
            break
        if ((state.images - before) ** 2).mean() > MOVED:
            continue
        if not searched and now > open_ / 2:
            state, decoding = search_pairs(task, state, decoding)
            searched = True
        elif now >= open_:
            break
    return state, decoding, number
