"""What the bundles of all platforms have in common: archives, the program, the sample."""

import io
import platform
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.private import load_private, save_private
from instahide.codehash import PACKAGE, reachable
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.hosting.pages import HostedChallenge, render_text
from instahide.labelled import LabelledImages
from instahide.scoring.smallform import IMAGES, MEMBERS
from instahide.zipentry import plain_entry

#: The libraries that `instahide.hosting.program` imports.
SCORING_LIBRARIES = ("numpy", "scipy", "numba", "opencv-python-headless")
PRIVATE, PUBLIC = 0o600, 0o644
REFERENCE = "reference_data.zip"  # what only organisers may read
SAMPLE_BYTE = 127  # a byte just below the middle of the range
Content = bytes | str | Path


def write_zip(target: Path | io.BytesIO, files: Mapping[str, Content]) -> None:
    """Write an archive of texts, bytes and files, by their names in it.

    Equal contents give equal bytes. Files are stored as they are: packed already, or noise.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            entry = plain_entry(name, PRIVATE if name.endswith(REFERENCE) else PUBLIC)
            if isinstance(content, Path):
                with (
                    content.open("rb") as source,
                    archive.open(entry, "w", force_zip64=True) as out,
                ):
                    while block := source.read(2**20):
                        out.write(block)
            else:
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)


def as_zip(files: Mapping[str, Content]) -> bytes:
    """Return an archive in memory, see `write_zip`."""
    target = io.BytesIO()
    write_zip(target, files)
    return target.getvalue()


def save_bundle(path: Path | str, files: Mapping[str, Content]) -> None:
    """Write a bundle, which holds the truth: only its owner can read it."""
    with atomic(path, secret=True) as temporary:
        write_zip(temporary, files)


def program_files() -> dict[str, Content]:
    """Return the scoring program with the part of this package that it needs."""
    needed = reachable(PACKAGE / "hosting" / "program.py")
    rooms = {path.parent / "__init__.py" for path in needed}
    own = {str(path.relative_to(PACKAGE.parent)): path for path in needed | rooms}
    return {
        "score.py": render_text("score.py.j2"),
        "requirements.txt": "".join(f"{library}\n" for library in pinned_libraries()),
    } | {name: path.read_bytes() for name, path in sorted(own.items())}


def pinned_libraries() -> list[str]:
    """Return the libraries with the versions that are installed here, which score alike."""
    return [f"{library}=={version(library)}" for library in SCORING_LIBRARIES]


def dockerfile() -> str:
    """Return what makes an image in which the program runs."""
    python = ".".join(platform.python_version_tuple()[:2])
    return render_text("Dockerfile.j2", python=python, libraries=pinned_libraries())


def save_bare_private(path: Path, source: Path) -> int:
    """Write a private set without the names of its files; return how many images it has.

    They may name persons, and neither scores nor commitments need them.
    """
    private = load_private(source)
    bare = LabelledImages(private.images, private.classes, private.class_names)
    save_private(path, bare)
    return len(private.images)


def reference_zip(folder: ChallengeFolder, scratch: Path) -> bytes:
    """Return the truth and the private images as an archive, and not the seed.

    Parameters
    ----------
    scratch : path
        A folder of our own.

    Raises
    ------
    InstaHideError
        When truth and private set do not belong together.
    """
    images = save_bare_private(scratch / "private.npz", folder.private)
    load_plan(folder.truth).check_images(images)
    content = (scratch / "private.npz").read_bytes()
    return as_zip({"truth.npz": folder.truth.read_bytes(), "private.npz": content})


def check_truth(challenge: HostedChallenge) -> None:
    """Refuse a truth that is not of the released rows.

    Raises
    ------
    InstaHideError
        Says both numbers.
    """
    rows = len(load_plan(challenge.folder.truth))
    if rows != challenge.rows:
        raise InstaHideError(
            f"{challenge.folder.truth} has {rows} rows, and challenge.json {challenge.rows}: "
            "they are not of one challenge"
        )


def sample_submission(challenge: HostedChallenge) -> bytes:
    """Return a submission in the small form that recovers nothing: grey for every row."""
    images = np.full((1, *challenge.shape), SAMPLE_BYTE, np.uint8)
    members = np.zeros((challenge.rows, 1), np.uint16)
    text = "Team: nobody\nMethod: one grey image for all rows\nGiven: nothing\n"
    files = {IMAGES: _npy(images), MEMBERS: _npy(members), "description.txt": text}
    return as_zip(files)


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()
