"""Reading what a release tells: `release.zip` as it is, or the folder it was unpacked into."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.challenge.manifestform import COMPLETE, MOST_BYTES, check_manifest
from instahide.errors import InstaHideError
from instahide.files import check_file
from instahide.plainarrays import ZIP_DAMAGE
from instahide.smalljson import parse_json

MANIFEST = "challenge/challenge.json"  # in release.zip


def read_release(path: Path | str) -> dict[str, Any]:
    """Return the manifest of a release.

    Parameters
    ----------
    path : path
        `release.zip`, or a folder with `challenge.json` or `challenge/challenge.json`.

    Raises
    ------
    InstaHideError
        When it is neither, or the manifest is missing or damaged.
    """
    path = Path(path)
    if path.is_dir():
        inner = path / MANIFEST
        return load_manifest(ChallengeFolder(inner.parent if inner.exists() else path))
    check_file(path, "release")
    manifest = parse_json(_read_member(path), place := path / MANIFEST, MOST_BYTES)
    check_manifest(manifest, place, COMPLETE)
    return manifest


def decryption_shape(manifest: Mapping[str, Any]) -> tuple[int, ...]:
    """Return what a decryption has: (E, H, W, C)."""
    return (manifest["files"]["label.npy"]["shape"][0], *manifest["image_shape"])


def _read_member(path: Path) -> bytes:
    """Return the manifest's bytes; no more of them than a manifest may have, and one."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InstaHideError(
            f"{path} does not exist; name release.zip, or the folder it was unpacked into"
        ) from None
    except KeyError:
        raise InstaHideError(f"{path} holds no {MANIFEST}; is it a release?") from None
    except ZIP_DAMAGE as error:
        raise InstaHideError(f"{path} is no release ({error}); download it again") from None
    except OSError as error:
        raise InstaHideError(f"cannot read {path}: {error.strerror or error}") from None
