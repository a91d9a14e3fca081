"""Attacks of the unmixing family on problems made in a test."""

from instahide.attacks.catalogue import unmixing
from instahide.attacks.running import run_steps


def unmix(problem, attack=None, seed=0):
    """Run all steps; returns recovery, state and times."""
    made = {}
    steps = (attack or unmixing()).steps
    recovery, watch = run_steps(steps, problem, seed=seed, observe=made.__setitem__)
    return recovery, made["retrieval"], watch
