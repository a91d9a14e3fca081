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

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.choosing import Chosen, RowsSeen, choose_signs
from instahide.attacks.unmixing.parts.field import (
    Field,
    cooling,
    learn_field,
    unmask,
    unmask_seconds,
)
from instahide.attacks.unmixing.parts.labels import Parts, read_inside
from instahide.attacks.unmixing.parts.leastsquares import solve_nonnegative
from instahide.attacks.unmixing.parts.places import Places
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.parts.rounds import (
    Fixed,
    Observer,
    Round,
    annealing_steps,
    ignore,
    measure_level,
    rounds_needs,
    rounds_seconds,
    run_rounds,
    start_from_rows,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, State, nobody
from instahide.progress import tracked

INSIDE_ROUNDS = tuple(Round(16, error) for error in (0.5, 0.3, 0.1, 0.03, 0.01, 0.003))
LEVELS = (0.3, 0.2, 0.1, 0.05, 0.02)  # of rows that are explained, step by step
SPECTRUM_FLOOR = 0.02
LABEL_TRUST = 10.0  # how much a label's sums weigh, against a feature of an image


retrieve_inside_needs = rounds_needs


def retrieve_inside_seconds(size: Size) -> float:
    """Processor seconds: of the rounds, and of rows that are explained afterwards."""
    others = unmask_seconds(size, 16 * len(LEVELS)) / 2
    return others + rounds_seconds(size, len(INSIDE_ROUNDS), annealing_steps(INSIDE_ROUNDS))


def retrieve_inside(
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
        the rest have weights of zero.

    Raises
    ------
    InstaHideError
        When labels are none of k private images.
    """
    rows, parts = read_inside(problem)
    again = partial(reassign, chooser=Places(parts))
    fixed = Fixed(learn_field(problem.public), problem.magnitudes[rows], again, spread=0.0)
    state = start_from_rows(fixed, assignment.take(rows), problem.image_count)

    def observe_all(name, state):
        observe(name, among_all(state, rows, problem.magnitudes))

    watched = ignore if observe is ignore else observe_all
    state = run_rounds(fixed, state, INSIDE_ROUNDS, watched)
    return explain_others(fixed.field, problem, state, rows, parts)


def among_all(state: State, rows: np.ndarray, magnitudes: np.ndarray) -> State:
    """Return the state of some rows among all, shape (E, d); the others hold nothing yet."""
    places = state.assignment.members.shape[1]
    level = np.ones(len(magnitudes), np.float32)
    empty = State(state.images, nobody(len(magnitudes), places), level, magnitudes)
    return empty.put(rows, state)


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
    whole = among_all(state, rows, problem.magnitudes)
    others = np.setdiff1d(np.arange(len(problem.label)), rows)
    if not len(others):
        return whole
    magnitudes, images = problem.magnitudes[others], state.images[:-1]
    explain = make_explainer(field, images, problem.label[others], parts.roster)
    mean = np.broadcast_to(images.mean(axis=0), magnitudes.shape)
    for level in tracked(LEVELS, "other rows", "levels"):
        levels = np.full(len(others), level, np.float32)
        unmasked = unmask(field, magnitudes, mean, levels, cooling(16))
        weights, unmasked = explain(unmasked)
        mean = weights @ images
    members = np.argsort(-weights, axis=1, kind="stable")[:, : parts.classes.shape[1]]
    found = Assignment(members, np.take_along_axis(weights, members, 1))
    whole = whole.put(others, State(state.images, found, levels, unmasked))
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
    for number, image_index in enumerate(roster):
        one_hot[image_index[image_index != NOBODY], number] = 1
    trust = LABEL_TRUST * float((white**2).sum(axis=1).mean())
    gram = white @ white.T + trust * one_hot @ one_hot.T
    known = trust * label @ one_hot.T
    allowed = label @ one_hot.T > 0
    everybody = np.broadcast_to(np.arange(len(images)), allowed.shape)

    def choose(products, gram, noise, before):
        weights = solve_nonnegative(products, gram, allowed)
        return Chosen(before, weights, ((weights @ gram - 2 * products) * weights).sum(axis=1))

    def explain(unmasked):
        seen = RowsSeen((field.transform(unmasked) * gain) @ white.T, gram, across=-known)
        found, turned = choose_signs(seen, choose, np.ones(len(label), np.float32), everybody)
        return found.weights, np.where(turned, -unmasked, unmasked)

    return explain
