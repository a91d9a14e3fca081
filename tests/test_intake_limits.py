"""Calls in a process of their own: what they return, and how they are ended."""

import resource
import signal
import time
from pathlib import Path

import boundless
import pytest

from instahide.errors import InstaHideError
from instahide.intake.limited import FaultError, LimitError, Limits, call_limited

ENOUGH = Limits(memory=1 << 30, seconds=60)


def test_it_returns_what_the_function_returns():
    assert call_limited(boundless.double, 21, limits=ENOUGH) == 42


def test_it_raises_what_the_function_refuses():
    with pytest.raises(InstaHideError, match=r"^şu dosya$"):
        call_limited(boundless.refuse, "şu dosya", limits=ENOUGH)


def test_memory_is_limited():
    with pytest.raises(LimitError, match=r"^scoring it took more than 300 MB of memory$"):
        call_limited(boundless.fill_memory, limits=Limits(300 << 20, 60))


@pytest.mark.parametrize("function", [boundless.sleep_for_ever, boundless.reckon_for_ever])
def test_time_is_limited(function):
    with pytest.raises(LimitError, match=r"^scoring it took more than 1.5 seconds$"):
        call_limited(function, limits=Limits(1 << 30, 1.5))


def test_minutes_are_told_as_minutes():
    with pytest.raises(LimitError, match=r"took more than 2.5 minutes"):
        call_limited(boundless.kill_itself, int(signal.SIGXCPU), limits=Limits(1 << 30, 150))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_process_that_is_ended_by_a_signal_took_too_much(number):
    with pytest.raises(
        LimitError, match=f"ended by {signal.Signals(number).name}, most likely"
    ):
        call_limited(boundless.kill_itself, int(number), limits=ENOUGH)


def test_processor_time_is_limited():
    with pytest.raises(LimitError, match=r"took more than 60 seconds"):
        call_limited(boundless.kill_itself, int(signal.SIGXCPU), limits=ENOUGH)


def test_an_error_of_the_program_is_told_apart():
    with pytest.raises(FaultError, match=r"^ValueError: of the program$"):
        call_limited(boundless.fail, limits=ENOUGH)


def test_nothing_that_it_started_goes_on(tmp_path):
    place = tmp_path / "pid"
    with pytest.raises(LimitError):
        call_limited(boundless.start_another_and_sleep, str(place), limits=Limits(1 << 30, 5))
    status = Path("/proc", place.read_text(encoding="utf-8"), "stat")
    for _ in range(200):  # the system may take a moment to end it
        if not status.exists() or status.read_text(encoding="utf-8").rsplit(")")[-1][1] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("it goes on")


def test_the_limits_of_this_process_stay():
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE)
    before = [resource.getrlimit(kind) for kind in kinds]
    call_limited(boundless.double, 1, limits=ENOUGH)
    assert [resource.getrlimit(kind) for kind in kinds] == before
