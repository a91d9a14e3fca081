"""Verify a challenge by making it again from private set, public pool and seed.

What `gen_data.ipynb` of the 2020 challenge promised: for each file whether it is
identical, and if not, which stage differs first.
"""

import hashlib
import os
import reprlib
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.challenge.encryption import BATCH_ROWS, encode_rows
from instahide.challenge.folder import COMPANIONS, ChallengeFolder
from instahide.challenge.manifest import commit, load_manifest, make_manifest, released
from instahide.challenge.private import load_private
from instahide.challenge.sources import Sources, combine, load_pool
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan, load_plan
from instahide.errors import InstaHideError
from instahide.files import check_file, load_npy, save_text, sha256_of_file
from instahide.labelled import LabelledImages
from instahide.plainarrays import ZIP_DAMAGE
from instahide.pool.pool import Pool
from instahide.progress import progress_bar
from instahide.randomness.keystream import Key

IDENTICAL = "identical"
MOST_NAMES = 3  # of an archive's members in a message
#: What reading a damaged release raises.
RELEASE_DAMAGE = (*ZIP_DAMAGE, InstaHideError, OSError, KeyError)


@dataclass(frozen=True)
class Check:
    """One thing compared.

    Attributes
    ----------
    stage : str
        The stage that made it, as the workflow calls it.
    name : str
        File or input.
    verdict : str
        ``identical``, or what differs and by how much.
    """

    stage: str
    name: str
    verdict: str

    @property
    def passed(self) -> bool:
        """Whether it is identical."""
        return self.verdict == IDENTICAL


@dataclass(frozen=True)
class Verification:
    """All checks of a challenge, in the order of the stages."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether everything is identical."""
        return all(check.passed for check in self.checks)

    @property
    def first(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if not check.passed), None)

    def as_text(self) -> str:
        """Return a table and a sentence."""
        width = max(len(check.name) for check in self.checks)
        lines = [f"{check.name:{width}}  {check.verdict}" for check in self.checks]
        if self.first is None:
            lines.append("verified: the challenge is what these inputs make, bit for bit")
        else:
            lines.append(f"not verified: the first stage that differs is {self.first.stage!r}")
        return "\n".join(lines)


def verify(
    folder: ChallengeFolder,
    private: LabelledImages,
    pool: Pool,
    key: Key,
    chosen: EncodingChoice,
) -> Verification:
    """Make a challenge again and compare.

    Parameters
    ----------
    pool : Pool
        An empty one where no public images are mixed in.
    chosen : EncodingChoice
        What is to be verified: `instahide.encodings.catalogue.told_by` returns what a
        manifest tells.

    Raises
    ------
    InstaHideError
        When there is no manifest to compare with, or the inputs cannot make a challenge
        of its kind.
    """
    manifest = load_manifest(folder)
    checks = check_inputs(manifest, private, pool, key)
    sources = combine(private, pool, key, chosen)
    if (rows := _rows(folder.encryption)) not in (None, sources.rows):
        # Nothing of a challenge of another size can be compared.
        verdict = f"has {rows} rows, and {sources.rows} are expected"
        return Verification((*checks, Check("encrypt", "encryption.npy", verdict)))
    plan = sources.plan()
    if os.path.lexists(folder.truth):
        verdict = _try(compare_truth, folder.truth, plan)
        checks.append(Check("plan", "secret/truth.npz", verdict))
    for name in sources.encoding.arrays:
        verdict = _try(compare_encryption, folder.array(name), sources, plan, name)
        checks.append(Check("encrypt", f"{name}.npy", verdict))
    label = label_rows(plan, private)
    checks.append(Check("label", "label.npy", _try(compare_label, folder.label, label)))
    verdict = _try(compare_manifest, folder, manifest, sources)
    checks.append(Check("manifest", "challenge.json", verdict))
    if folder.release.exists():
        verdict = compare_release(folder, released(manifest))
        checks.append(Check("release", "release.zip", verdict))
    return Verification(tuple(checks))


