"""The finishes of the attack of 2020: images scaled to the whole range, and their colours.

Version 2 stops at the scaling. Version 1 also corrects colours, pixel by pixel, by a network
with ten hidden units. Its weights were published, but not how they were found; here it learns
from the attacker's own photos, which stand for private images in rows made like those of the
challenge, and are recovered from them in the same way. It does more than it seems:
from zeros the retrieval leaves about -|a| of an image a, folded, and the three colours of a
pixel together tell much of what was lost.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.neural.colours import learn_colours
from instahide.attacks.neural.descent import fill_range
from instahide.attacks.neural.recovering import descend_from_start
from instahide.attacks.neural.rows import draw_accepted
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.squares import mix_public
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, State, mix
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch

COLOUR_STEPS = 1000  # of the descent on made rows, as of the retrieval


def scaled_needs(size: Size) -> float:
    """Bytes: some forms of images, and one for each row."""
    return size.table + 4 * FLOAT * size.image_count * size.pixels


def scaled_seconds(size: Size) -> float:
    """Processor seconds: an image for each row."""
    return 2 * TOUCH * size.rows * size.pixels


def scaled(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Scale each image to [-1, 1], and hand in the one with the larger coefficient.

    Parameters
    ----------
    problem : Problem
    state : State
    rng : numpy.random.Generator
        Nothing is drawn.
    """
    return hand_in_larger(problem, state.assignment, fill_range(state.images[:-1]))


def coloured_needs(size: Size) -> float:
    """Bytes: rows that are made, in parts; images."""
    return 5 * size.table + 8 * FLOAT * size.image_count * size.pixels


def coloured_seconds(size: Size) -> float:
    """Processor seconds: another descent, and a small network."""
    return COLOUR_STEPS * TOUCH / 2 * size.rows * size.pixels + 20


def coloured(
    problem: Problem,
    state: State,
    rng: np.random.Generator,
    *,
    steps: int = COLOUR_STEPS,
    start: Literal["zeros", "rows"] = "zeros",
) -> Recovery:
    """Scale each image, correct its colours, and hand in: the finish of version 1.

    Parameters
    ----------
    problem : Problem
    state : State
    rng : numpy.random.Generator
    steps, start
        Of the descent on made rows; give what the retrieval was given.

    Returns
    -------
    Recovery
        The details tell the mean squared error of recovered photos before and after.

    Raises
    ------
    InstaHideError
        When PyTorch is missing, or there are fewer photos than private images.
    """
    import_torch("the finish scaled does without")
    if len(problem.public) < problem.image_count:
        raise InstaHideError(
            f"{len(problem.public)} photos cannot stand for {problem.image_count} images"
        )
    chosen = rng.choice(len(problem.public), problem.image_count, replace=False)
    photos = problem.public[chosen].reshape(problem.image_count, -1)
    made = replace(problem, magnitudes=make_rows(problem, state.assignment, photos, rng))
    field = learn_field(problem.public)
    found = descend_from_start(made, field, state.assignment, rng, steps=steps, start=start)
    colours = learn_colours(fill_range(found), photos, problem.shape[2], rng)
    images = colours(fill_range(state.images[:-1]))
    recovery = hand_in_larger(problem, state.assignment, images)
    told = {"photos_before": round(colours.before, 4), "photos_after": round(colours.after, 4)}
    return replace(recovery, details=told)


def make_rows(
    problem: Problem, assignment: Assignment, photos: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return magnitudes of photos mixed as private images are, float32 (E, d).

    Parameters
    ----------
    photos : ndarray of float32, shape (n, d)
    """
    design = mix(assignment.members, assignment.weights, len(photos))
    public = draw_accepted(problem.scheme, rng, len(design))[:, 2:]
    rest = 1 - design.sum(axis=1, keepdims=True)
    public *= rest / public.sum(axis=1, keepdims=True)
    mixtures = mix_public(problem.public, public, rng)
    mixtures += design @ photos
    return np.abs(mixtures, out=mixtures)


def hand_in_larger(problem: Problem, assignment: Assignment, images: np.ndarray) -> Recovery:
    """Hand in the image of each row's larger coefficient; where none is known, their mean.

    Parameters
    ----------
    images : ndarray of float32, shape (n, d)
    """
    images = np.clip(images, -1, 1)
    first, second = assignment.members.T
    chosen = np.where(first == NOBODY, second, first)
    # Number -1, NOBODY, is the last one.
    handed = np.vstack([images, images.mean(axis=0)])[chosen]
    return Recovery(
        decryption=handed.reshape(-1, *problem.shape),
        private=images.reshape(-1, *problem.shape),
        complexity="O(E²·d)",
        arrays={"assignment": vars(assignment)},
    )
