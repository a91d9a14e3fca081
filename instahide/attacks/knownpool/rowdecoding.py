"""Decoding rows one by one, with the pool and nothing else: see docs/pool.md.

A row is unmasked for itself, its public images are searched for in what comes out, and what is
found sharpens the signs for the next pass:

1. *Early passes*: few signs are right, so fine detail is not trusted.
2. *Late passes*: colder and local (`instahide.attacks.knownpool.rowmasks`), with steep
   sharpening, which finds coefficients of .02.
3. *Restarts*: rows with few sure images start again, from hotter or colder annealing; of all
   ends of a row the least rough is kept.
4. *Last passes*: several annealings of each row, put together region by region, and a choice
   of all k - 2 images.

Rows know nothing of each other, so cost is linear in their number, and any part of them can be
decoded anywhere.
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.knownpool.decoding import SURE, Decoding
from instahide.attacks.knownpool.dictionary import Dictionary, make_dictionary
from instahide.attacks.knownpool.rowmasks import merge_regions, roughness, unmask_locally
from instahide.attacks.knownpool.rowsearch import Search, find_in_rows
from instahide.attacks.knownpool.selection import NONE
from instahide.attacks.knownpool.sharpening import flat, steep
from instahide.attacks.knownpool.sharppool import SharpPool, sharpen_pool
from instahide.attacks.unmixing.parts.field import Field, cooling, unmask
from instahide.attacks.unmixing.state import replace_rows
from instahide.pool.pool import Pool

LEAST_LEFT = 0.03  # the private images' share is never less
FIRST_STEPS = 80
EARLY, LATE = cooling(20, (50, 0.03), (4, 0.1)), cooling(40, (20, 0.002), (4, 0.02))
ANNEALINGS = (
    cooling(60, (10, 0.001), (4, 0.01)),
    cooling(60, (50, 0.001), (4, 0.01)),
    cooling(60, (5, 0.0003), (4, 0.003)),
)
EARLY_PASSES, LATE_PASSES, LAST_PASSES = 3, 5, 2
EARLY_THRESHOLD, LATE_THRESHOLD, LAST_THRESHOLD = 20.0, 12.0, 6.0


@dataclass(frozen=True)
class Start:
    """How the first annealing of a row goes, see `cooling`.

    Attributes
    ----------
    level : float
        Of a row of which nothing is known; it scales the heat.
    smooth, heat : tuple of float
        From where to where.
    """

    level: float
    smooth: tuple[float, float]
    heat: tuple[float, float]


#: The first of all rows, and those of restarts.
STARTS = (
    Start(0.3, (50, 0.03), (8, 0.1)),
    Start(0.15, (50, 0.03), (4, 0.02)),
    Start(0.15, (500, 0.03), (4, 0.02)),
    Start(0.15, (10, 0.03), (2, 0.1)),
)


@dataclass(frozen=True)
class RowTask:
    """What stays through all passes of some rows.

    Attributes
    ----------
    magnitudes : ndarray of float32, shape (E, d)
    early, late : SharpPool
        The pool, sharpened for signs as they are early, and late.
    slots : int
        Public images of a row.
    """

    magnitudes: np.ndarray
    early: SharpPool
    late: SharpPool
    slots: int

    @property
    def dictionary(self) -> Dictionary:
        """The pool as it is."""
        return self.late.dictionary

    @property
    def field(self) -> Field:
        """Of the pool."""
        return self.late.dictionary.field

    def take(self, rows: np.ndarray) -> "RowTask":
        """Return the task of some rows."""
        return replace(self, magnitudes=self.magnitudes[rows])

    def mean(self, decoding: Decoding) -> np.ndarray:
        """Return what is expected of rows, (E, d); the pool's mean stands for the rest."""
        public = self.dictionary.mix(decoding.public, decoding.coefficients)
        return public + self.field.mean


@dataclass(frozen=True)
class Decoded:
    """Rows as far as they are decoded.

    Attributes
    ----------
    signed : ndarray of float32, shape (E, d)
        The rows with the signs that their masks took.
    decoding : Decoding
        Their public images.
    """

    signed: np.ndarray
    decoding: Decoding

    def take(self, rows: np.ndarray) -> "Decoded":
        """Return some rows."""
        return Decoded(self.signed[rows], self.decoding.take(rows))

    def put(self, rows: np.ndarray, new: "Decoded") -> "Decoded":
        """Return all rows, some of them replaced."""
        signed = replace_rows(self.signed, rows, new.signed)
        return Decoded(signed, self.decoding.put(rows, new.decoding))


def make_row_task(magnitudes: np.ndarray, pool: Pool, slots: int) -> RowTask:
    """Learn the field of a pool, and sharpen it for the early and the late passes."""
    dictionary = make_dictionary(pool)
    early, late = (sharpen_pool(dictionary, make(dictionary.field)) for make in (flat, steep))
    return RowTask(magnitudes, early, late, slots)


