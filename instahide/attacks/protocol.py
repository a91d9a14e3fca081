"""What every attack takes and gives: the released files in, a recovery out.

An attack's folder holds ``decryption.npy`` float32 (E, H, W, C), the image handed in for
each row; ``private.npy`` float32 (n, H, W, C), the recovered private set, where there is
one; and ``attack.json``: what the attacker was given, what it cost. Who runs an attack
tells both, and not the attack.
"""

import contextlib
import json
import os
import platform
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from instahide import __version__
from instahide.challenge.folder import ChallengeFolder
from instahide.errors import InstaHideError
from instahide.files import load_npy, save_json, save_npy, save_npz
from instahide.memory import check_memory

SLACK = 1e-2  # of what should be 1 at most: others round in their own way
MOST_NOISY = 1e6  # of noisy values: their squares are summed in float32


@dataclass(frozen=True)
class Released:
    """What the public sees of a challenge; nothing of its secret folder.

    Attributes
    ----------
    encryption : ndarray of float32, shape (E, H, W, C), range [-1, 1]
        Of another encoding than InstaHide what that releases, E rows.
    label : ndarray of float32, shape (E, classes)
    others : dict of ndarray
        What such an encoding releases besides, by name; E rows each.
    """

    encryption: np.ndarray
    label: np.ndarray
    others: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Knowledge:
    """What an attacker was given besides the encryptions.

    Attributes
    ----------
    labels : {"coefficients", "classes", "none"}
        Labels as released, their classes only, or none.
    images : bool
        The number of private images.
    public_distribution : bool
        Other photos of the kind that the pool was made of.
    public_pool : bool
        The pool itself.
    generator : bool
        The generator's algorithm, without its seed.
    pool_share : float
        How much of the pool, where it was given; told where it is not all.
    """

    labels: Literal["coefficients", "classes", "none"] = "coefficients"
    images: bool = True
    public_distribution: bool = False
    public_pool: bool = False
    generator: bool = False
    pool_share: float = 1.0

    def told(self) -> dict[str, Any]:
        """Return what files have of it: the share of the pool only where it is not all."""
        content = asdict(self)
        if self.pool_share == 1:
            del content["pool_share"]
        return content


@dataclass(frozen=True)
class Recovery:
    """What an attack recovered.

    Attributes
    ----------
    decryption : ndarray of float32, shape (E, H, W, C), range [-1, 1]
    private : ndarray of float32, shape (n, H, W, C), or None
    complexity : str
        In E encryptions, d pixels and so on, such as ``"O(E²d)"``.
    details : dict
        Anything else worth keeping, as JSON.
    arrays : dict of dict of ndarray
        Anything else worth keeping, as ``{name}.npz``.
    """

    decryption: np.ndarray
    private: np.ndarray | None
    complexity: str
    details: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """What the runner of an attack tells of it; the attack has no say in this.

    Attributes
    ----------
    attack : str
        Its name.
    given : Knowledge
        What the runner gave it.
    stages : list of dict
        Timings as `Stopwatch.stages` has them.
    baseline : bool
        A measure for comparison, which may have seen the truth, and no attack.
    """

    attack: str
    given: Knowledge
    stages: list[dict[str, Any]]
    baseline: bool = False


class Stopwatch:
    """Wall and CPU seconds of an attack's stages, and the process's peak memory after each.

    >>> watch = Stopwatch()
    >>> with watch.stage("similarity"):
    ...     _ = sum(range(1000))
    >>> watch.stages[0]["name"]
    'similarity'
    """

    def __init__(self):
        self.stages: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def stage(self, name: str, **about: Any) -> Iterator[None]:
        """Measure a block as the stage `name`; `about` is kept with it."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.stages.append(
            {
                "name": name,
                "wall_seconds": round(time.perf_counter() - wall, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_memory_bytes": peak_memory(),
                **about,
            }
        )


def peak_memory() -> int:
    """Return the most memory that this process has had so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def load_released(
    folder: Path | str, arrays: Sequence[str] | None = None, *, bounded: bool = True
) -> Released:
    """Read `encryption.npy` and `label.npy`, anybody's; nothing else needs to be there.

    Parameters
    ----------
    arrays : sequence of str, optional
        The names of what another encoding than InstaHide releases. It may have any form.
    bounded : bool
        Whether values of InstaHide's rows have to lie on [-1, 1]; noise on them does not.

    Raises
    ------
    InstaHideError
        When one is missing or damaged, their shapes do not fit, or their values are not
        those of encryptions and labels.
    """
    paths = ChallengeFolder(Path(folder))
    if arrays is not None:
        return _load_any(paths, arrays)
    encryption, label = (load_npy(path) for path in (paths.encryption, paths.label))
    if encryption.ndim != 4 or encryption.dtype != np.float32 or not encryption.size:
        raise InstaHideError(
            f"{paths.encryption} is {encryption.dtype} {encryption.shape}; float32 of shape "
            "(E, H, W, C) is expected"
        )
    _check_table(label, len(encryption), paths.label)
    check_memory(encryption.nbytes + label.nbytes, f"reading {paths.encryption}")
    _check_encryption(encryption, 1 + SLACK if bounded else MOST_NOISY, paths.encryption)
    _check_label(label, paths.label)
    return Released(np.asarray(encryption), np.asarray(label))


