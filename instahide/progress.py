"""Visible progress on standard error: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Protocol, TypeVar

from tqdm import tqdm

Thing = TypeVar("Item")

LINE_INTERVAL = 5.0  # seconds between two lines where there is no terminal
BRIEF_INTERVAL = 30.0  # the same within `briefly`

_brief: ContextVar[bool] = ContextVar("brief", default=False)


class Progress(Protocol):
    """What `progress_bar` yields."""

    def update(self, n: int = 1) -> object:
        """Say that `n` more units are done; call it from one thread at a time."""


@contextlib.contextmanager
def progress_bar(
    total: int | None, description: str, unit: str = "it", *, start: int = 0
) -> Iterator[Progress]:
    """Report the progress of a block of work on standard error.

    Parameters
    ----------
    total : int or None
        Number of units of the whole work; None where it is unknown.
    description : str
        What is being done, in a few words.
    unit : str
        Name of one unit, such as ``"photo"``; ``"B"`` (bytes) is scaled to kB, MB, GB.
    start : int
        Units that were done before this run.

    Yields
    ------
    Progress
        Its ``update(n)`` adds `n` units.
    """
    make = _bar if sys.stderr.isatty() else _Lines
    bar = make(total, description, unit, start)
    try:
        yield bar
    finally:
        bar.close()


def tracked(items: Sequence[Thing], description: str, unit: str = "it") -> Iterator[Thing]:
    """Yield items one by one, and report how many are done and how long the rest may take.

    Parameters
    ----------
    items : sequence
    description, unit : str
        See `progress_bar`.
    """
    with progress_bar(len(items), description, unit) as bar:
        for item in items:
            yield item
            bar.update()


def announce(text: str, *, detail: bool = False) -> None:
    """Print a line on standard error; a detail not within `briefly`."""
    if not (detail and _brief.get()):
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def briefly() -> Iterator[None]:
    """Show less within this block, for those who want to know how far it is and no more.

    Bars leave nothing behind on a terminal; elsewhere a line comes from those alone that take
    longer than `BRIEF_INTERVAL`, and details are not announced.
    """
    token = _brief.set(True)
    try:
        yield
    finally:
        _brief.reset(token)


class _Bar(tqdm):
    """A bar whose units stand right behind the stroke where one takes longer than a second."""

    @staticmethod
    def format_meter(*args, **kwargs) -> str:
        return tqdm.format_meter(*args, **kwargs).replace("s/ ", "s/")


def _bar(total: int | None, description: str, unit: str, start: int) -> tqdm:
    """Return a bar that redraws itself on the terminal."""
    return _Bar(
        total=total,
        desc=description,
        unit=_spaced(unit),
        unit_scale=unit == "B",
        initial=start,
        file=sys.stderr,
        dynamic_ncols=True,
        leave=not _brief.get(),
    )


def _spaced(unit: str) -> str:
    """Set words apart from the number before them; bytes take a prefix instead."""
    return unit if unit == "B" else f" {unit}"


class _Lines:
    """The same figures as plain lines, for logs: one every few seconds and one at the end."""

    def __init__(self, total: int | None, description: str, unit: str, start: int):
        self._total, self._description, self._unit = total, description, unit
        self._start = self._done = start
        self._began = self._printed = time.monotonic()
        self._brief = _brief.get()

    def update(self, n: int = 1) -> None:
        self._done += n
        interval = BRIEF_INTERVAL if self._brief else LINE_INTERVAL
        if time.monotonic() - self._printed >= interval:
            self._print()

    def close(self) -> None:
        if not self._brief:
            self._print()

    def _print(self) -> None:
        self._printed = time.monotonic()
        line = _Bar.format_meter(
            self._done,
            self._total,
            self._printed - self._began,
            ncols=0,  # figures only, no bar
            prefix=self._description,
            unit=_spaced(self._unit),
            unit_scale=self._unit == "B",
            initial=self._start,
        )
        print(line, file=sys.stderr, flush=True)
