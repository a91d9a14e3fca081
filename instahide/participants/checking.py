"""`instahide check-submission`: what is understood of a submission, without any truth."""

import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from instahide.errors import InstaHideError
from instahide.intake.metadata import MOST_METADATA, parse_metadata
from instahide.names import checked_name, shown
from instahide.participants.forms import FORMS, METADATA_FILE
from instahide.participants.releasefile import decryption_shape, read_release
from instahide.participants.words import shape_in_words, size_in_words
from instahide.plainarrays import ZIP_DAMAGE, NpyHeader, read_npy_header
from instahide.scoring.metrics import check_range
from instahide.scoring.submission import Submission, read_submission

ARRAYS = {name for form in FORMS for name in form.files}
ALL_EQUAL = "all rows hold the same image, as in the sample submission: is that meant?"


@dataclass(frozen=True)
class Understood:
    """What a submission holds.

    Attributes
    ----------
    arrays : dict of str to NpyHeader
        What its arrays claim, by name, and hold.
    range : tuple of float
        Smallest and largest value of the decryption.
    size : int
        Bytes of the file.
    told : dict or None
        What `submission.yaml` tells; None where there is none.
    notes : tuple of str
        What may not be meant.
    """

    name: str
    arrays: dict[str, NpyHeader]
    range: tuple[float, float]
    size: int
    told: dict[str, Any] | None
    notes: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether it can be handed in as it is."""
        return self.told is not None

    def as_text(self) -> str:
        """Return a line for each thing, and a sentence."""
        lines = [
            f"{name}: {np.dtype(header.descr).name}, {shape_in_words(header.shape)}"
            for name, header in self.arrays.items()
        ]
        lines.append(f"values: {self.range[0]:g} to {self.range[1]:g}")
        lines.append(f"size: {size_in_words(self.size)}")
        for key, value in (self.told or {}).items():
            lines.append(f"{key}: {_in_one_line(value)}")
        lines += [f"note: {note}" for note in self.notes]
        verdict = "can be handed in as it is. What it recovers, only the truth can tell"
        if not self.ready:
            verdict = (
                "can be scored, but does not say whose it is: zip it with a "
                f"{METADATA_FILE} that tells at least team and attack"
            )
        return "\n".join([*lines, f"{self.name} {verdict}."])


def check_submission(path: Path | str, release: Path | str) -> Understood:
    """Read a submission as whoever scores it will, and say what was understood.

    Parameters
    ----------
    path : path
        A zip or a `.npy` file, which may be anybody's.
    release : path
        See `instahide.participants.releasefile.read_release`.

    Raises
    ------
    InstaHideError
        When it would be refused; says why, in one sentence.
    """
    path = Path(path)
    submission = read_submission(path, shape=decryption_shape(read_release(release)))
    decryption = submission.decryption
    check_range(decryption, name=shown(path))
    equal = len(decryption) > 1 and bool((decryption == decryption[0]).all())
    return Understood(
        shown(path.name),
        _headers(path, submission),
        (float(decryption.min()), float(decryption.max())),
        path.stat().st_size,
        _told(path, submission),
        (ALL_EQUAL,) if equal else (),
    )


def _headers(path: Path, submission: Submission) -> dict[str, NpyHeader]:
    """Return what the arrays of a file that has been read claim to be."""
    if not submission.members:
        with open(path, "rb") as file:
            return {shown(path.name): read_npy_header(file, shown(path))}
    found = {}
    with zipfile.ZipFile(path) as archive:  # `read_submission` has looked at all of it
        for member in submission.members:
            if (name := PurePosixPath(member).name) in ARRAYS:
                with archive.open(_entry(archive, member, path)) as file:
                    found[name] = read_npy_header(file, f"{name} in {shown(path)}")
    return found


def _told(path: Path, submission: Submission) -> dict[str, Any] | None:
    """Return what the metadata of a file that has been read tell; None where it has none."""
    members = [PurePosixPath(member) for member in submission.members]
    places = {member.parent for member in members if member.name in ARRAYS}
    named = [member for member in members if member.name == METADATA_FILE]
    found = [str(member) for member in named if member.parent in places]
    if named and not found:
        raise InstaHideError(
            f"{shown(path)} has {shown(named[0])}, but not beside the array; put both into one "
            "folder of the zip"
        )
    if not found:
        return None
    name = f"{METADATA_FILE} in {shown(path)}"
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _entry(archive, found[0], path)
            with archive.open(entry) as file:
                content = file.read(MOST_METADATA + 1)
    except ZIP_DAMAGE as error:
        reason = shown(str(error))
        raise InstaHideError(f"{name} is damaged ({reason}); make the zip again") from None
    if len(content) > MOST_METADATA:
        raise InstaHideError(f"{name} has more than {MOST_METADATA} bytes; shorten it")
    parse_metadata(content, name)  # as the intake will; what follows is for showing it
    return yaml.safe_load(content.decode("utf-8"))


def _entry(archive: zipfile.ZipFile, member: str, path: Path) -> zipfile.ZipInfo:
    """Return a member by the name that `read_submission` gave it."""
    named = {checked_name(one.orig_filename, path): one for one in archive.infolist()}
    return named[member]


def _in_one_line(value: Any) -> str:
    """Return a value as a terminal can show it: nothing in it steers that."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_one_line(part)}" for key, part in value.items())
    return shown("".join(c for c in str(value) if unicodedata.category(c)[0] != "C"))
