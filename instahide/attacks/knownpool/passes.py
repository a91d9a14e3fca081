"""Decoding with the pool at hand: which public images are in a row, and how much of each.

A pass starts from rows without masks, private images and pairs as they are known, and

1. scans the pool for the images that fit what is left of a row, and chooses at most K = k − 2
   of them with non-negative coefficients (`dictionary`, `selection`);
2. solves for the private images by least squares, rows weighted by the inverse of what is
   left of them after private and public parts;
3. mends single pixels (`spots`), chooses pairs and splits anew (`retrieval.reassign`), and
   rounds an image to 8 bits as soon as it lies that close to them;
4. takes the masks off again, with private and public part as the mean: what is found sharpens
   the signs, so that the next pass finds more.

Nothing in a challenge is noise but the last bit of float32. Once the large public images are
found everywhere, the private images follow to three digits; then the small public ones, and
a few passes later all of it is exact.
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding, Settings, put, take
from instahide.attacks.knownpool.dictionary import Dictionary
from instahide.attacks.knownpool.selection import NONE, Selection, select
from instahide.attacks.knownpool.spots import mend_spots
from instahide.attacks.unmixing.parts.field import cooling, unmask
from instahide.attacks.unmixing.parts.labels import Parts, read_pairs
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE, solve_images
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range

LEAST_LEVEL = 1e-10  # float32 leaves less
SETTLED = 1e-8  # level of a row with nothing more to be found
NEAR_BYTES = 0.05  # mean distance from 8-bit values; 0.25 where there is no relation
# ASSUME: a choice is as good as certain when its margin is several times 50 units of noise.
# In theory 2·ln N, about 20, would do; but what is left of a row is not white.
MARGIN = 50.0
ROWS_AT_ONCE = 200


@dataclass(frozen=True)
class Task:
    """What does not change.

    Attributes
    ----------
    given : ndarray of float32, shape (E, d)
        |encryption|, or the rows themselves where there is no mask.
    parts : Parts
    dictionary : Dictionary
    settings : Settings
    """

    given: np.ndarray
    parts: Parts
    dictionary: Dictionary
    settings: Settings


def run_pass(task: Task, state: State, decoding: Decoding) -> tuple[State, Decoding]:
    """Find public images, then the private ones."""
    decoding = find_public(task, state, decoding)
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    state = replace(state, unmasked=state.unmasked - public)
    state = fit_images(replace(state, level=measure_level(task, state)))
    if task.settings.masked:
        state = mend_spots(state, public, task.given)
    pairs = KnownPairs(task.parts)
    state = reassign(task.dictionary.field, state, state.level, pairs, signed=True)
    state = fit_images(state)
    return replace(state, unmasked=state.unmasked + public), decoding


def measure_level(task: Task, state: State, public: np.ndarray | float = 0.0) -> np.ndarray:
    """Measure what is left of rows after private and public parts, in a public image's power.

    Returns
    -------
    ndarray of float32, shape (E,)
    """
    left = state.unmasked - public - state.design() @ state.images
    power = np.einsum("ij,ij->i", left, left) / left.shape[1]
    return (power / task.dictionary.field.power + LEAST_LEVEL).astype(np.float32)


def is_settled(state: State, decoding: Decoding) -> np.ndarray:
    """Tell which rows are complete, (E,) bool."""
    return (state.level < SETTLED) & (decoding.public != NONE).all(axis=1)


def take_masks_off(task: Task, state: State, decoding: Decoding) -> np.ndarray:
    """Return the rows without masks, (E, d); of complete rows the signs are plain."""
    if not task.settings.masked:
        return task.given
    dictionary = task.dictionary
    mean = state.design() @ state.images
    mean += dictionary.mix(decoding.public, decoding.coefficients)
    rows = np.copysign(task.given, mean)
    open_ = np.flatnonzero(~is_settled(state, decoding))
    schedule = cooling(task.settings.steps)
    rows[open_] = unmask(
        dictionary.field, task.given[open_], mean[open_], state.level[open_], schedule
    )
    return rows


def find_public(task: Task, state: State, decoding: Decoding) -> Decoding:
    """Scan for candidates, and choose among them and the former choice.

    Settled rows keep their decoding.
    """
    dictionary, settings = task.dictionary, task.settings
    open_ = np.flatnonzero(~is_settled(state, decoding))
    if not len(open_):
        return decoding
    state, former = state.take(open_), take(decoding, open_)
    target = dictionary.whiten(state.unmasked - state.design() @ state.images)
    found = dictionary.whiten(dictionary.mix(former.public, former.coefficients))
    candidates = dictionary.shortlist(target - found, settings.shortlist)
    candidates = without_repetition(np.hstack([former.public, candidates]))
    few, candidates, wanted = dictionary.narrow(candidates)
    parts = []
    for start in range(0, len(target), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        parts.append(choose(few, target[rows], candidates[rows], settings))
    public, *others = map(np.concatenate, zip(*parts, strict=True))
    public[public != NONE] = wanted[public[public != NONE]]
    return put(decoding, open_, Decoding(public, *others))


def choose(
    dictionary: Dictionary, target: np.ndarray, candidates: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the public images of some rows; return places, coefficients and confidence."""
    rows, size = target.shape
    some, back = np.unique(candidates, return_inverse=True)
    atoms = dictionary.whiten(dictionary.centred(some))
    both = np.empty((rows, candidates.shape[1] + 1, size), np.float32)
    both[:, :-1], both[:, -1] = atoms[back.reshape(candidates.shape)], target
    matrices = (both @ both.transpose(0, 2, 1)).astype(np.float64)
    chosen = select(matrices, settings.k - 2, threshold=settings.threshold, size=size)
    public = np.take_along_axis(candidates, np.maximum(chosen.picks, 0), 1)
    public = np.where(chosen.picks == NONE, NONE, public)
    return public, chosen.coefficients.astype(np.float32), confidence(chosen, size)


