"""Functions that take more than they may, or end in other ways, for processes of their own."""

import os
import signal
import time

from instahide.errors import InstaHideError


def double(number):
    print("what is printed is no answer")
    return 2 * number


def fill_memory():
    held = []
    while True:
        held.append(bytearray(1 << 26))


def sleep_for_ever():
    time.sleep(10_000)


def reckon_for_ever():
    while True:
        pass


def refuse(sentence):
    raise InstaHideError(sentence)


def fail():
    raise ValueError("of the program")


def kill_itself(number):
    os.kill(os.getpid(), number)


def start_another_and_sleep(path):
    """Start a process, tell its number in a file, and never end, nor does it."""
    if child := os.fork():
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(child))
    time.sleep(10_000)


def score_slowly(file, challenge, name):
    """Say that scoring has begun, and never end."""
    with open(f"{file}.begun", "wb"):
        pass
    signal.pause()


def score_hungrily(file, challenge, name):
    fill_memory()
