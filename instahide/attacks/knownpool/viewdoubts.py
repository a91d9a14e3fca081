"""Rows that passes leave in doubt, where images are in views: each is decoded for itself.

Where a row started with the wrong images, its mask was taken off towards the wrong mixture, and
what comes of that speaks for them. Pairs of views are too many to try them all. But a row can
be decoded with nothing but the pool (`instahide.attacks.knownpool.rowdecoding`), which leaves
its private mixture, in which its images and their views are seen at once.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding
from instahide.attacks.knownpool.publicsearch import find_public
from instahide.attacks.knownpool.rowdecoding import (
    STARTS,
    RowTask,
    decode_once,
    make_row_task,
)
from instahide.attacks.knownpool.task import Task, is_settled, remaining_level, take_masks_off
from instahide.attacks.knownpool.viewpasses import choose_in_views
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.progress import tracked

ALONE_AT_ONCE = 500  # rows
ALONE_STEPS = 24  # of annealing: these rows are harder than others
ALONE_ROUNDS = 2


def decode_doubtful(
    task: Task, state: ViewedState, decoding: Decoding
) -> tuple[ViewedState, Decoding]:
    """Decode the rows in doubt from their beginning; keep what leaves less of them.

    Returns
    -------
    ViewedState, Decoding
        With other images, signs, levels and public images where they are better.
    """
    doubtful = np.flatnonzero(~is_settled(state, decoding))
    alone = make_row_task(task.magnitudes, task.dictionary.pool, task.settings.k - 2)
    task = replace(task, settings=replace(task.settings, steps=ALONE_STEPS))
    starts = range(0, len(doubtful), ALONE_AT_ONCE)
    for start in tracked(starts, "rows in doubt", "parts"):
        rows = doubtful[start : start + ALONE_AT_ONCE]
        tried, found = start_alone(task, alone, state, rows)
        for _ in range(ALONE_ROUNDS):
            tried, found = try_again(task.take(rows), tried, found)
        better = np.flatnonzero(tried.level < state.level[rows])
        state = state.put(rows[better], tried.take(better))
        decoding = decoding.put(rows[better], found.take(better))
    return state, decoding


def start_alone(
    task: Task, alone: RowTask, state: ViewedState, rows: np.ndarray
) -> tuple[ViewedState, Decoding]:
    """Decode rows with the pool alone, and choose who is in their private mixtures."""
    decoded = decode_once(alone.take(rows), STARTS[0])
    tried = replace(state.take(rows), unmasked=decoded.signed)
    return choose_again(task.take(rows), tried, decoded.decoding), decoded.decoding


def try_again(
    task: Task, state: ViewedState, decoding: Decoding
) -> tuple[ViewedState, Decoding]:
    """Take masks off, find public images, and choose who is in the rows."""
    state = replace(state, unmasked=take_masks_off(task, state, decoding))
    decoding = find_public(task, state, decoding)
    return choose_again(task, state, decoding), decoding


def choose_again(task: Task, state: ViewedState, decoding: Decoding) -> ViewedState:
    """Choose who is in rows by what their public parts leave, and measure what is left."""
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    state = replace(state, unmasked=state.unmasked - public)
    state = replace(state, level=remaining_level(task, state))
    state = replace(state, assignment=choose_in_views(task, state, task.parts))
    level = remaining_level(task, state)
    return replace(state, unmasked=state.unmasked + public, level=level)
