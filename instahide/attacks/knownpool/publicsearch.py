"""Which public images are in a row, and how much of each: a scan of the pool, and a choice."""

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding, Settings
from instahide.attacks.knownpool.dictionary import Dictionary
from instahide.attacks.knownpool.selection import NONE, AtomSelection, select_atoms
from instahide.attacks.knownpool.task import Task, is_settled
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.state import State

# ASSUME: a choice is as good as certain when its margin is several times 50 units of noise.
# In theory 2·ln N, about 20, would do; but what is left of a row is not white.
CERTAIN_MARGIN = 50.0
SELECTED_NUMBERS = 600_000  # of rows whose public images are chosen at a time


def find_public(task: Task, state: State, decoding: Decoding) -> Decoding:
    """Scan for candidates, and choose among them and the former choice.

    Settled rows keep their decoding.
    """
    dictionary, settings = task.dictionary, task.settings
    open_ = np.flatnonzero(~is_settled(state, decoding))
    if not len(open_):
        return decoding
    state, former = state.take(open_), decoding.take(open_)
    target, mixtures = np.empty_like(state.unmasked), state.mixtures
    for rows in batches(*target.shape):
        target[rows] = dictionary.whiten(state.unmasked[rows] - mixtures[rows])
    left = target - whitened_mixtures(dictionary, former)
    candidates = dictionary.shortlist(left, settings.shortlist)
    del left
    candidates = without_repetition(np.hstack([former.public, candidates]))
    few, candidates, wanted = dictionary.narrow(candidates)
    parts = []
    for rows in batches(*target.shape, SELECTED_NUMBERS):
        parts.append(choose_public(few, target[rows], candidates[rows], settings))
    public, *others = map(np.concatenate, zip(*parts, strict=True))
    public[public != NONE] = wanted[public[public != NONE]]
    return decoding.put(open_, Decoding(public, *others))


def whitened_mixtures(dictionary: Dictionary, decoding: Decoding) -> np.ndarray | float:
    """Return the public parts of rows as they are decoded, whitened, (E, d); 0 of none."""
    if (decoding.public == NONE).all():
        return 0.0
    mixed = dictionary.mix(decoding.public, decoding.coefficients)
    for rows in batches(*mixed.shape):
        mixed[rows] = dictionary.whiten(mixed[rows])
    return mixed


def choose_public(
    dictionary: Dictionary, target: np.ndarray, candidates: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the public images of some rows; return which, coefficients and confidence."""
    rows, size = target.shape
    some, back = np.unique(candidates, return_inverse=True)
    atoms = dictionary.whiten(dictionary.centred(some))
    both = np.empty((rows, candidates.shape[1] + 1, size), np.float32)
    both[:, :-1], both[:, -1] = atoms[back.reshape(candidates.shape)], target
    matrices = (both @ both.transpose(0, 2, 1)).astype(np.float64)
    chosen = select_atoms(matrices, settings.k - 2, threshold=settings.threshold, size=size)
    public = np.take_along_axis(candidates, np.maximum(chosen.picks, 0), 1)
    public = np.where(chosen.picks == NONE, NONE, public)
    return public, chosen.coefficients.astype(np.float32), confidence_of(chosen, size)


def confidence_of(chosen: AtomSelection, size: int) -> np.ndarray:
    """Return how sure each choice is, float32, range [0, 1).

    It is 1 − exp(−m / 50), with m what would be left more with the best other candidate in
    its place (or none), in units of what is left per dimension.
    """
    noise = np.maximum(chosen.left, 1e-12)[:, None] / size
    return (1 - np.exp(-np.maximum(chosen.margin, 0) / noise / CERTAIN_MARGIN)).astype(
        np.float32
    )


def without_repetition(candidates: np.ndarray) -> np.ndarray:
    """Return candidates, (E, M), with all but the first of each kind in a row set to NONE."""
    order = np.argsort(candidates, axis=1, kind="stable")
    ordered = np.take_along_axis(candidates, order, 1)
    again = np.zeros(candidates.shape, bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
    return np.where(again, NONE, candidates)
