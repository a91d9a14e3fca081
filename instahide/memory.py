"""How much memory is left to this process, and refusing work that needs more.

Python hears of a lack of memory late: the kernel gives pages that it does not have, and then
kills. So work that may need much says beforehand how much.
"""

import contextlib
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

from instahide.errors import InstaHideError

#: Environment variable that says how much may be used, such as ``8G``.
OVERRIDE = "INSTAHIDE_MEMORY"
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
CGROUPS = Path("/sys/fs/cgroup")


def check_memory(needed: float, what: str, available: int | None = None) -> None:
    """Refuse work that needs more memory than there is.

    Parameters
    ----------
    needed : float
        Bytes.
    what : str
        What needs them, as the beginning of a sentence.
    available : int, optional
        Bytes; `available_memory` by default.

    Raises
    ------
    InstaHideError
        Says both numbers.
    """
    available = available_memory() if available is None else available
    if needed > available:
        raise InstaHideError(
            f"{what} needs about {in_bytes(needed)} of memory at once, and "
            f"{in_bytes(available)} are available. If you know better, set {OVERRIDE}, such as "
            f"{OVERRIDE}=16G"
        )


def available_memory() -> int:
    """Return how many bytes this process may still take.

    What `OVERRIDE` says or, without it, the least of: the machine's available memory, what is
    left of the limits of its control groups, of SLURM's allocation and of `ulimit -v`.

    Raises
    ------
    InstaHideError
        When `OVERRIDE` is no size.
    """
    if os.environ.get(OVERRIDE):
        return parse_size(os.environ[OVERRIDE])
    return max(0, min(_limits(), default=2**63))


@contextlib.contextmanager
def limited_to(size: str | None) -> Iterator[None]:
    """Set `OVERRIDE` within a block; None leaves it as it is.

    Raises
    ------
    InstaHideError
        When it is no size.
    """
    before = os.environ.get(OVERRIDE)
    if size is not None:
        parse_size(size)
        os.environ[OVERRIDE] = size
    try:
        yield
    finally:
        if size is not None:
            os.environ.pop(OVERRIDE)
            os.environ.update({OVERRIDE: before} if before else {})


def parse_size(text: str) -> int:
    """Read a size in bytes, such as ``500M``, ``8G`` or ``1.5GB``; a K is 1,024 bytes.

    Raises
    ------
    InstaHideError
        When it is none.
    """
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMGT]?)(?:i?B)?", text.strip())
    if not found:
        raise InstaHideError(f"{text!r} is no size of memory: write it like 500M or 8G")
    return int(float(found[1]) * UNITS[found[2]])


def in_bytes(size: float) -> str:
    """Return a number of bytes as people read it.

    >>> in_bytes(3 * 2**29)
    '1.5 GB'
    """
    if size >= 2**30:
        return f"{size / 2**30:,.1f} GB"
    return f"{max(1, round(size / 2**20))} MB"


def _limits() -> Iterator[int]:
    """Yield what is left of every limit that is known."""
    if available := _field("/proc/meminfo", "MemAvailable"):
        yield available
    yield from _left_of_groups()
    slurm = _slurm_limit()
    if slurm:
        yield slurm - (_field("/proc/self/status", "VmRSS") or 0)
    addresses = resource.getrlimit(resource.RLIMIT_AS)[0]
    if addresses != resource.RLIM_INFINITY:
        yield addresses - (_field("/proc/self/status", "VmSize") or 0)


def _field(path: str, name: str) -> int | None:
    """Return a field in kB of a file of the kernel's, in bytes."""
    try:
        found = re.search(
            rf"^{name}:\s+(\d+) kB$", Path(path).read_text(encoding="utf-8"), re.MULTILINE
        )
    except OSError:
        return None
    return 1024 * int(found[1]) if found else None


def _slurm_limit() -> int | None:
    """Return what SLURM gave this job on its node, in bytes."""
    names = ("MEM_PER_NODE", "MEM_PER_CPU", "CPUS_ON_NODE")
    given = (os.environ.get(f"SLURM_{name}", "") for name in names)
    node, each, processors = (int(text) if text.isdecimal() else 0 for text in given)
    return (node or each * max(processors, 1)) * 2**20 or None  # 0 stands for all there is


def _left_of_groups() -> Iterator[int]:
    """Yield what is left of the memory limits of this process's control groups."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2, all controllers in one tree
            yield from _left_of(CGROUPS, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            yield from _left_of(
                CGROUPS / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes",
                "total_inactive_file",
            )  # fmt: skip


def _left_of(root: Path, path: str, limit: str, used: str, cached: str) -> Iterator[int]:
    """Yield what is left of the limits of a group and of those above it.

    Cached files count as used, and are given up on demand.
    """
    group = root / path.strip("/")
    for folder in (group, *group.parents):
        if folder != root and root not in folder.parents:
            return
        try:
            most, now = (
                int((folder / name).read_text(encoding="utf-8")) for name in (limit, used)
            )
            found = re.search(
                rf"^{cached} (\d+)$",
                (folder / "memory.stat").read_text(encoding="utf-8"),
                re.MULTILINE,
            )
        except (OSError, ValueError):  # no limit: there is no file, or it says "max"
            continue
        yield most - now + (int(found[1]) if found else 0)
