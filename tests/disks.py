"""A small disk in memory that can be filled and made read-only; root ignores modes."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Disk:
    """A mounted tmpfs; `path` is a folder on it."""

    path: Path

    def remount(self, options: str) -> None:
        """Change its size, or make it read-only (`ro`) or writable (`rw`)."""
        mount("-o", f"remount,{options}", str(self.path))


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Disk]:
    """Mount a tmpfs; the test is skipped where that is not permitted."""
    place.mkdir(exist_ok=True)
    try:
        mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root, and a sandbox that permits it")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
