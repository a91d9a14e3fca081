"""The manifest `challenge.json`: what a challenge is, and a commitment to its secrets."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from instahide import __version__
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifestform import COMPLETE, check_manifest, read_manifest
from instahide.challenge.private import private_digest
from instahide.challenge.sources import Sources
from instahide.encodings.choice import INSTAHIDE
from instahide.errors import InstaHideError
from instahide.files import load_npy, save_json, sha256_of_file
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key

FORMAT_VERSION = 2  # of what is written; `manifestform.FORMATS` are read
LIBRARIES = ("numpy", "numba", "scipy", "cryptography", "opencv-python-headless", "zarr")


def commit(key: Key, private: LabelledImages, version: int = FORMAT_VERSION) -> dict[str, str]:
    """Commit to the seed and to the private set.

    Keyed hashes under a key that only the seed gives: with a 256-bit seed they reveal
    nothing, and no other seed or private set opens them (HMAC-SHA256, RFC 2104). Who can
    guess the seed opens both, and a small integer is guessed at once. The messages are

    - ``commitment seed``, and
    - ``commitment private `` with the 64 hexadecimal digits of
      `instahide.challenge.private.private_digest`, which says what is hashed.

    Parameters
    ----------
    version : {1, 2}
        Format of the manifest. Version 1 joins the names of classes without their lengths,
        so that two private sets may share a commitment; it is there to be verified only.
    """
    return {
        "seed": key.authenticate(b"commitment seed").hex(),
        "private": key.authenticate(
            f"commitment private {private_digest(private, version)}".encode()
        ).hex(),
    }


def describe_array(path: Path | str) -> dict[str, Any]:
    """Return digest, shape, dtype and range of a `.npy` file.

    Raises
    ------
    InstaHideError
        When it does not hold finite numbers.
    """
    array = load_npy(path)
    if array.dtype.kind not in "bfiu" or not array.size:
        raise InstaHideError(f"{path} holds no numbers: {array.dtype} {array.shape}")
    ends = [float(array.min()), float(array.max())]
    if not np.isfinite(ends).all():
        raise InstaHideError(f"{path} holds values that are no numbers")
    return {
        "sha256": sha256_of_file(path),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "range": ends,
    }


def make_manifest(
    folder: ChallengeFolder, sources: Sources, version: int = FORMAT_VERSION
) -> dict[str, Any]:
    """Describe a challenge whose arrays are written; nothing secret is in it.

    `version` is the format's; earlier ones serve to verify what was made with them.
    """
    private = sources.private
    return {
        "format_version": version,
        **describe_encoding(sources),
        "images": len(private.images),
        "image_shape": list(private.images.shape[1:]),
        "classes": list(private.class_names),
        "files": {
            f"{name}.npy": describe_array(folder.array(name))
            for name in (*sources.encoding.arrays, "label")
        },
        "pool": sources.pool.describe() if len(sources.pool) else None,
        "commitment": {"method": "HMAC-SHA256", **commit(sources.key, private, version)},
        "versions": versions(),
    }


def describe_encoding(sources: Sources) -> dict[str, Any]:
    """Return the public parameters: InstaHide's as keys of their own, others' under one."""
    told = sources.encoding.describe()
    if sources.chosen.name == INSTAHIDE:
        return told
    return {"encoding": {"name": sources.chosen.name, "options": told}}


def released(manifest: Mapping[str, Any]) -> list[str]:
    """Return the names of the files that the public gets, the manifest last."""
    return [*manifest["files"], "challenge.json"]


def versions() -> dict[str, str]:
    """Return the versions of everything that may decide a byte."""
    own = {"instahide": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in LIBRARIES}


def save_manifest(folder: ChallengeFolder, sources: Sources) -> None:
    """Write `challenge.json` beside the arrays it describes."""
    manifest = make_manifest(folder, sources)
    check_manifest(manifest, folder.manifest, COMPLETE)  # an encoding may tell anything
    save_json(folder.manifest, manifest)


def load_manifest(folder: ChallengeFolder, needed: Sequence[str] = COMPLETE) -> dict[str, Any]:
    """Read `challenge.json`, which anybody may have written, and check its form.

    Parameters
    ----------
    needed : sequence of str
        Keys that must be there; all by default.

    Raises
    ------
    InstaHideError
        When it is missing, damaged, incomplete, of a later format, or holds what no
        manifest does.
    """
    return read_manifest(folder.manifest, needed)
