"""The folder of a challenge: what it consists of, its seed, its release.

::

    encryption.npy   float32 (E, H, W, C)     label.npy        float32 (E, classes)
    challenge.json   the manifest             release.zip      these three, for the public
    secret/          mode 0700: seed, truth.npz, private.npz

`COMPANIONS` may lie beside them and in the release: they help to take part, and decide nothing.

Encodings other than InstaHide may release `encryption.npy` in another form, and more arrays
beside it.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from instahide.errors import InstaHideError
from instahide.files import atomic, check_file, save_text
from instahide.randomness.keystream import Key
from instahide.zipentry import plain_entry

MOST_SEED_BYTES = 1000  # more are no seed
#: What a release may hold besides what the manifest tells of.
COMPANIONS = ("participants.html", "sample_submission.zip")


@dataclass(frozen=True)
class ChallengeFolder:
    """The paths of a challenge's files."""

    path: Path

    @property
    def encryption(self) -> Path:
        """`encryption.npy`."""
        return self.path / "encryption.npy"

    def array(self, name: str) -> Path:
        """Return where an array of the encoding is, `{name}.npy`."""
        return self.path / f"{name}.npy"

    @property
    def label(self) -> Path:
        """`label.npy`."""
        return self.path / "label.npy"

    @property
    def manifest(self) -> Path:
        """`challenge.json`."""
        return self.path / "challenge.json"

    @property
    def participants(self) -> Path:
        """`participants.html`."""
        return self.path / "participants.html"

    @property
    def sample(self) -> Path:
        """`sample_submission.zip`."""
        return self.path / "sample_submission.zip"

    @property
    def release(self) -> Path:
        """`release.zip`."""
        return self.path / "release.zip"

    @property
    def seed(self) -> Path:
        """`secret/seed`."""
        return self.path / "secret" / "seed"

    @property
    def truth(self) -> Path:
        """`secret/truth.npz`."""
        return self.path / "secret" / "truth.npz"

    @property
    def private(self) -> Path:
        """`secret/private.npz`."""
        return self.path / "secret" / "private.npz"


def save_seed(path: Path | str, key: Key) -> None:
    """Write a seed as its user would write it (mode 0600)."""
    save_text(path, key.text + "\n", secret=True)


def load_seed(path: Path | str) -> Key:
    """Read a seed.

    Raises
    ------
    InstaHideError
        When the file is missing or holds no seed.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            return Key.parse(file.read(MOST_SEED_BYTES).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InstaHideError(f"cannot read {path}: {reason}; give the seed by hand") from None


def save_release(folder: ChallengeFolder, names: Iterable[str]) -> None:
    """Write `release.zip`: the public files, stored with fixed dates and rights.

    Equal files give an equal archive. Encryptions are noise and do not compress.

    Parameters
    ----------
    names : iterable of str
        The files in the folder, see `instahide.challenge.manifest.released`, and
        `COMPANIONS`.
    """
    with atomic(folder.release) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in names:
            entry = plain_entry(f"challenge/{name}")
            with (
                (folder.path / name).open("rb") as source,
                archive.open(entry, "w", force_zip64=True) as out,
            ):
                while block := source.read(2**20):
                    out.write(block)
