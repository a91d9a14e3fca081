"""The retrieval of the attack `whitened`: a first guess of the images, then rounds.

The first guess comes from rows that are unmasked one by one and agree on their signs, or from
phase retrieval pixel by pixel (`instahide.attacks.unmixing.parts.pixelwise`), which wants the
coefficients of the labels; the rounds are those of `instahide.attacks.unmixing.parts.rounds`.
"""

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.coefficients import public_spread
from instahide.attacks.unmixing.parts.crossfit import has_few_rows
from instahide.attacks.unmixing.parts.field import learn_field, noise_level
from instahide.attacks.unmixing.parts.labels import read_pairs
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.parts.pixelwise import first_images
from instahide.attacks.unmixing.parts.reassignment import reassign, reassign_evenly
from instahide.attacks.unmixing.parts.rounds import (
    FIELD_ROUNDS,
    FIRST_ROUNDS,
    PUBLIC_RIDGE,
    Fixed,
    Observer,
    Reassign,
    Round,
    annealing_steps,
    ignore,
    rounds_needs,
    rounds_seconds,
    run_rounds,
    start_from_images,
    start_from_rows,
    start_without_masks,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State

#: For rows without masks.
PLAIN_ROUNDS = (Round(0, 0.05), Round(0, 0.01), Round(0, 0.01))


field_needs = rounds_needs


def field_seconds(size: Size) -> float:
    """Processor seconds of the rounds."""
    rounds = FIRST_ROUNDS + FIELD_ROUNDS
    return rounds_seconds(size, len(rounds), annealing_steps(rounds))


def field(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    start: Literal["rows", "pixels"] = "rows",
    propagations: int = 4,
    rounds: int | None = None,
    public_mean: bool = True,
    observe: Observer = ignore,
) -> State:
    """Recover images and correct their assignment: the third stage of `whitened`.

    Parameters
    ----------
    start : {"rows", "pixels"}
        Rows unmasked one by one, or phase retrieval pixel by pixel.
    propagations : int
        Of the phase retrieval, see `instahide.attacks.unmixing.parts.pixelwise.propagate`.
    rounds : int, optional
        How many rounds to run; 0 leaves the first guess. All by default.
    public_mean : bool
        Whether the mean public image is part of the model.
    observe : callable
    """
    parts = read_pairs(problem)
    learnt = learn_field(problem.public)
    fixed = Fixed(
        field=learnt,
        magnitudes=problem.magnitudes,
        reassign=choosing_anew(problem, KnownPairs(parts)),
        spread=public_spread(problem.scheme, rng),
        public_ridge=PUBLIC_RIDGE if public_mean else 1e9,
        parts=parts,
        noise=noise_level(learnt, problem.told_noise),
    )
    state, schedule = first_state(
        problem, fixed, assignment, rng, start=start, propagations=propagations
    )
    if not public_mean:
        without = replace(fixed.field, mean=np.zeros_like(fixed.field.mean))
        fixed = replace(fixed, field=without)
    return run_rounds(fixed, state, schedule[:rounds], observe)


def choosing_anew(problem: Problem, chooser: KnownPairs) -> Reassign:
    """Return how rounds choose: at prices where images have few rows."""
    if not problem.scheme.masked:
        return partial(reassign, chooser=chooser, signed=True)
    few = has_few_rows(len(problem.magnitudes), problem.image_count)
    return partial(reassign_evenly if few else reassign, chooser=chooser)


def first_state(
    problem: Problem,
    fixed: Fixed,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    start: str,
    propagations: int,
) -> tuple[State, tuple[Round, ...]]:
    """Return the state that the rounds begin with, and the rounds; options as in `field`."""
    if not problem.scheme.masked:
        return start_without_masks(fixed, assignment, problem.image_count), PLAIN_ROUNDS
    if start == "rows":
        state = start_from_rows(fixed, assignment, problem.image_count)
        return state, FIRST_ROUNDS + FIELD_ROUNDS
    size = problem.image_count, problem.magnitudes.shape[1]
    noise = rng.standard_normal(size, np.float32)
    guess = first_images(fixed, assignment, noise, propagations)
    return start_from_images(fixed, guess, assignment), FIELD_ROUNDS
