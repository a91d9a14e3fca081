"""The images of Mixup's rows: least squares, in turns with a choice of pairs and coefficients.

Each image's scale is open where labels tell no coefficients: twice the image with half the
coefficients explains rows equally well. All images are used with coefficients of one
distribution, which settles it within a few percent. Where all that is public of a row is
known, and so where nothing is, the private coefficients' sum is known, and n scales follow
from E equations (`scale_to_sums`).
"""

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.coefficients import public_spread, weight_prior
from instahide.attacks.unmixing.parts.field import Field, learn_field, noise_level
from instahide.attacks.unmixing.parts.freepairs import FreePairs
from instahide.attacks.unmixing.parts.labels import read_unmasked
from instahide.attacks.unmixing.parts.rounds import (
    Fixed,
    Round,
    rounds_needs,
    rounds_seconds,
    run_rounds,
    start_without_masks,
)
from instahide.attacks.unmixing.parts.scales import choose_pairs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State

LINEAR_ROUNDS = (Round(0, 0.05), *[Round(0, 0.01)] * 11)


retrieve_linearly_needs = rounds_needs


def retrieve_linearly_seconds(size: Size) -> float:
    """Processor seconds of the rounds."""
    return rounds_seconds(size, len(LINEAR_ROUNDS), 0)


def retrieve_linearly(
    problem: Problem, assignment: Assignment, rng: np.random.Generator
) -> State:
    """Recover images, pairs and coefficients of rows without masks: the third stage.

    Returns
    -------
    State
        Where labels lack coefficients, the weights of its assignment are estimates.

    Raises
    ------
    InstaHideError
        When rows have a mask, or not two private images.
    """
    parts = read_unmasked(problem)
    chooser = FreePairs(parts, weight_prior(problem.scheme, rng, power=1))
    sums = None if problem.scheme.public_count else np.ones(len(problem.magnitudes))

    def again(field: Field, state: State, level: np.ndarray) -> State:
        return choose_pairs(field, state, level, chooser, sums)

    learnt, spread = learn_field(problem.public), public_spread(problem.scheme, rng)
    noise = noise_level(learnt, problem.told_noise)
    fixed = Fixed(learnt, problem.magnitudes, again, spread, parts=parts, noise=noise)
    state = start_without_masks(fixed, assignment, problem.image_count)
    return run_rounds(fixed, state, LINEAR_ROUNDS)
