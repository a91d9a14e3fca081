"""Retrieval without coefficients: labels of classes only, or no labels at all.

The rounds are those of `instahide.attacks.unmixing.parts.rounds`, with a row's coefficients
estimated along with its pair (`instahide.attacks.unmixing.blindassignment`). They start from
rows that are unmasked one by one, because phase retrieval pixel by pixel needs better
coefficients than there are at first.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.coefficients import public_spread, weight_prior
from instahide.attacks.unmixing.parts.field import Field, learn_field, noise_level
from instahide.attacks.unmixing.parts.freepairs import FreePairs, equal_weights
from instahide.attacks.unmixing.parts.labels import read_classes
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.parts.rounds import (
    Fixed,
    Observer,
    Round,
    annealing_steps,
    ignore,
    rounds_needs,
    rounds_seconds,
    run_rounds,
    start_from_rows,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State

BLIND_ROUNDS = (
    Round(16, 0.5),
    Round(16, 0.3),
    Round(16, 0.1),
    Round(20, 0.05),
    Round(20, 0.02),
    Round(32, 0.01),
)


retrieve_blindly_needs = rounds_needs


def retrieve_blindly_seconds(size: Size) -> float:
    """Processor seconds of the rounds."""
    return rounds_seconds(size, len(BLIND_ROUNDS), annealing_steps(BLIND_ROUNDS))


def retrieve_blindly(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    observe: Observer = ignore,
) -> State:
    """Recover images, pairs and coefficients: a third stage without coefficients.

    Returns
    -------
    State
        The weights of its assignment are estimates.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or have no mask.
    """
    parts = read_classes(problem)
    field, spread = learn_field(problem.public), public_spread(problem.scheme, rng)
    chooser = FreePairs(parts, weight_prior(problem.scheme, rng, power=1))
    again = partial(reassign_and_scale, chooser=chooser)
    noise = noise_level(field, problem.told_noise)
    fixed = Fixed(field, problem.magnitudes, again, spread, parts=parts, noise=noise)
    state = start_from_rows(fixed, assignment, problem.image_count)
    return run_rounds(fixed, state, BLIND_ROUNDS, observe)


def reassign_and_scale(
    field: Field, state: State, level: np.ndarray, chooser: FreePairs
) -> State:
    """Choose each row's pair, coefficients and sign; see `reassign` and `equal_weights`."""
    state = reassign(field, state, level, chooser)
    found = state.assignment
    mean, count = chooser.prior.mean, state.image_count
    weights = equal_weights(found.members, found.weights, mean, count)
    return replace(state, assignment=replace(found, weights=weights))
