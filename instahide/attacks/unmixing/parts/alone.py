"""Rows unmasked each for itself, with nothing known of the images in them."""

import numpy as np

from instahide.attacks.unmixing.parts.coefficients import (
    LEAST_LEVEL,
    public_spread,
    weight_prior,
)
from instahide.attacks.unmixing.parts.field import Field, cooling, unmask
from instahide.attacks.unmixing.parts.rounds import START_STEPS
from instahide.attacks.unmixing.problem import Problem


def unmask_alone(problem: Problem, field: Field, rng: np.random.Generator) -> np.ndarray:
    """Unmask each row for itself, with nothing known but the mean public image.

    Returns
    -------
    ndarray of float32, shape (E, d)
        Each row up to a sign of its own; half of them are nearly right.
    """
    magnitudes = problem.magnitudes
    mean = np.broadcast_to(field.mean, magnitudes.shape)
    level = alone_level(problem, rng)
    return unmask(field, magnitudes, mean, level, cooling(START_STEPS))


def alone_level(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Return the expected sum of a row's squared coefficients, float32, shape (E,)."""
    level = np.full(len(problem.magnitudes), LEAST_LEVEL, np.float32)
    if problem.labels == "coefficients":
        rest = 1 - problem.label.sum(axis=1)
        level += public_spread(problem.scheme, rng) * rest**2
        return level + (problem.label**2).sum(axis=1, dtype=np.float32)
    prior = weight_prior(problem.scheme, rng, power=1)
    return level + np.float32(problem.scheme.k * (prior.mean**2 + prior.variance))
