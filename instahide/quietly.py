"""Run Snakemake, keep all that it prints in a log, and show what people wait for.

::

    python -m instahide.quietly LOG COMMAND …

What is begun, the progress of long jobs, warnings and errors are shown on standard error:
one line that changes on a terminal, a line each elsewhere. When the command fails, the end
of its log is shown.
"""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from instahide.errors import InstaHideError
from instahide.files import explained

TAIL = 30  # lines
BEGUN = re.compile(r"Job \d+: (.+)")
DONE = re.compile(r"(\d+) of (\d+) steps \(.+\) done")
TOTAL = re.compile(r"total +(\d+)")
BAR = re.compile(r"(.+: .*\[\d+:\d\d.*\])")  # a line of instahide.progress
FINISHED = re.compile(r".+: 100%.*")
TROUBLE = re.compile(r".*\b(warning|error|exception|cannot|refused)\b.*", re.IGNORECASE)


def worth_showing(lines: Iterator[str]) -> Iterator[tuple[str, bool]]:
    """Yield of Snakemake's lines what people wait for, and whether it is to stay."""
    done, total = 0, "?"
    for line in lines:
        if found := TOTAL.fullmatch(line):
            total = found[1]
        elif found := DONE.fullmatch(line):
            done, total = found.groups()
        elif found := BEGUN.fullmatch(line) or BAR.fullmatch(line):
            if not FINISHED.fullmatch(line):
                yield f"{done} of {total} steps done: {found[1]}", False
        elif TROUBLE.fullmatch(line):
            yield line, True


class Display:
    """Lines on a stream; on a terminal those that are not to stay replace each other."""

    def __init__(self, stream: TextIO):
        self._stream, self._terminal = stream, stream.isatty()

    def show(self, line: str, *, stays: bool) -> None:
        """Show a line."""
        self.clear()
        if self._terminal and not stays:
            self._write(line[: shutil.get_terminal_size().columns - 1])
        else:
            self._write(f"{line}\n")

    def clear(self) -> None:
        """Take away a line that is not to stay."""
        if self._terminal:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody looks; the work goes on
            self._stream.write(text)
            self._stream.flush()


def run(log: Path, command: Sequence[str], stream: TextIO) -> int:
    """Run a command as this module's docstring says; return its exit code.

    Raises
    ------
    InstaHideError
        When the log cannot be written, or there is no such command.
    """
    display, last = Display(stream), deque(maxlen=TAIL)
    with explained(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as file, _started(command) as process:
            for line, stays in worth_showing(_logged(process.stdout, file, last)):
                display.show(line, stays=stays)
    display.clear()
    if process.returncode:
        display.show("\n".join([*last, f"failed; all that was printed: {log}"]), stays=True)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _logged(lines: Iterable[bytes], log: BinaryIO, last: deque[str]) -> Iterator[str]:
    """Write lines to a log, remember the last ones, and yield them as text."""
    for line in lines:
        log.write(line)
        log.flush()
        last.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        yield last[-1]


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    log, *command = arguments
    try:
        return run(Path(log), command, sys.stderr)
    except InstaHideError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _started(command: Sequence[str]) -> subprocess.Popen:
    """Start a command that ends in its own time when this process is told to end."""
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise InstaHideError(f"cannot run {command[0]}: {error.strerror}") from None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
