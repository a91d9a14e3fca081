"""Retrieval for inside-dataset challenges, whose rows mix private images only.

Labels tell everything that a row holds, so there is no noise: as the images get better their
own errors are all that blurs a row, and the rounds assume less and less of them, until images
are exact but for rounding. Rows whose labels name k classes are enough for that; the others
are then explained with the images.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from instahide.attacks.unmixing.parts.choosing import Chosen, Seen, choose_signs
from instahide.attacks.unmixing.parts.field import Field, cooling, learn_field, unmask
from instahide.attacks.unmixing.parts.labels import Parts, read_inside
from instahide.attacks.unmixing.parts.leastsquares import solve_nonnegative
from instahide.attacks.unmixing.parts.places import Places
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.parts.rounds import (
    Observer,
    Round,
    ignore,
    measure_level,
    rounds_needs,
    run_rounds,
    start_from_rows,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, State
from instahide.progress import tracked

ROUNDS = tuple(Round(16, error) for error in (0.5, 0.3, 0.1, 0.03, 0.01, 0.003))
LEVELS = (0.3, 0.2, 0.1, 0.05, 0.02)  # of rows that are explained, step by step
SPECTRUM_FLOOR = 0.02
LABEL_TRUST = 10.0  # how much a label's sums weigh, against a feature of an image


places_needs = rounds_needs


def places(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    observe: Observer = ignore,
) -> State:
    """Recover images and all k places of each row: a third stage for inside-dataset rows.

    Returns
    -------
    State
        Its assignment names k images for each row; where a row holds fewer that can be told,
        the rest have coefficients of zero.

    Raises
    ------
    InstaHideError
        When labels are none of k private images.
    """
    rows, parts = read_inside(problem)
    model = learn_field(problem.public)
    own = problem.rows[rows]
    some = Assignment(assignment.images[rows], assignment.coefficients[rows])
    again = partial(reassign, chooser=Places(parts))
    state = start_from_rows(model, own, some, problem.images, spread=0.0)

    def observe_all(name, state):
        observe(name, among_all(state, rows, problem.rows))

    watched = ignore if observe is ignore else observe_all
    state = run_rounds(model, own, state, ROUNDS, again, watched, spread=0.0)
    return explain_others(model, problem, state, rows, parts)


def among_all(state: State, places: np.ndarray, rows: np.ndarray) -> State:
    """Return the state of some rows among all, shape (E, d); the others hold nothing yet."""
    found = state.assignment
    images = np.full((len(rows), found.images.shape[1]), NOBODY)
    coefficients = np.zeros(images.shape, np.float32)
    level, unmasked = np.ones(len(rows), np.float32), rows.copy()
    images[places], coefficients[places] = found.images, found.coefficients
    level[places], unmasked[places] = state.level, state.rows
    return State(state.images, Assignment(images, coefficients), level, unmasked)


def explain_others(
    field: Field, problem: Problem, state: State, rows: np.ndarray, parts: Parts
) -> State:
    """Add the rows whose labels name fewer than k classes, with the images as they are.

    Rows are unmasked, explained by non-negative least squares with the images of their
    classes, and unmasked again with what explains them as their mean. The images stay: they
    are exact by then, and a row that is explained wrongly could only spoil them.

    Parameters
    ----------
    state : State
        Of some rows.
    rows : ndarray of int64, shape (R,)
        Which these are.
    parts : Parts
        What their labels say.

    Returns
    -------
    State
        Of all rows.
    """
    magnitude, label = problem.rows, problem.label
    whole = among_all(state, rows, magnitude)
    others = np.setdiff1d(np.arange(len(label)), rows)
    if not len(others):
        return whole
    pictures = state.images[:-1]
    explain = make_explainer(field, pictures, label[others], parts.roster)
    mean = np.broadcast_to(pictures.mean(axis=0), (len(others), magnitude.shape[1]))
    for level in tracked(LEVELS, "other rows", "levels"):
        levels = np.full(len(others), level, np.float32)
        unmasked = unmask(field, magnitude[others], mean, levels, cooling(16))
        weights, unmasked = explain(unmasked)
        mean = weights @ pictures
    names = np.argsort(-weights, axis=1, kind="stable")[:, : parts.classes.shape[1]]
    whole.assignment.images[others] = names
    whole.assignment.coefficients[others] = np.take_along_axis(weights, names, 1)
    whole.rows[others] = unmasked
    return replace(whole, level=measure_level(field, whole, 0.0))


def make_explainer(
    field: Field, images: np.ndarray, label: np.ndarray, roster: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a function that explains unmasked rows, and gives them their signs.

    A label is a few features more of its row, which sum like the others: an image has a one
    for its class. They have no sign to be turned, so they stand on the background's side.
    """
    gain = 1 / np.sqrt(field.spectrum + SPECTRUM_FLOOR * field.power)
    white = field.transform(images) * gain
    one_hot = np.zeros((len(images), len(roster)), np.float32)
    for number, names in enumerate(roster):
        one_hot[names[names != NOBODY], number] = 1
    trust = LABEL_TRUST * float((white**2).sum(axis=1).mean())
    gram = white @ white.T + trust * one_hot @ one_hot.T
    known = trust * label @ one_hot.T
    allowed = label @ one_hot.T > 0
    everybody = np.broadcast_to(np.arange(len(images)), allowed.shape)

    def choose(products, gram, noise, before):
        weights = solve_nonnegative(products, gram, allowed)
        return Chosen(before, weights, ((weights @ gram - 2 * products) * weights).sum(axis=1))

    def explain(rows):
        seen = Seen((field.transform(rows) * gain) @ white.T, gram, across=-known)
        found, turned = choose_signs(seen, choose, np.ones(len(rows), np.float32), everybody)
        return found.weights, np.where(turned, -rows, rows)

    return explain
