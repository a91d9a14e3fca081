"""Finishing images that rows hold flipped and shifted, and handing them in as they were mixed.

`instahide.attacks.unmixing.parts.viewbands` says how they are solved for.
"""

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.canvases import views_of
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.viewbands import (
    solve_bands_in_views,
    view_band_needs,
    view_band_seconds,
)
from instahide.attacks.unmixing.parts.viewhandin import hand_in_views
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State


def local_in_views_needs(size: Size) -> float:
    """Bytes: the solution by bands."""
    return view_band_needs(size)


def local_in_views_seconds(size: Size) -> float:
    """Processor seconds: the solution by bands."""
    return view_band_seconds(size)


def local_in_views(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Solve a last time with local weights, and choose: the last stage of `augmented`.

    Returns
    -------
    Recovery
        Each row's image is handed in as it was mixed into the row, `private` as they are; what
        is not told by the rows, whether an image is flipped throughout, stays open.
    """
    views = views_of(problem)
    images = solve_bands_in_views(state, learn_field(problem.public), views)
    return hand_in_views(problem, state, views, images, rng)


def none_in_views_needs(size: Size) -> float:
    """Bytes: images under noise, then an image for each row."""
    return 12 * FLOAT * size.image_count * size.pixels + size.table


def none_in_views_seconds(size: Size) -> float:
    """Processor seconds: the quality of images, and an image for each row."""
    return 10 * TOUCH * size.pixels * (size.rows + 10 * size.image_count)


def none_in_views(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Only choose what each row hands in."""
    return hand_in_views(problem, state, views_of(problem), state.images, rng)
