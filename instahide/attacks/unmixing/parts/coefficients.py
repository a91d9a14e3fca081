"""Coefficients before anything is seen of them: what the scheme's draws tell beforehand."""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.state import Assignment
from instahide.encodings.instahide.scheme import Scheme

LEAST_LEVEL = 1e-4  # of a row's noise: float32 and rows that are all but private


def simulate_coefficients(scheme: Scheme, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Draw coefficients as the scheme does: |N(0, 1)| over their sum, none > c1.

    That private ones sum to c2 at least is left to the caller, see `Scheme.accepts`.

    Returns
    -------
    ndarray of float32, shape (rows, k)
    """
    kept: list[np.ndarray] = []
    while sum(map(len, kept)) < rows:
        drawn = np.abs(rng.standard_normal((rows, scheme.k)))
        drawn /= drawn.sum(axis=1, keepdims=True)
        kept.append(drawn[drawn.max(axis=1) <= scheme.c1])
    return np.concatenate(kept)[:rows].astype(np.float32)


@dataclass(frozen=True)
class WeightPrior:
    """Mean and variance of a weight over the private images of all rows."""

    mean: float
    variance: float


def weight_prior(
    scheme: Scheme, rng: np.random.Generator, *, power: int, draws: int = 20_000
) -> WeightPrior:
    """Return mean and variance of λ to a power, over the two private images of rows.

    Parameters
    ----------
    power : {1, 2}
    """
    drawn = simulate_coefficients(scheme, rng, draws)
    weights = drawn[scheme.accepts(drawn), :2] ** power
    return WeightPrior(float(weights.mean()), float(weights.var()))


def public_spread(scheme: Scheme, rng: np.random.Generator, draws: int = 20_000) -> float:
    """Return the mean of Σ λᵢ² / (Σ λᵢ)² over the public images of rows; 0 without any."""
    if not scheme.public_count:
        return 0.0
    drawn = simulate_coefficients(scheme, rng, draws)
    public = drawn[scheme.accepts(drawn), scheme.private_count :]
    return float(((public**2).sum(axis=1) / public.sum(axis=1) ** 2).mean())


def mixture_power(scheme: Scheme, rng: np.random.Generator, draws: int = 20_000) -> float:
    """Return the mean of Σ λᵢ² over all images of rows."""
    drawn = simulate_coefficients(scheme, rng, draws)
    return float((drawn[scheme.accepts(drawn)] ** 2).sum(axis=1).mean())


def expected_level(assignment: Assignment, spread: float) -> np.ndarray:
    """Return the expected level of rows: `spread` times the squared public sum."""
    rest = 1 - assignment.weights.sum(axis=1)
    return (spread * rest**2 + LEAST_LEVEL).astype(np.float32)
