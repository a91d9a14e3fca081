"""The finish with the known pool where images were flipped and shifted before they were mixed.

It is to `instahide.attacks.unmixing.viewfinish` what `instahide.attacks.knownpool.finish` is to
the finish of the plain attack: passes (`instahide.attacks.knownpool.viewpasses`) find public
images and take masks off. Where they gain no more, rows still in doubt are decoded for
themselves (`instahide.attacks.knownpool.viewdoubts`), lost images are begun anew
(`instahide.attacks.knownpool.viewrevival`), and the passes go on. All of that is on canvases a
little larger than images, until their frames are clear (`viewframes`).
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import (
    Decoding,
    Settings,
    check_settings,
    nothing_found,
)
from instahide.attacks.knownpool.dictionary import ATOM_NUMBERS, make_dictionary
from instahide.attacks.knownpool.publicsearch import SELECTED_NUMBERS
from instahide.attacks.knownpool.sharppool import HELD_BYTES
from instahide.attacks.knownpool.task import (
    Task,
    count_open,
    make_task,
    remaining_level,
    settings_for,
    take_masks_off,
    tell_decoding,
)
from instahide.attacks.knownpool.viewdoubts import decode_doubtful
from instahide.attacks.knownpool.viewframes import (
    FRAME_REACH,
    narrow_state,
    recentre,
    widen_state,
)
from instahide.attacks.knownpool.viewpasses import run_pass_in_views
from instahide.attacks.knownpool.viewrevival import revive
from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.canvases import Views, views_of
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.attacks.unmixing.parts.viewhandin import hand_in_views
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.pool.pool import MEMORY_BYTES
from instahide.progress import tracked

FIRST_PASSES, NEXT_PASSES = 5, 3  # before a rescue
SLOW = 0.8  # of the rows in doubt: a pass that leaves more of them gains little
FRAMED_PASSES = 2  # once images are in their frames


def decode_in_views_needs(size: Size) -> float:
    """Bytes: the pool, rows in nine forms, and views with their costs, or a scan of the pool.

    Rows in doubt take the pool twice sharpened, where it is held.
    """
    held = min(size.pool * size.pixels, MEMORY_BYTES)
    views = FLOAT * size.views(FRAME_REACH) * size.image_count * size.pixels
    costs = 2 * FLOAT * size.views(FRAME_REACH) * size.class_rows * size.class_images
    chunk = min(max(ATOM_NUMBERS // size.pixels, 1), size.pool)
    scan = 3 * FLOAT * chunk * (size.pixels + size.rows) + 60 * FLOAT * SELECTED_NUMBERS
    sharp = FLOAT * size.pool * size.pixels
    alone = scan + (3 * sharp if sharp <= HELD_BYTES else 0)
    return held + 9 * size.table + max(2 * views + costs, alone)


def decode_in_views_seconds(size: Size) -> float:
    """Processor seconds of eight passes of all rows: scan of the pool, views, solutions."""
    table = size.rows * size.pixels
    scan = size.pool * (1024 * PRODUCT * size.rows + 5 * TOUCH * size.pixels)
    views = 4 * PRODUCT * table * size.views(FRAME_REACH) * size.class_images
    return 8 * (scan + views + 6e-7 * table)


def decode_in_views(
    problem: Problem,
    state: State,
    rng: np.random.Generator,
    *,
    passes: int = 20,
    screen: int | None = 1024,
    shortlist: int = 16,
    threshold: float = 30.0,
) -> Recovery:
    """Decode with the pool at hand: the last stage of `augmented-pool`.

    Besides what `instahide.attacks.unmixing.viewfinish.local_in_views` hands in,
    ``decoding.npz`` is kept as by `instahide.attacks.knownpool.finish.decode_with_pool`.

    Parameters
    ----------
    state : State
        As `instahide.attacks.unmixing.viewretrieval.field_in_views` leaves it.
    passes, screen, shortlist, threshold
        See `instahide.attacks.knownpool.decoding.Settings`.

    Raises
    ------
    InstaHideError
        When the pool is not known, has another shape, or rows have no public images.
    """
    settings = settings_for(
        problem, passes=passes, screen=screen, shortlist=shortlist, threshold=threshold
    )
    views = views_of(problem)
    state, decoding, used = decode_rows_in_views(problem, state, views, settings)
    recovery = hand_in_views(problem, state, views, state.images, rng)
    told, kept = tell_decoding(problem, state, decoding, settings, used)
    return replace(
        recovery,
        complexity="O(E·d·(N + n·F))",
        details=recovery.details | told,
        arrays=recovery.arrays | {"decoding": kept},
    )


def decode_rows_in_views(
    problem: Problem, state: State, views: Views, settings: Settings
) -> tuple[State, Decoding, int]:
    """Find the public images of all rows, and with them the private ones and their views.

    Returns
    -------
    state : State
        Private images, who is in each row in which view, and levels. Its last image is the
        pool's mean.
    decoding : Decoding
        The public images of each row.
    passes : int
        How many it took.

    Raises
    ------
    InstaHideError
        When shapes do not fit, or rows have no public images.
    """
    check_settings(settings)
    dictionary = make_dictionary(problem.pool, screen=settings.screen)
    task = make_task(problem, state, dictionary, settings)
    images = np.vstack([state.images[:-1], dictionary.field.mean])
    wide = widen_state(replace(state, images=images), views)
    wide, decoding, used = run_passes_in_views(task, wide)
    state, decoding = settle_frames(task, narrow_state(wide, views), decoding)
    return state.plain(), decoding, used


def run_passes_in_views(task: Task, state: ViewedState) -> tuple[ViewedState, Decoding, int]:
    """Run passes; where they stop to gain, rescue what is in doubt, while that gains."""
    decoding = nothing_found(len(state), task.settings)
    due, rescued = FIRST_PASSES, np.inf
    for number in tracked(range(1, task.settings.passes + 1), "decoding, at most", "passes"):
        open_ = count_open(state, decoding)
        if number > 1:
            state = replace(state, unmasked=take_masks_off(task, state, decoding))
        state, decoding = run_pass_in_views(task, state, decoding)
        now = count_open(state, decoding)
        if now and (number < due or now < SLOW * open_):
            continue
        if not now or now > SLOW * rescued:
            break
        state, decoding = rescue(task, state, decoding)
        due, rescued = number + NEXT_PASSES, now
    return state, decoding, number


def rescue(task: Task, state: ViewedState, decoding: Decoding) -> tuple[ViewedState, Decoding]:
    """Correct frames, decode rows in doubt for themselves, and begin lost images anew."""
    state = measure(task, recentre(state), decoding)
    if task.settings.masked:
        state, decoding = decode_doubtful(task, state, decoding)
    return revive(task, state, decoding), decoding


def measure(task: Task, state: ViewedState, decoding: Decoding) -> ViewedState:
    """Return the state with what is left of each row as its level."""
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    return replace(state, level=remaining_level(task, state, public))


def settle_frames(
    task: Task, state: ViewedState, decoding: Decoding
) -> tuple[ViewedState, Decoding]:
    """Run passes once images are in their frames."""
    state = measure(task, state, decoding)
    for _ in range(FRAMED_PASSES):
        if count_open(state, decoding):
            state = replace(state, unmasked=take_masks_off(task, state, decoding))
            state, decoding = run_pass_in_views(task, state, decoding)
    return state, decoding
