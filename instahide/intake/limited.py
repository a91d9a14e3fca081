"""Calling a function in a process of its own, with limits on memory and time.

    python -m instahide.intake.limited MODULE:FUNCTION

reads the limits and the arguments as JSON from its standard input, and writes what the function
returned to its standard output. The parent kills it when the time is over, with all that it may
have started; and where the parent is killed, the system kills it.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from instahide.choice import load_function
from instahide.errors import InstaHideError
from instahide.memory import in_bytes

PACKAGE_PLACE = Path(__file__).parents[2]
#: One thread: what other libraries set up for more would count as memory.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
PR_SET_PDEATHSIG = 1  # of Linux's prctl
GRACE = 5  # seconds of processor time between the signal that ends a process and the last one


@dataclass(frozen=True)
class Limits:
    """What a call may take.

    Attributes
    ----------
    memory : int
        Bytes, beside the program and the modules that the function needs.
    seconds : float
        Of wall time, the start included, and of processor time.
    """

    memory: int
    seconds: float


class LimitError(InstaHideError):
    """A call took more than its limits allow."""


class FaultError(InstaHideError):
    """A call ended by an error that is not its caller's."""


def call_limited(function: Callable[..., Any], *given: Any, limits: Limits) -> Any:
    """Call a function of a module in a new process.

    Parameters
    ----------
    function : callable
        At the top of a module that can be imported.
    given
        Its arguments: plain values, as JSON has them. So is what it returns.

    Raises
    ------
    InstaHideError
        As the function raises it.
    LimitError
        When it took more memory or time than it may; says so.
    FaultError
        When it ended by another error.
    """
    target = f"{function.__module__}:{function.__qualname__}"
    asked = json.dumps({"limits": asdict(limits), "given": given})
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=_environment(),
        start_new_session=True,
    )
    try:
        answer, said = process.communicate(asked, timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        raise LimitError(f"scoring it took more than {_duration(limits.seconds)}") from None
    finally:
        _end(process)
    return _understood(process.returncode, answer, said, limits)


def _environment() -> dict[str, str]:
    """Return an environment in which the child finds the modules that are found here."""
    places = dict.fromkeys([str(PACKAGE_PLACE), *filter(None, sys.path)])
    return os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(places)}


def _end(process: subprocess.Popen) -> None:
    """Kill a process and all that it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _understood(code: int, answer: str, said: str, limits: Limits) -> Any:
    """Return what a child has answered, or raise what its end means."""
    if code == -signal.SIGXCPU:
        raise LimitError(f"scoring it took more than {_duration(limits.seconds)}")
    told = json.loads(answer) if code == 0 and answer else {"ended": code}
    if "returned" in told:
        return told["returned"]
    if "refused" in told:
        raise InstaHideError(told["refused"])
    if "memory" in told:
        raise LimitError(f"scoring it took more than {in_bytes(limits.memory)} of memory")
    if code < 0:  # libraries end so where memory is refused to them
        raise LimitError(
            f"scoring it was ended by {signal.Signals(-code).name}, most likely since it took "
            f"more than {in_bytes(limits.memory)} of memory"
        )
    last = said.strip().splitlines()[-1:] or ["nothing was said"]
    raise FaultError(last[0])


def _duration(seconds: float) -> str:
    return f"{seconds:g} seconds" if seconds < 120 else f"{seconds / 60:g} minutes"


def _answer(target: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Call the function within the limits, and return what to tell the parent."""
    function, limits = load_function(target), Limits(**asked["limits"])
    try:
        _set_limits(limits)
        return {"returned": function(*asked["given"])}
    except InstaHideError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"memory": limits.memory}


def _set_limits(limits: Limits) -> None:
    """Limit what this process takes from now on."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    memory = pages * resource.getpagesize() + limits.memory
    seconds = math.ceil(limits.seconds)
    for which, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, seconds, seconds + GRACE),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        most = resource.getrlimit(which)[1]
        bounded = [min(x, most) if most != resource.RLIM_INFINITY else x for x in (soft, hard)]
        resource.setrlimit(which, tuple(bounded))


def _end_with_parent() -> None:
    """Let the system kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _main() -> None:
    _end_with_parent()
    channel = os.dup(1)
    os.dup2(2, 1)  # what anybody prints is no answer
    answer = json.dumps(_answer(sys.argv[1], json.load(sys.stdin)))
    with open(channel, "w", encoding="utf-8") as out:
        out.write(answer)


if __name__ == "__main__":
    _main()
