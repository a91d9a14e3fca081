"""What every job of the workflow has in common: its log, its threads, its errors."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from instahide.errors import InstaHideError
from instahide.stopping import Stopped, stoppable


class _Tee:
    """A text stream that writes to the terminal and to a log."""

    def __init__(self, terminal: TextIO, log: TextIO):
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        self.log.write(text)
        return self.terminal.write(text)

    def flush(self) -> None:
        self.log.flush()
        self.terminal.flush()

    def isatty(self) -> bool:
        return False  # several jobs share the terminal: lines, no bars


@contextlib.contextmanager
def job(log: str) -> Iterator[None]:
    """Run a block as a job: what it reports goes to the terminal and to its log.

    An `InstaHideError` ends the job with its sentence instead of a traceback, and so does
    a lack of memory, and a scheduler that tells the job to end.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with (
        open(log, "w", encoding="utf-8", errors="backslashreplace") as file,
        contextlib.redirect_stderr(_Tee(sys.stderr, file)),
        stoppable(),
    ):
        try:
            yield
        except InstaHideError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            sys.exit(1)
        except MemoryError:
            print("error: not enough memory; give this job more", file=sys.stderr, flush=True)
            sys.exit(1)
        except Stopped:
            print("told to end; nothing half-written was left", file=sys.stderr, flush=True)
            raise