def verify_files(
    folder: ChallengeFolder,
    private: Path | str,
    pool: Path | str | None,
    key: Key,
    chosen: EncodingChoice,
) -> Verification:
    """Verify a challenge from the files of its private set and pool."""
    images = load_private(private)
    return verify(folder, images, load_pool(pool, images), key, chosen)


def save_verification(path: Path | str, result: Verification) -> None:
    """Write a verification.

    Raises
    ------
    InstaHideError
        When something differs; says what.
    """
    if not result.passed:
        raise InstaHideError("\n" + result.as_text())
    save_text(path, result.as_text() + "\n")


def check_inputs(
    manifest: dict[str, Any], private: LabelledImages, pool: Pool, key: Key
) -> list[Check]:
    """Open the commitment with seed and private set, and compare the pool's digest."""
    published = manifest["commitment"]
    opened = commit(key, private, manifest["format_version"])
    seed = "is not the seed committed to"
    if opened["seed"] == published["seed"]:
        seed = IDENTICAL
    images = "is not the private set committed to"
    if seed != IDENTICAL:
        images = "cannot be told without the right seed"
    elif opened["private"] == published["private"]:
        images = IDENTICAL
    checks = [Check("private", "private set", images), Check("seed", "seed", seed)]
    if seed != IDENTICAL:
        checks.reverse()
    if manifest["pool"] is not None:
        expected = manifest["pool"]["sha256"]
        verdict = (
            IDENTICAL
            if pool.digest == expected
            else f"is not the pool of the challenge ({expected:.12}…)"
        )
        checks.append(Check("pool", "public pool", verdict))
    return checks


def compare_truth(path: Path, expected: Plan) -> str:
    """Compare `truth.npz`."""
    return compare_plans(load_plan(path), expected)


def compare_plans(found: Plan, expected: Plan) -> str:
    """Say whether two plans are identical, and if not what differs."""
    shapes = [
        [getattr(plan, name).shape for name in ("members", "public", "weights")]
        for plan in (found, expected)
    ]
    if shapes[0] != shapes[1]:
        return f"has arrays of the shapes {shapes[0]}, and {shapes[1]} are expected"
    for name in ("members", "public"):
        rows = (getattr(found, name) != getattr(expected, name)).any(axis=1)
        if rows.any():
            return (
                f"{name}: {rows.sum()} of {len(rows)} rows differ, the first is {rows.argmax()}"
            )
    weights = compare_arrays(found.weights, expected.weights)
    return compare_transforms(found, expected) if weights == IDENTICAL else weights


def compare_transforms(found: Plan, expected: Plan) -> str:
    """Say whether the transforms of two plans are identical, and if not what differs."""
    if found.augmentation != expected.augmentation:
        told = [
            "none" if plan.augmentation is None else str(plan.augmentation.describe())
            for plan in (found, expected)
        ]
        return f"augmentation: is {told[0]}, and {told[1]} is expected"
    if expected.transforms is None:
        return IDENTICAL
    for name, array in expected.transforms.arrays().items():
        verdict = compare_arrays(getattr(found.transforms, name), array)
        if verdict != IDENTICAL:
            return f"{name}: {verdict}"
    return IDENTICAL


