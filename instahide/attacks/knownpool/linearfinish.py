"""Mixup with the pool at hand: public and private images to the bit, with labels or without.

A row without mask is a sum of k - 2 images of the pool and two private ones, and nothing else.
Passes are those of `instahide.attacks.knownpool.passes` without any sign to be found: public
images out of what the private ones leave (orthogonal matching pursuit, with exchanges), private
images by least squares out of what the public ones leave, then pairs. Where labels tell no
coefficients, those are unknown too; but what public images leave of 1 is the sum of the
private two, from which each image's scale follows.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import (
    Decoding,
    check_settings,
    nothing_found,
)
from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.attacks.knownpool.finish import (
    decode_with_pool_needs,
    decode_with_pool_seconds,
    hand_in_decoded,
)
from instahide.attacks.knownpool.passes import fit_private
from instahide.attacks.knownpool.publicsearch import find_public
from instahide.attacks.knownpool.task import (
    Task,
    count_open,
    remaining_level,
    settings_for,
)
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.coefficients import weight_prior
from instahide.attacks.unmixing.parts.freepairs import FreePairs
from instahide.attacks.unmixing.parts.labels import read_unmasked
from instahide.attacks.unmixing.parts.scales import choose_pairs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.errors import InstaHideError
from instahide.progress import tracked

AT_REST = 1e-10  # mean squared change of the private images that counts: one may come late
LEAST_PRIVATE = 0.05  # of the private coefficients' sum
USUAL = 0.25  # quantile of the levels of an image's rows

decode_linearly_needs = decode_with_pool_needs
decode_linearly_seconds = decode_with_pool_seconds


def decode_linearly(
    problem: Problem, state: State, rng: np.random.Generator, *, passes: int = 30
) -> Recovery:
    """Decode rows without masks with their pool: the last stage of `linear-pool`.

    ``decoding.npz`` is as `instahide.attacks.knownpool.finish.decode_with_pool` writes it.

    Parameters
    ----------
    passes : int
        At most.

    Raises
    ------
    InstaHideError
        When the pool is not known or has another shape, rows have a mask, not two private
        images, or no public ones.
    """
    parts = read_unmasked(problem)
    settings = settings_for(problem, passes=passes)
    check_settings(settings)
    dictionary = make_dictionary(problem.pool, screen=settings.screen)
    if dictionary.pool.shape != problem.shape:
        raise InstaHideError(
            f"the pool's images are {dictionary.pool.shape} and the encryptions {problem.shape}"
        )
    state = replace(state, images=np.vstack([state.images[:-1], dictionary.field.mean]))
    chooser = FreePairs(parts, weight_prior(problem.scheme, rng, power=1))
    task = Task(problem.magnitudes, parts, dictionary, settings)
    return hand_in_decoded(problem, settings, run_linear_passes(task, state, chooser), rng)


def run_linear_passes(
    task: Task, state: State, chooser: FreePairs
) -> tuple[State, Decoding, int]:
    """Run passes until nothing moves; return also how many it took."""
    decoding = nothing_found(len(state), task.settings)
    passes = range(1, task.settings.passes + 1)
    for number in tracked(passes, "decoding, at the most", "passes"):
        images, level = state.images, state.level.sum()
        state, decoding = run_linear_pass(task, state, decoding, chooser)
        still = ((state.images - images) ** 2).mean() < AT_REST
        # Images on their bounds stand still while coefficients do not.
        if not count_open(state, decoding) or (still and state.level.sum() > 0.98 * level):
            return state, decoding, number
    return state, decoding, task.settings.passes


def run_linear_pass(
    task: Task, state: State, decoding: Decoding, chooser: FreePairs
) -> tuple[State, Decoding]:
    """Find public images, then pairs, coefficients and private images."""
    decoding = find_public(task, state, decoding)
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    sums = np.maximum(1 - decoding.coefficients.sum(axis=1), LEAST_PRIVATE)
    state = replace(state, unmasked=task.magnitudes - public)
    state = replace(state, level=remaining_level(task, state))
    state = choose_pairs(task.dictionary.field, state, usual_level(state), chooser, sums)
    for _ in range(2):
        state = fit_private(replace(state, level=usual_level(state)))
        state = replace(state, level=remaining_level(task, state))
    return replace(state, unmasked=task.magnitudes), decoding


def usual_level(state: State) -> np.ndarray:
    """Return each row's level, but no less than is usual in rows of either of its images.

    Where an image is wrong, what is left of its rows is the image's own error, and least where
    its coefficient is next to nothing: the rows that tell least of it would count most, in
    its own solution and in that of its scale, and it would stay wrong.

    Returns
    -------
    ndarray of float32, shape (E,)
    """
    level, members = state.level.copy(), state.assignment.members
    for image in range(state.image_count):
        rows = np.flatnonzero((members == image).any(axis=1))
        if len(rows):
            least = np.quantile(state.level[rows], USUAL)
            level[rows] = np.maximum(level[rows], least)
    return level
