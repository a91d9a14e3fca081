"""Exhaustive pair search: rows that the passes leave in doubt, tried with every pair of images.

Where a row started with the wrong pair, its mask was taken off towards the wrong mixture, and
what comes of that speaks for the wrong pair. Once the private images are known, such rows are
few, and each can afford a hearing of all the pairs its label allows: masks off with the pair's
mixture as the mean; the pairs that leave least are decoded, and the best decoding is kept
where it leaves less than what there was.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding, nothing_found
from instahide.attacks.knownpool.publicsearch import find_public
from instahide.attacks.knownpool.task import Task, is_settled, remaining_level, take_masks_off
from instahide.attacks.unmixing.state import NOBODY, Assignment, State
from instahide.progress import tracked

MOST_SHARE = 0.05  # of rows in doubt: with more of them, images are not known well enough
SPLITS = (0.2, 0.5, 0.8)  # between two images of one class
FINALISTS = 12
SEARCH_STEPS = 24  # of annealing: these rows are few, and harder than others
SEARCHED_AT_ONCE = 10


def search_pairs(task: Task, state: State, decoding: Decoding) -> tuple[State, Decoding]:
    """Try all pairs on the rows in doubt, unless there are many of them.

    Returns
    -------
    State, Decoding
        With other pairs, signs, levels and public images where they are better.
    """
    doubtful = np.flatnonzero(~is_settled(state, decoding))
    if len(doubtful) > MOST_SHARE * len(state.unmasked):
        return state, decoding
    task = replace(task, settings=replace(task.settings, steps=SEARCH_STEPS))
    starts = range(0, len(doubtful), SEARCHED_AT_ONCE)
    for start in tracked(starts, "rows in doubt", "tens"):
        rows = doubtful[start : start + SEARCHED_AT_ONCE]
        state, decoding = keep_better(
            state, decoding, rows, *decode_finalists(task, state, rows)
        )
    return state, decoding


def decode_finalists(
    task: Task, state: State, rows: np.ndarray
) -> tuple[np.ndarray, State, Decoding]:
    """Decode the finalists of some rows; return the row of each, state and decoding."""
    owner, assignment = all_pairs(task, rows)
    state, decoding = try_pairs(task, state, owner, assignment)
    best = np.lexsort([state.level, owner])
    first = np.searchsorted(owner[best], owner[best])
    best = best[np.arange(len(best)) - first < FINALISTS]
    owner, task = owner[best], task.take(owner[best])
    state, decoding = state.take(best), decoding.take(best)
    for _ in range(2):
        decoding = find_public(task, state, decoding)
        public = task.dictionary.mix(decoding.public, decoding.coefficients)
        state = replace(state, level=remaining_level(task, state, public))
        state = replace(state, unmasked=take_masks_off(task, state, decoding))
    return owner, state, decoding


def all_pairs(task: Task, rows: np.ndarray) -> tuple[np.ndarray, Assignment]:
    """List all pairs that the labels of some rows allow; also the row of each."""
    parts = task.parts.take(rows)
    (first, second), same = parts.candidates.transpose(1, 0, 2), parts.same
    valid = (first[:, :, None] != second[:, None, :]) & (first != NOBODY)[:, :, None]
    valid &= (second != NOBODY)[:, None, :]
    valid &= ~same[:, None, None] | (first[:, :, None] < second[:, None, :])
    row, left, right = np.nonzero(valid)
    pairs = np.stack([first[row, left], second[row, right]], axis=1)
    weights = parts.coefficients[row]
    shares = np.array(SPLITS, np.float32)
    split = weights.sum(axis=1)[:, None, None] * np.stack([shares, 1 - shares], axis=1)
    known, free = ~same[row], same[row]
    return (
        np.concatenate([rows[row[known]], np.repeat(rows[row[free]], len(shares))]),
        Assignment(
            np.concatenate([pairs[known], np.repeat(pairs[free], len(shares), axis=0)]),
            np.concatenate([weights[known], split[free].reshape(-1, 2)]),
        ),
    )


def try_pairs(
    task: Task, state: State, owner: np.ndarray, assignment: Assignment
) -> tuple[State, Decoding]:
    """Take the masks off with each pair's mixture as the mean, and measure what is left."""
    rest = 1 - assignment.weights.sum(axis=1)
    # Σ λᵢ² / (Σ λᵢ)² of K half-normal coefficients; bounds and normalisation change it little.
    spread = 1 / (1 + (task.settings.k - 3) * 2 / np.pi)
    level = (spread * rest**2).astype(np.float32)
    task = task.take(owner)
    state = State(state.images, assignment, level, task.magnitudes)
    decoding = nothing_found(len(owner), task.settings)
    state = replace(state, unmasked=take_masks_off(task, state, decoding))
    left = task.dictionary.whiten(state.unmasked - state.mixtures[:])
    energy = np.einsum("ij,ij->i", left, left) / left.shape[1]
    return replace(state, level=energy), decoding


def keep_better(
    state: State,
    decoding: Decoding,
    rows: np.ndarray,
    owner: np.ndarray,
    tried: State,
    found: Decoding,
) -> tuple[State, Decoding]:
    """Put the best finalist of each row in place where it leaves less than what there was."""
    order = np.lexsort([tried.level, owner])
    best = order[np.searchsorted(owner[order], rows)]
    best = best[tried.level[best] < state.level[rows]]
    return (
        state.put(owner[best], tried.take(best)),
        decoding.put(owner[best], found.take(best)),
    )
