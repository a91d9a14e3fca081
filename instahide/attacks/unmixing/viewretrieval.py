"""Recovering images that rows hold flipped and shifted: the third stage of `augmented`."""

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.unmixing.parts.alone import unmask_alone
from instahide.attacks.unmixing.parts.canvases import views_of
from instahide.attacks.unmixing.parts.coefficients import public_spread, weight_prior
from instahide.attacks.unmixing.parts.field import learn_field, unmask_seconds
from instahide.attacks.unmixing.parts.labels import check_masked, read_classes, read_pairs
from instahide.attacks.unmixing.parts.rounds import Observer, Round, annealing_steps, ignore
from instahide.attacks.unmixing.parts.viewrounds import (
    FixedViews,
    run_rounds_in_views,
    start_in_views,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State

#: Annealing steps, error of the images, median filter.
VIEW_ROUNDS = (
    Round(16, 0.5, turn=False),
    Round(16, 0.3, turn=False),
    Round(12, 0.3, 9),
    Round(12, 0.2, 7),
    Round(16, 0.05, 3),
    Round(20, 0.2, 7),
    Round(20, 0.05, 3),
    Round(20, 0.02),
    Round(32, 0.01),
)
USUAL_VIEWS = 162  # of crops by 4 pixels and flips: what estimates count on


def field_in_views_needs(size: Size) -> float:
    """Bytes: rows in six forms, images in all views, costs of a class."""
    views = FLOAT * USUAL_VIEWS * size.image_count * size.pixels
    costs = 2 * FLOAT * size.class_rows * USUAL_VIEWS * size.class_images
    return 6 * size.table + 2 * views + costs


def field_in_views_seconds(size: Size) -> float:
    """Processor seconds: eight products a round of each row with a class in all views."""
    rounds, numbers = len(VIEW_ROUNDS), size.rows * size.pixels
    products = 8 * PRODUCT * numbers * size.class_images * USUAL_VIEWS
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
        views=views_of(problem),
        spread=public_spread(problem.scheme, rng),
        prior=None if known else weight_prior(problem.scheme, rng, power=1),
    )
    unmasked = unmask_alone(problem, fixed.field, rng)
    state = start_in_views(fixed, unmasked, assignment)
    return run_rounds_in_views(fixed, state, VIEW_ROUNDS[:rounds], observe)
