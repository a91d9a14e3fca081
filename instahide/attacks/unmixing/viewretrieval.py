"""Recovering images that rows hold flipped and shifted: the third stage of `augmented`."""

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.unmixing.parts.alone import unmask_alone
from instahide.attacks.unmixing.parts.canvases import views_of
from instahide.attacks.unmixing.parts.coefficients import public_spread, weight_prior
from instahide.attacks.unmixing.parts.field import learn_field, unmask_seconds
from instahide.attacks.unmixing.parts.labels import check_masked, read_classes, read_pairs
from instahide.attacks.unmixing.parts.rounds import (
    FIELD_ROUNDS,
    FIRST_ROUNDS,
    Observer,
    annealing_steps,
    ignore,
    run_rounds,
)
from instahide.attacks.unmixing.parts.viewrounds import (
    FixedViews,
    refine_in_views,
    start_in_views,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State

VIEW_ROUNDS = FIRST_ROUNDS + FIELD_ROUNDS


def field_in_views_needs(size: Size) -> float:
    """Bytes: rows in six forms, images in all views, costs of a class."""
    views = FLOAT * size.views() * size.image_count * size.pixels
    costs = 2 * FLOAT * size.class_rows * size.views() * size.class_images
    return 6 * size.table + 2 * views + costs


def field_in_views_seconds(size: Size) -> float:
    """Processor seconds: eight products a round of each row with a class in all views."""
    rounds, numbers = len(VIEW_ROUNDS), size.rows * size.pixels
    products = 8 * PRODUCT * numbers * size.class_images * size.views()
    return rounds * (products + 200 * TOUCH * numbers) + unmask_seconds(
        size, annealing_steps(VIEW_ROUNDS)
    )


def field_in_views(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    rounds: int | None = None,
    observe: Observer = ignore,
) -> State:
    """Recover images and correct assignment and views.

    Parameters
    ----------
    assignment : Assignment
        Members are images in views.
    rounds : int, optional
        How many rounds to run; 0 leaves the first guess. All by default.
    observe : callable

    Returns
    -------
    State
    """
    check_masked(problem)
    known = problem.labels == "coefficients"
    fixed = FixedViews(
        field=learn_field(problem.public),
        magnitudes=problem.magnitudes,
        parts=read_pairs(problem) if known else read_classes(problem),
        spread=public_spread(problem.scheme, rng),
        prior=None if known else weight_prior(problem.scheme, rng, power=1),
    )
    unmasked = unmask_alone(problem, fixed.field, rng)
    state = start_in_views(fixed, views_of(problem), unmasked, assignment)
    return run_rounds(fixed, state, VIEW_ROUNDS[:rounds], observe, refine_in_views).plain()
