"""Find the 32-bit seed of a 2020 challenge from its released labels alone.

The labels show the coefficients of the private images: a row whose two images differ in
class shows both, in unknown order; any other row shows their sum. The first block draws
its coefficients straight from the seed, so its first rows, ten or so, decide whether a
seed fits. All 2³² seeds are tried by compiled code (`seedkernel`, then
`seedreplay`), and every seed left is confirmed with `instahide.randomness.historical`.

Fewer rows work too. They are slower, because a row that a seed redraws can only be
judged late, and below three rows more than one seed may fit.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from instahide.attacks.prng import seedkernel, seedreplay
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.files import load_npy, save_json, sha256_of_arrays
from instahide.randomness import historical
from instahide.randomness.historical import SEEDS

C1, C2 = Scheme.c1, Scheme.c2  # bounds of the 2020 challenge
SEEDS_AT_ONCE = 2**22  # seeds between two progress reports: under a second of one core
LABEL_TOLERANCE = 1e-6  # float32 labels are off by 10⁻⁷, a wrong seed by 10⁻¹


@dataclass(frozen=True)
class Match:
    """A seed whose coefficients reproduce the labels.

    Attributes
    ----------
    seed : int
        From 0 to 2³² - 1.
    deviation : float
        Largest absolute difference between released and recomputed coefficients.
    """

    seed: int
    deviation: float


@dataclass(frozen=True)
class _Task:
    """One search: what identifies it, and what the compiled code needs."""

    shown: np.ndarray  # (m, 2) float64, see `visible_coefficients`
    images: int
    k: int
    c1: float
    c2: float
    start: int
    stop: int

    def digest(self) -> str:
        numbers = np.array([self.images, self.k, self.c1, self.c2, self.start, self.stop])
        return sha256_of_arrays({"shown": self.shown, "numbers": numbers})


def search(
    labels: np.ndarray,
    *,
    images: int,
    k: int,
    c1: float = C1,
    c2: float = C2,
    start: int = 0,
    stop: int = SEEDS,
    threads: int = 1,
    first: bool = False,
    progress: Callable[[int], object] | None = None,
    state: Path | str | None = None,
) -> list[Match]:
    """Return every seed from `start` to `stop` - 1 whose coefficients reproduce the labels.

    Parameters
    ----------
    labels : ndarray of float32, shape (rows, classes)
        The first rows of the release; rows after the first `images` are not used.
    images : int
        Number of private images, which is the number of rows of a block.
    k : int
        Images mixed in each encryption.
    c1, c2 : float
        Bounds of the coefficients, see `historical.coefficients`.
    start, stop : int
        Range of seeds, within 0 … 2³².
    threads : int
        Number of threads; the compiled code runs outside Python's lock.
    first : bool
        Stop at the first (smallest) seed that fits.
    progress : callable, optional
        Called with the number of seeds newly done (`tqdm.update` fits), first of all
        with those that an earlier run had done.
    state : path, optional
        A JSON file that is rewritten after every 2²² seeds. Where it exists, the search
        goes on where it was interrupted.

    Returns
    -------
    list of Match
        In ascending order of seed; empty when none fits.

    Raises
    ------
    InstaHideError
        For labels, bounds or a range that no search can use, or a `state` file that
        belongs to another search.
    """
    if images < 1:
        raise InstaHideError(f"images is {images}: give the number of private images")
    task = _Task(visible_coefficients(labels[:images]), images, k, c1, c2, start, stop)
    _check(task, threads)
    done, matches = _resume(state, task)
    report = progress or (lambda seeds: None)
    report(done - start)
    if first and matches:
        return matches[:1]
    chunks = ((a, min(a + SEEDS_AT_ONCE, stop)) for a in range(done, stop, SEEDS_AT_ONCE))
    for end, found in _ordered(partial(_scan, task), chunks, threads):
        matches += found
        if state is not None:
            _save(state, task, end, matches)
        report(end - done)
        done = end
        if first and matches:
            return matches[:1]
    return matches


def load_labels(path: Path | str) -> np.ndarray:
    """Read released labels, (rows, classes), without loading more than their header.

    Raises
    ------
    InstaHideError
        When the file is missing, no `.npy` file, or holds no table of floating-point
        numbers.
    """
    labels = load_npy(path)
    if labels.ndim != 2 or labels.dtype.kind != "f" or labels.dtype.itemsize < 4:
        raise InstaHideError(
            f"{path} holds {labels.dtype} of shape {labels.shape}: "
            "labels are float32 (or wider) numbers of shape (rows, classes)"
        )
    return labels


def visible_coefficients(labels: np.ndarray) -> np.ndarray:
    """Return what each row of labels shows of its two private coefficients.

    Parameters
    ----------
    labels : ndarray, shape (m, classes)
        Sums of coefficients over the private images of each class.

    Returns
    -------
    ndarray of float64, shape (m, 2)
        The larger and the smaller coefficient; where both images share a class (or are
        the same), their sum and 0.

    Raises
    ------
    InstaHideError
        When there is no row, or a row cannot be a label of two private images.
    """
    if labels.ndim != 2 or 0 in labels.shape:
        raise InstaHideError(f"labels of shape {labels.shape} hold no row to search for")
    rows = np.asarray(labels, dtype=np.float64)
    entries = np.count_nonzero(rows, axis=1)
    good = np.isfinite(rows).all(axis=1) & (rows >= 0).all(axis=1)
    good &= (entries >= 1) & (entries <= 2) & (rows.sum(axis=1) <= 1 + LABEL_TOLERANCE)
    if not good.all():
        raise InstaHideError(
            f"row {np.flatnonzero(~good)[0]} of the labels is not one of two private "
            "images: expected one or two positive entries that sum to 1 at most"
        )
    largest_two = np.sort(rows, axis=1)[:, :-3:-1]
    return np.hstack([largest_two, np.zeros((len(rows), 2 - largest_two.shape[1]))])


def deviation(
    seed: int, shown: np.ndarray, *, images: int, k: int, c1: float, c2: float
) -> float:
    """Return the largest difference between shown coefficients and those of a seed.

    Parameters
    ----------
    seed : int
    shown : ndarray of float64, shape (m, 2), m ≤ images
        See `visible_coefficients`.
    images, k, c1, c2
        See `search`.
    """
    stream = historical.stream(seed)
    drawn = historical.coefficients(stream, images, k, c1, c2)[: len(shown), :2]
    return float(differences(drawn, shown).max())


def differences(drawn: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return by how much each row of drawn coefficients differs from what is shown.

    Parameters
    ----------
    drawn : ndarray of float64, shape (m, 2)
        Coefficients of the two private images, in any order.
    shown : ndarray of float64, shape (m, 2)
        See `visible_coefficients`.

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    ordered = np.sort(drawn, axis=1)[:, ::-1]
    hidden = shown[:, 1] == 0
    ordered[hidden] = np.stack([drawn[hidden].sum(axis=1), np.zeros(hidden.sum())], axis=1)
    return np.abs(ordered - shown).max(axis=1)


def _check(task: _Task, threads: int) -> None:
    """Refuse numbers that no search can use."""
    historical.check_bounds(task.k, task.c1, task.c2)
    if not 0 <= task.start < task.stop <= SEEDS:
        raise InstaHideError(
            f"the range of seeds {task.start} … {task.stop} is empty or leaves 0 … {SEEDS}"
        )
    if threads < 1:
        raise InstaHideError(f"threads is {threads}: give 1 or more")


def _scan(task: _Task, chunk: tuple[int, int]) -> tuple[int, list[Match]]:
    """Search one range of seeds; return its end and the confirmed matches."""
    start, stop = chunk
    one_visible = task.shown[:, 1] == 0
    sums = task.shown.sum(axis=1)
    gaps = np.where(one_visible, -1.0, task.shown[:, 0] - task.shown[:, 1])
    found = np.empty(stop - start, np.uint32)
    settings = {"k": task.k, "c1": task.c1, "c2": task.c2}
    left = seedkernel.scan(start, stop - start, *settings.values(), sums, gaps, found)
    fitting = seedreplay.keep_fitting(found[:left], task.images, *settings.values(), sums, gaps)
    matches = [
        Match(seed, deviation(seed, task.shown, images=task.images, **settings))
        for seed in found[:fitting].tolist()
    ]
    return stop, [match for match in matches if match.deviation <= LABEL_TOLERANCE]


def _ordered(function: Callable, items: Iterable, threads: int) -> Iterator:
    """Yield `function(item)` in order, computed a few items ahead by threads.

    Items not yet begun are dropped when the caller stops early.
    """
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        pending = deque(pool.submit(function, item) for item in islice(items, threads + 1))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(items, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _save(path: Path | str, task: _Task, end: int, matches: list[Match]) -> None:
    """Write how far the search has come."""
    found = [asdict(match) for match in matches]
    save_json(path, {"search": task.digest(), "next": end, "matches": found}, update=True)


def _resume(path: Path | str | None, task: _Task) -> tuple[int, list[Match]]:
    """Return the first seed not yet tried and the matches below it."""
    if path is None or not Path(path).exists():
        return task.start, []
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        same = saved["search"] == task.digest()
        done = int(saved["next"])
        matches = [Match(int(m["seed"]), float(m["deviation"])) for m in saved["matches"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InstaHideError(
            f"{path} does not hold the state of a seed search: delete it to start afresh"
        ) from error
    if not (same and task.start <= done <= task.stop):
        raise InstaHideError(
            f"{path} belongs to a search for other labels, settings or seeds: "
            "delete it to start afresh, or name another state file"
        )
    return done, matches