def confidence(chosen: Selection, size: int) -> np.ndarray:
    """Return how sure each choice is, float32, range [0, 1).

    It is 1 − exp(−m / 50), with m what would be left more with the best other candidate in
    its place (or none), in units of what is left per dimension.
    """
    noise = np.maximum(chosen.left, 1e-12)[:, None] / size
    return (1 - np.exp(-np.maximum(chosen.margin, 0) / noise / MARGIN)).astype(np.float32)


def without_repetition(candidates: np.ndarray) -> np.ndarray:
    """Return (E, M) places with all but the first of each kind in a row set to NONE."""
    order = np.argsort(candidates, axis=1, kind="stable")
    ordered = np.take_along_axis(candidates, order, 1)
    again = np.zeros(candidates.shape, bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
    return np.where(again, NONE, candidates)


def fit_images(state: State) -> State:
    """Solve for the private images; the public mean at the end stays.

    Private images lie in [-1, 1].
    ASSUME: they were stored with 8 bits, as photos are: an image that comes close to such
    values everywhere is rounded to them, which makes it exact.
    """
    design, mean = state.design(), state.images[-1]
    rows = state.unmasked - design[:, -1:] * mean
    ridge = np.full(state.image_count, IMAGE_RIDGE)
    images = solve_images(design[:, :-1], rows, 1 / state.level, ridge, mean)
    images = np.clip(images, -1, 1)
    rounded = to_unit_range(to_bytes(images))
    near = 127.5 * np.abs(images - rounded).mean(axis=1, keepdims=True) < NEAR_BYTES
    return replace(state, images=np.vstack([np.where(near, rounded, images), mean]))


def make_task(
    problem: Problem, state: State, dictionary: Dictionary, settings: Settings
) -> Task:
    """Check what is given, and put it together."""
    if dictionary.pool.shape != problem.shape:
        raise InstaHideError(
            f"the pool's images are {dictionary.pool.shape} and the encryptions {problem.shape}"
        )
    if state.unmasked.shape != problem.magnitudes.shape:
        raise InstaHideError(
            f"the start is of {len(state.unmasked)} rows and the challenge of "
            f"{len(problem.magnitudes)}"
        )
    return Task(problem.magnitudes, read_pairs(problem), dictionary, settings)
