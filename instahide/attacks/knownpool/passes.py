"""One pass of decoding with the pool at hand: public images first, then the private ones.

A pass starts from rows without masks, private images and pairs as they are known, and

1. scans the pool for the images that fit what is left of a row, and chooses at most K = k − 2
   of them with non-negative coefficients (`publicsearch`);
2. solves for the private images by least squares, rows weighted by the inverse of what is
   left of them after private and public parts;
3. mends single pixels (`spots`), chooses pairs and splits anew, and rounds an image to 8 bits
   as soon as it lies that close to them.

Before the next pass the masks are taken off again (`task.take_masks_off`), with private and
public part as the mean: what is found sharpens the signs, so that the next pass finds more.

Nothing in a challenge is noise but the last bit of float32. Once the large public images are
found everywhere, the private images follow to three digits; then the small public ones, and
a few passes later all of it is exact.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding
from instahide.attacks.knownpool.publicsearch import find_public
from instahide.attacks.knownpool.spots import mend_spots
from instahide.attacks.knownpool.task import Task, remaining_level
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE, solve_images
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.state import State
from instahide.images import to_bytes, to_unit_range

NEAR_BYTES = 0.05  # mean distance from 8-bit values; 0.25 where there is no relation


def run_pass(task: Task, state: State, decoding: Decoding) -> tuple[State, Decoding]:
    """Find public images, then the private ones.

    Returns
    -------
    State, Decoding
    """
    decoding = find_public(task, state, decoding)
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    state = replace(state, unmasked=state.unmasked - public)
    state = fit_private(replace(state, level=remaining_level(task, state)))
    if task.settings.masked:
        state = mend_spots(state, public, task.magnitudes)
    pairs = KnownPairs(task.parts)
    state = reassign(task.dictionary.field, state, state.level, pairs, signed=True)
    state = fit_private(state)
    return replace(state, unmasked=state.unmasked + public), decoding


def fit_private(state: State) -> State:
    """Solve for the private images; the public mean at the end stays.

    Private images lie in [-1, 1].
    ASSUME: they were stored with 8 bits, as photos are: an image that comes close to such
    values everywhere is rounded to them, which makes it exact.
    """
    design, mean = state.mixtures.design, state.images[-1]
    rows = state.unmasked - design[:, [-1]].toarray() * mean
    ridge = np.full(state.image_count, IMAGE_RIDGE)
    images = solve_images(design[:, :-1], rows, 1 / state.level, ridge, mean)
    images = np.clip(images, -1, 1)
    rounded = to_unit_range(to_bytes(images))
    near = 127.5 * np.abs(images - rounded).mean(axis=1, keepdims=True) < NEAR_BYTES
    return replace(state, images=np.vstack([np.where(near, rounded, images), mean]))
