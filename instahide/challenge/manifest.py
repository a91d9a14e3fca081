"""The manifest `challenge.json`: what a challenge is, and a commitment to its secrets."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from instahide import __version__
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.private import private_digest
from instahide.challenge.sources import Sources
from instahide.errors import InstaHideError
from instahide.files import load_npy, save_json, sha256_of_file
from instahide.photos.labelled import LabelledImages
from instahide.randomness.keystream import Key

FORMAT_VERSION = 1
LIBRARIES = ("numpy", "numba", "scipy", "cryptography", "opencv-python-headless", "zarr")


def commit(key: Key, private: LabelledImages) -> dict[str, str]:
    """Commit to the seed and to the private set.

    Keyed hashes under a key that only the seed gives: with a 256-bit seed they reveal
    nothing, and no other seed or private set opens them (HMAC-SHA256, RFC 2104).
    """
    return {
        "seed": key.authenticate(b"commitment seed").hex(),
        "private": key.authenticate(
            f"commitment private {private_digest(private)}".encode()
        ).hex(),
    }


def describe_array(path: Path | str) -> dict[str, Any]:
    """Return digest, shape, dtype and range of a `.npy` file."""
    array = load_npy(path)
    return {
        "sha256": sha256_of_file(path),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "range": [float(array.min()), float(array.max())],
    }


def make_manifest(folder: ChallengeFolder, sources: Sources) -> dict[str, Any]:
    """Describe a challenge whose arrays are written; nothing secret is in it."""
    scheme, private = sources.generator.scheme, sources.private
    return {
        "format_version": FORMAT_VERSION,
        "scheme": asdict(scheme),
        "generator": sources.generator.name,
        **sources.generator.options,
        "images": len(private.images),
        "image_shape": list(private.images.shape[1:]),
        "classes": list(private.class_names),
        "files": {
            path.name: describe_array(path) for path in (folder.encryption, folder.label)
        },
        "pool": sources.pool.describe() if scheme.public_count else None,
        "commitment": {"method": "HMAC-SHA256", **commit(sources.key, private)},
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that may decide a byte."""
    own = {"instahide": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in LIBRARIES}


def save_manifest(folder: ChallengeFolder, sources: Sources) -> None:
    """Write `challenge.json` beside the arrays it describes."""
    save_json(folder.manifest, make_manifest(folder, sources))


def load_manifest(folder: ChallengeFolder) -> dict[str, Any]:
    """Read `challenge.json`.

    Raises
    ------
    InstaHideError
        When it is missing, damaged or of a later format.
    """
    try:
        manifest = json.loads(folder.manifest.read_text())
    except FileNotFoundError:
        raise InstaHideError(
            f"{folder.manifest} does not exist: is this a challenge?"
        ) from None
    except ValueError as error:
        raise InstaHideError(f"{folder.manifest} is no JSON: {error}") from None
    found = manifest.get("format_version") if isinstance(manifest, dict) else None
    if found != FORMAT_VERSION:
        raise InstaHideError(
            f"{folder.manifest} has format version {found}, and this program reads version "
            f"{FORMAT_VERSION}"
        )
    return manifest
