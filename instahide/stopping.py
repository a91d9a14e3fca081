"""Ending in good order when a process is told to end: what is half written is removed."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class Stopped(SystemExit):
    """The process was told to end; its code is 128 and the signal's number."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a block like an error; a second one ends it at once.

    By default they end a process where it stands, and what it was writing stays behind. A
    signal that is ignored already, as under ``nohup``, stays so.

    Raises
    ------
    Stopped
        When a signal comes.
    """
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        yield
        return
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Stopped(128 + number)
