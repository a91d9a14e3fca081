"""Retrieval without coefficients: labels of classes only, or no labels at all.

The rounds are those of `instahide.attacks.unmixing.parts.rounds`, with a row's coefficients
estimated along with its pair (`instahide.attacks.unmixing.blindassignment`). They start from
rows that are unmasked one by one, because phase retrieval pixel by pixel needs better
coefficients than there are at first.
"""

from functools import partial

import numpy as np

from instahide.attacks.unmixing.parts.coefficients import public_spread, weight_prior
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.freepairs import reassign_freely
from instahide.attacks.unmixing.parts.labels import read_classes
from instahide.attacks.unmixing.parts.rounds import (
    Observer,
    Round,
    ignore,
    rounds_needs,
    run_rounds,
    start_from_rows,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State

ROUNDS = (
    Round(16, 0.5),
    Round(16, 0.3),
    Round(16, 0.1),
    Round(20, 0.05),
    Round(20, 0.02),
    Round(32, 0.01),
)


free_needs = rounds_needs


def free(
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
        The coefficients of its assignment are estimates.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or have no mask.
    """
    parts, members = read_classes(problem)
    model = learn_field(problem.public)
    spread = public_spread(problem.scheme, rng)
    prior = weight_prior(problem.scheme, rng, power=1)
    choose = partial(reassign_freely, parts=parts, members=members, prior=prior)
    state = start_from_rows(model, problem.rows, assignment, problem.images, spread)
    return run_rounds(model, problem.rows, state, ROUNDS, choose, observe, spread=spread)
