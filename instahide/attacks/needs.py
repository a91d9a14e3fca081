"""What a step needs of memory and time, said before it runs.

Beside the function of a step stands another, of the same name and `_needs`, that tells from
the problem's size how many bytes it takes at its peak, its inputs not counted. The numbers
count the large arrays, and were compared with measurements. A third, `_seconds`, tells about
how many seconds of a processor it takes, right within a factor of two or three on a processor
of 2026.

Standard library and NumPy only, for every step imports it.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from instahide.choice import Choice, load_function
from instahide.memory import available_memory, check_memory, in_bytes

FLOAT = 4  # bytes of a float32
#: Seconds of a processor for a multiplication and an addition in a large product of matrices;
#: and for touching a number once where arrays are larger than its cache.
PRODUCT, TOUCH = 2.5e-11, 4e-9
MINUTE = 60
TURNED_REACH = 4  # pixels: of images that are turned or grown, only so near views are known


@dataclass(frozen=True)
class Size:
    """How large a problem is.

    Attributes
    ----------
    rows : int
        E, encryptions.
    pixels : int
        d, pixels and channels of a row.
    image_count : int
        n, private images.
    class_images : int
        Private images of the largest class.
    class_rows : int
        Rows that hold the most frequent class.
    public : int
        N, photos of the attacker's.
    pool : int
        Members of the pool, where it is known.
    reach : int
        Most pixels by which rows may hold an image shifted, see `reach_told`.
    flip : bool
        Whether they may hold it flipped.
    """

    rows: int
    pixels: int
    image_count: int
    class_images: int
    class_rows: int
    public: int = 0
    pool: int = 0
    reach: int = 0
    flip: bool = False

    @property
    def table(self) -> int:
        """Bytes of a float32 array with all rows, (E, d)."""
        return FLOAT * self.rows * self.pixels

    def views(self, further: int = 0) -> int:
        """Return in how many views a row may hold an image, looking so many pixels further.

        >>> Size(1, 1, 1, 1, 1, reach=4, flip=True).views()
        162
        """
        side = 2 * (self.reach + further * bool(self.reach)) + 1
        return (1 + self.flip) * side**2


def reach_told(augmentation: Any) -> int:
    """Return by how many pixels rows may hold an image shifted; 0 without augmentation.

    ASSUME: where images are also turned, moved further or grown, they are looked for in views
    of up to four pixels' shift only; there are too many others to try them all.
    """
    if augmentation is None:
        return 0
    return max(augmentation.crop_padding, TURNED_REACH if augmentation.affine else 0)


def size_of(view: Any) -> Size:
    """Return the size of what a step sees, such as `instahide.attacks.seen.Seen`."""
    told = getattr(view, "augmentation", None)
    (rows, pixels), holds = view.table_shape, (view.label > 0).sum(axis=0)
    share = holds.max() / max(holds.sum(), 1)
    return Size(
        rows=rows,
        pixels=pixels,
        image_count=view.image_count,
        class_images=int(np.ceil(view.image_count * share)),
        class_rows=int(holds.max()),
        public=len(view.public),
        pool=len(view.pool) if view.pool is not None else 0,
        reach=reach_told(told),
        flip=told is not None and told.flip,
    )


def memory_of(choice: Choice, size: Size) -> float | None:
    """Return the bytes that a step needs for a problem of this size.

    None where its module does not say.
    """
    return _estimate(choice, size, "needs")


def seconds_of(choice: Choice, size: Size) -> float | None:
    """Return about how many processor seconds a step takes for a problem of this size.

    None where its module does not say.
    """
    return _estimate(choice, size, "seconds")


def _estimate(choice: Choice, size: Size, what: str) -> float | None:
    load_function(choice.target)
    module, _, name = choice.target.partition(":")
    estimate = getattr(sys.modules[module], f"{name}_{what}", None)
    return None if estimate is None else estimate(size)


def check_needs(choices: Iterable[Choice], size: Size, available: int | None = None) -> str:
    """Refuse steps that need more memory than there is; say what the others need, and how long.

    Functions of one's own that do not say what they need are left out.

    Parameters
    ----------
    choices : iterable of instahide.choice.Choice
    size : Size
    available : int, optional
        Bytes; what this process may still take by default.

    Returns
    -------
    str
        One line.

    Raises
    ------
    InstaHideError
        Names the first step that needs too much, and both numbers.
    """
    available = available_memory() if available is None else available
    parts, choices = [], list(choices)
    for choice in choices:
        needed = memory_of(choice, size)
        if needed is None:
            continue
        what = (
            f"{choice.kind} {choice.text!r} on {size.rows} rows of {size.pixels} pixels and "
            "channels"
        )
        check_memory(needed, what, available)
        parts.append(f"{choice.kind} {in_bytes(needed)}")
    memory = f"memory: {', '.join(parts) or 'unknown'}; {in_bytes(available)} are available"
    return f"{memory}; {_tell_time(choices, size)}"


def _tell_time(choices: Sequence[Choice], size: Size) -> str:
    """Say how long steps take, as far as they tell."""
    told = {choice.kind: seconds_of(choice, size) for choice in choices}
    known = {kind: seconds for kind, seconds in told.items() if seconds is not None}
    if not known:
        return "time: unknown"
    each = ", ".join(f"{kind} {in_time(seconds)}" for kind, seconds in known.items())
    if len(known) == 1:
        return f"processor time: about {in_time(sum(known.values()))}"
    return f"processor time: about {in_time(sum(known.values()))} ({each})"


def in_time(seconds: float) -> str:
    """Return a rough time as people read it.

    >>> in_time(20), in_time(1000)
    ('20 s', '17 min')
    """
    if seconds < 2 * MINUTE:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / MINUTE)
    return f"{minutes} min" if minutes < 2 * MINUTE else f"{round(minutes / MINUTE)} h"
