"""`participants.html`: one self-contained page, made of the released files and nothing else.

It has no script, and its policy lets nothing in from elsewhere: pictures are data URIs. Equal
releases and notices give equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.embedding import choose_way, data_uri
from instahide.files import load_npy, save_text, sha256_of_file
from instahide.images import to_bytes
from instahide.leaderboard.htmlpage import render
from instahide.participants import words
from instahide.participants.forms import FORMS, METADATA_FILE, METADATA_SAMPLE
from instahide.participants.notice import Notice
from instahide.participants.releasefile import decryption_shape

_ROOM = "instahide.participants"
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
GLIMPSES = 12  # encryptions
PICTURES_BYTES = 2_000_000


@dataclass(frozen=True)
class ReleasedFile:
    """A line of the table of files; texts."""

    name: str
    holds: str
    shape: str
    dtype: str
    size: str
    sha256: str


@dataclass(frozen=True)
class Glimpse:
    """An encryption as two pictures: data URIs."""

    row: int
    encryption: str
    absolute: str


def participants_page(folder: ChallengeFolder, notice: Notice) -> str:
    """Return the page; everything is escaped.

    Parameters
    ----------
    folder : ChallengeFolder
        Of which `challenge.json` and the arrays that it tells of are read.
    notice : Notice

    Raises
    ------
    InstaHideError
        When one of these files is missing or damaged.
    """
    manifest = load_manifest(folder)
    shape = decryption_shape(manifest)
    masked = manifest.get("scheme", {}).get("name") in ("cross", "inside")
    return render(
        "participants.html.j2",
        room=_ROOM,
        title=notice.title,
        policy=POLICY,
        words=words,
        what=words.what_it_is(manifest),
        glimpses=glimpses_of(load_npy(folder.encryption)),
        absolute=words.ABSOLUTE if masked else words.ABSOLUTE_OF_OTHERS,
        side=manifest["image_shape"][:2],
        files=files_of(folder, manifest),
        forms=[(form.files, form.words.format(shape=shape, rows=shape[0])) for form in FORMS],
        metadata_file=METADATA_FILE,
        metadata=METADATA_SAMPLE,
        rules=[*notice.rules, *words.general_rules(manifest)],
        licence=notice.licence,
        pool=manifest["pool"],
    )


def save_participants_page(folder: ChallengeFolder, notice: Notice) -> None:
    """Write `participants_page` into the challenge's folder."""
    save_text(folder.participants, participants_page(folder, notice))


def files_of(folder: ChallengeFolder, manifest: Mapping[str, Any]) -> list[ReleasedFile]:
    """Return what there is to say of each file of the release but the page itself."""
    listed = [
        ReleasedFile(
            name,
            words.what_a_file_is(name, manifest),
            words.shape_in_words(about["shape"]),
            about["dtype"],
            _size(folder.path / name),
            about["sha256"],
        )
        for name, about in manifest["files"].items()
    ]
    others = {
        folder.manifest: "how the challenge was made, and a commitment to its secrets",
        folder.sample: "a submission that recovers nothing, to start from",
    }
    return listed + [
        ReleasedFile(path.name, holds, "", "", _size(path), sha256_of_file(path))
        for path, holds in others.items()
        if path.exists()
    ]


def _size(path: Path) -> str:
    return words.size_in_words(path.stat().st_size)


def glimpses_of(encryption: np.ndarray, shown: int = GLIMPSES) -> list[Glimpse]:
    """Return some rows as pictures, evenly spread; none where rows are no pictures.

    Parameters
    ----------
    encryption : ndarray, shape (E, ...)
        Pictures are floating-point numbers of shape (E, H, W, 1 or 3); what lies outside
        [-1, 1] is shown as if it were at its ends.
    """
    pictures = encryption.ndim == 4 and encryption.shape[3] in (1, 3)
    if not pictures or encryption.dtype.kind != "f":
        return []
    numbers = np.unique(np.linspace(0, len(encryption) - 1, shown).astype(int))
    rows = np.clip(encryption[numbers], -1, 1)
    both = to_bytes(rows), to_bytes(2 * np.abs(rows) - 1)
    way = choose_way(both, PICTURES_BYTES)
    return [
        Glimpse(int(number), data_uri(one, way), data_uri(other, way))
        for number, one, other in zip(numbers, *both, strict=True)
    ]