def _load_any(paths: ChallengeFolder, arrays: Sequence[str]) -> Released:
    """Read what any encoding releases."""
    found = {name: load_npy(paths.array(name)) for name in arrays}
    rows = found["encryption"].shape[:1] or (0,)
    for name, array in found.items():
        if array.dtype.kind not in "biuf" or not array.size or array.shape[:1] != rows:
            raise InstaHideError(
                f"{paths.array(name)} is {array.dtype} {array.shape}; numbers are expected, "
                "with a first axis of as many rows as encryption.npy has"
            )
    label = load_npy(paths.label)
    _check_table(label, *rows, paths.label)
    needed = sum(array.nbytes for array in (label, *found.values()))
    check_memory(needed, f"reading {paths.path}")
    _check_label(label, paths.label)
    held = {name: np.asarray(array) for name, array in found.items()}
    return Released(held.pop("encryption"), np.asarray(label), held)


def _check_table(label: np.ndarray, rows: int, path: Path) -> None:
    fits = label.ndim == 2 and len(label) == rows and label.size > 0
    if not fits or label.dtype != np.float32:
        raise InstaHideError(
            f"{path} is {label.dtype} {label.shape}; float32 of shape ({rows}, classes) is "
            "expected"
        )


def _check_encryption(encryption: np.ndarray, most: float, path: Path) -> None:
    axes = (1, 2, 3)
    largest = np.maximum(encryption.max(axis=axes), -encryption.min(axis=axes))
    wrong = np.flatnonzero(~(largest <= most))  # NaN is wrong too
    if len(wrong):
        raise InstaHideError(
            f"{path} holds {largest[wrong[0]]:.3g} in row {wrong[0]}; encryptions are mixtures "
            "of images on [-1, 1], and so are their values, unless challenge.json tells of "
            "noise"
        )


def _check_label(label: np.ndarray, path: Path) -> None:
    wrong = np.flatnonzero(~(label >= 0).all(axis=1) | ~(label.sum(axis=1) <= 1 + SLACK))
    if len(wrong):
        raise InstaHideError(
            f"row {wrong[0]} of {path} sums to {label[wrong[0]].sum():.3g}, with "
            f"{label[wrong[0]].min():.3g} as its least; labels are sums of coefficients, which "
            "are not negative and sum to 1 at most"
        )


def save_recovery(folder: Path | str, recovery: Recovery, run: Run) -> None:
    """Write an attack's folder; what shows private images can be read by its owner only.

    Raises
    ------
    InstaHideError
        When the attack's details are not JSON; nothing is written then.
    """
    folder, about = Path(folder), describe_recovery(recovery, run)
    try:
        json.dumps(about, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InstaHideError(f"what {run.attack} tells of itself is no JSON: {error}") from None
    save_npy(folder / "decryption.npy", recovery.decryption.astype(np.float32), secret=True)
    if recovery.private is not None:
        save_npy(folder / "private.npy", recovery.private.astype(np.float32), secret=True)
    for other, arrays in recovery.arrays.items():
        save_npz(folder / f"{other}.npz", arrays, secret=True)
    save_json(folder / "attack.json", about)


def describe_recovery(recovery: Recovery, run: Run) -> dict[str, Any]:
    """Return the content of `attack.json`."""
    stages = run.stages
    return {
        "attack": run.attack,
        "version": __version__,
        "given": run.given.told(),
        "baseline": run.baseline,
        "complexity": recovery.complexity,
        "wall_seconds": round(sum(stage["wall_seconds"] for stage in stages), 3),
        "cpu_seconds": round(sum(stage["cpu_seconds"] for stage in stages), 3),
        "peak_memory_bytes": max(
            peak_memory(), *(stage.get("peak_memory_bytes", 0) for stage in stages)
        ),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "stages": stages,
        "details": recovery.details,
    }