def decode_single_rows(task: RowTask, starts: int = len(STARTS)) -> Decoded:
    """Decode rows, each for itself.

    Parameters
    ----------
    task : RowTask
    starts : int, range 1 … 4
        How often a doubtful row is begun at the most.
    """
    best = decode_once(task, STARTS[0])
    for start in STARTS[1:starts]:
        rows = np.flatnonzero(is_doubtful(best.decoding))
        if len(rows):
            some, before = task.take(rows), best.take(rows)
            again = decode_once(some, start)
            better = rows_roughness(some, again) < rows_roughness(some, before)
            best = best.put(rows[better], again.take(np.flatnonzero(better)))
    return polish(task, best)


def decode_once(task: RowTask, start: Start) -> Decoded:
    """Decode rows from the beginning to the end of the late passes."""
    decoded = run_early(task, start)
    late = Search(task.late, task.slots, threshold=LATE_THRESHOLD)
    open_ = np.arange(len(task.magnitudes))
    for _ in range(LATE_PASSES):
        some, before = task.take(open_), decoded.take(open_)
        estimate = unmask_locally(*_known(some, before), LATE)
        signed = np.copysign(some.magnitudes, estimate)
        after = Decoded(signed, search_again(late, estimate, before.decoding))
        decoded = decoded.put(open_, after)
        open_ = open_[has_moved(before.decoding, after.decoding)]
        if not len(open_):
            break
    return decoded


def run_early(task: RowTask, start: Start) -> Decoded:
    """Unmask rows with nothing known, and run the passes that do not trust fine detail."""
    field, count = task.field, len(task.magnitudes)
    search = Search(task.early, task.slots, threshold=EARLY_THRESHOLD)
    mean = np.broadcast_to(field.mean, task.magnitudes.shape)
    level = np.full(count, start.level, np.float32)
    schedule = cooling(FIRST_STEPS, start.smooth, start.heat)
    estimate = unmask(field, task.magnitudes, mean, level, schedule)
    decoding, turned = find_in_rows(
        search, estimate - field.mean, nothing(count, task.slots), either_sign=True
    )
    estimate[turned] *= -1
    decoded = Decoded(np.copysign(task.magnitudes, estimate), decoding)
    for _ in range(EARLY_PASSES):
        estimate = unmask(*_known(task, decoded), EARLY)
        decoding = search_again(search, estimate, decoded.decoding)
        decoded = Decoded(np.copysign(task.magnitudes, estimate), decoding)
    return decoded


def polish(task: RowTask, decoded: Decoded) -> Decoded:
    """Put several annealings of each row together, and choose all its images once more."""
    sharpener = task.late.sharpener
    search = Search(task.late, task.slots, threshold=LAST_THRESHOLD)
    for _ in range(LAST_PASSES):
        field, magnitudes, mean, level = _known(task, decoded)
        signed = decoded.signed
        for schedule in ANNEALINGS:
            other = unmask_locally(field, magnitudes, mean, level, schedule)
            signed = merge_regions(sharpener, signed, np.copysign(magnitudes, other), mean)
        decoded = Decoded(signed, search_again(search, signed, decoded.decoding))
    return decoded


def search_again(search: Search, estimate: np.ndarray, former: Decoding) -> Decoding:
    """Search for the public images of rows whose sign as a whole is settled."""
    return find_in_rows(search, estimate - search.pool.dictionary.field.mean, former)[0]


def rows_roughness(task: RowTask, decoded: Decoded) -> np.ndarray:
    """Return how rough what is left of each row is, shape (E,); less is likelier."""
    left = decoded.signed - task.mean(decoded.decoding)
    return roughness(task.late.sharpener, left).sum(axis=1)


def is_doubtful(decoding: Decoding) -> np.ndarray:
    """Tell which rows have fewer sure images than all but one, (E,) bool."""
    sure = (decoding.confidence > SURE).sum(axis=1)
    return sure < max(1, decoding.public.shape[1] - 1)


def has_moved(before: Decoding, after: Decoding) -> np.ndarray:
    """Tell which rows have other public images than before, (E,) bool."""
    old, new = (np.sort(decoding.public, axis=1) for decoding in (before, after))
    return (old != new).any(axis=1)


def nothing(rows: int, slots: int) -> Decoding:
    """Return the decoding that finds nothing."""
    zeros = np.zeros((rows, slots), np.float32)
    return Decoding(np.full((rows, slots), NONE), zeros, zeros)


def _known(task: RowTask, decoded: Decoded) -> tuple[Field, np.ndarray, np.ndarray, np.ndarray]:
    """Return field, magnitudes, mean and level of rows, as unmasking takes them."""
    mean = task.mean(decoded.decoding)
    power = ((decoded.signed - mean) ** 2).mean(axis=1) / np.float32(task.field.power)
    level = np.maximum(power, LEAST_LEFT)
    return task.field, task.magnitudes, mean, level