def compare_arrays(found: np.ndarray, expected: np.ndarray) -> str:
    """Say whether two arrays are identical, and if not how many rows differ by how much."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return (
            f"is {found.dtype} {found.shape}, and {expected.dtype} {expected.shape} is expected"
        )
    different = found != expected  # NaN differs from everything
    rows = different.reshape(len(found), -1).any(axis=1)
    if not rows.any():
        return IDENTICAL
    return _deviation(rows, np.abs(np.subtract(found, expected, dtype=np.float64)).max())


def compare_label(path: Path, expected: np.ndarray) -> str:
    """Compare `label.npy`."""
    return compare_arrays(load_npy(path), expected)


def compare_encryption(
    path: Path, sources: Sources, plan: Plan, name: str = "encryption"
) -> str:
    """Compare an array of the encoding batch by batch with what it makes again."""
    found, row = load_npy(path), sources.encoding.arrays[name]
    dtype, shape = np.dtype(row.dtype), (len(plan), *row.shape)
    if found.shape != shape or found.dtype != dtype:
        return f"is {found.dtype} {found.shape}, and {dtype} {shape} is expected"
    different, largest = np.zeros(len(plan), dtype=bool), 0.0
    with progress_bar(len(plan), "verification", "rows") as bar:
        for start in range(0, len(plan), BATCH_ROWS):
            rows = slice(start, min(start + BATCH_ROWS, len(plan)))
            expected = encode_rows(sources, plan[rows], start, name)
            unequal = found[rows] != expected
            here = unequal.reshape(len(unequal), -1).any(axis=1)
            different[rows] = here
            if here.any():
                by = np.abs(np.subtract(found[rows], expected, dtype=np.float64))
                largest = np.fmax(largest, by.max())
            bar.update(len(expected))
    return _deviation(different, largest) if different.any() else IDENTICAL


def compare_manifest(
    folder: ChallengeFolder, manifest: dict[str, Any], sources: Sources
) -> str:
    """Compare the manifest with one made of the files at hand; versions may differ."""
    expected = make_manifest(folder, sources, manifest["format_version"])
    names = (expected.keys() | manifest.keys()) - {"versions"}
    wrong = sorted(name for name in names if manifest.get(name) != expected.get(name))
    return f"differs in {', '.join(wrong)}" if wrong else IDENTICAL


def compare_release(folder: ChallengeFolder, names: Sequence[str]) -> str:
    """Say whether the archive holds exactly the public files at hand, by their names.

    `COMPANIONS` may be in it too, as they lie in the folder.
    """
    try:
        check_file(folder.release)
        with zipfile.ZipFile(folder.release) as archive:
            more = companions_in(archive)
            missing = [name for name in more if not (folder.path / name).is_file()]
            if missing:
                return f"holds {', '.join(missing)}, with nothing beside it to compare"
            names = [*names, *more]
            if others := unexpected(archive, names):
                return f"holds {others} too"
            for name in names:
                if not _same_bytes(archive, f"challenge/{name}", folder.path / name):
                    return f"holds another {name}"
    except RELEASE_DAMAGE as error:
        return f"is damaged: {error or type(error).__name__}"
    return IDENTICAL


def companions_in(archive: zipfile.ZipFile) -> list[str]:
    """Return which of `COMPANIONS` a release holds."""
    held = set(archive.namelist())
    return [name for name in COMPANIONS if f"challenge/{name}" in held]


def unexpected(archive: zipfile.ZipFile, names: Sequence[str]) -> str:
    """Name what is in a release beside the public files, or twice; nothing where all is well.

    Names are anybody's, so they are shortened, and written without control characters.
    """
    expected = {f"challenge/{name}" for name in names}
    counts = Counter(archive.namelist())
    others = [name for name, count in counts.items() if name not in expected or count > 1]
    shown = ", ".join(reprlib.repr(name)[1:-1] for name in others[:MOST_NAMES])
    return f"{shown} and others" if len(others) > MOST_NAMES else shown


def _same_bytes(archive: zipfile.ZipFile, name: str, path: Path) -> bool:
    """Compare a member with a file; its size first, so that a bomb is not unpacked."""
    if name not in archive.namelist() or archive.getinfo(name).file_size != os.path.getsize(
        path
    ):
        return False
    with archive.open(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256_of_file(path)


def _rows(path: Path) -> int | None:
    """Return the number of rows of a `.npy` file; None where it cannot be read."""
    try:
        return len(np.atleast_1d(load_npy(path)))
    except InstaHideError:
        return None


def _deviation(rows: np.ndarray, largest: float) -> str:
    return (
        f"{rows.sum()} of {len(rows)} rows differ, the first is {rows.argmax()}; the largest "
        f"deviation is {largest:.3g}"
    )


def _try(compare, path, *arguments) -> str:
    """Turn an unreadable file into a verdict."""
    try:
        return compare(path, *arguments)
    except InstaHideError as error:
        return str(error)
