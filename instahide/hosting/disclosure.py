"""The disclosure: all that made a challenge, once it is over, for everybody to check.

::

    README.md   verify.py   digests.txt
    challenge/  as the organiser's folder: released arrays, challenge.json, and in `secret/`,
                which is none any more, seed, truth.npz and private.npz
    recipe/     the configuration that the pool is made by
    pool.zarr   the pool, only where the organiser says so

The pool stays out unless it is asked for: it is made of other people's photos, which are seldom
an organiser's to publish. Its digest stands in `challenge.json`, and the recipe says how the
same pool is made. Without it everything but the encryptions is made again.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide import __version__
from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.manifest import load_manifest, released
from instahide.challenge.private import load_private
from instahide.challenge.sources import combine
from instahide.challenge.verification import (
    IDENTICAL,
    Check,
    Verification,
    check_inputs,
    compare_label,
    compare_truth,
    verify_files,
)
from instahide.encodings.catalogue import told_by
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.files import atomic, filled_folder, sha256_of_file
from instahide.hosting.packing import save_bare_private, write_zip
from instahide.hosting.pages import render_text
from instahide.placing import files_below
from instahide.pool.pool import Pool, empty_pool

CHALLENGE, POOL, RECIPE, DIGESTS = "challenge", "pool.zarr", "recipe", "digests.txt"
MOST_RECIPE_BYTES = 1 << 20
PASSWORD = re.compile(r"://[^/\s@]+:[^/\s@]+@")
PARTLY = (
    "verified without the pool: seed, private set, truth and labels were made again; the "
    "encryptions have the digests of challenge.json, and were not (give the pool)"
)


@dataclass(frozen=True)
class Disclosure:
    """What is to be disclosed.

    Attributes
    ----------
    challenge : path
        The organiser's folder.
    pool : path or None
        The pool, to verify with before anything is written.
    with_pool : bool
        Publish it too.
    recipe : path or None
        The configuration that the pool is made by.
    encoding : str or None
        Somebody's own encoding, whose code may be run, see `told_by`.
    """

    challenge: Path
    pool: Path | None = None
    with_pool: bool = False
    recipe: Path | None = None
    encoding: str | None = None


def save_disclosure(out: Path | str, wanted: Disclosure) -> Verification:
    """Verify a challenge and write its disclosure, a folder or (``.zip``) an archive.

    Returns
    -------
    Verification
        Of the organiser's own files.

    Raises
    ------
    InstaHideError
        When a file is missing, the challenge does not verify, or it needs a pool and nothing
        tells how that is made.
    """
    out, folder = Path(out), ChallengeFolder(wanted.challenge)
    manifest = _check_complete(folder)
    _check_pool(manifest, wanted)
    chosen = told_by(manifest, wanted.encoding)
    found = verify_secrets(folder, wanted.pool, chosen)
    if not found.passed:
        raise InstaHideError(f"{folder.path} does not verify:\n{as_told(found, manifest)}")
    if out.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory() as scratch, atomic(out) as temporary:
            _fill(Path(scratch), folder, manifest, wanted)
            top = out.stem
            names = files_below(Path(scratch))
            write_zip(temporary, {f"{top}/{name}": Path(scratch, name) for name in names})
    else:
        with filled_folder(out) as temporary:
            _fill(temporary, folder, manifest, wanted)
    return found


def verify_disclosed(
    place: Path | str, pool: Path | str | None = None, encoding: str | None = None
) -> tuple[bool, str]:
    """Verify the `challenge` of a disclosure, for `verify.py`.

    Parameters
    ----------
    place : path
        The disclosure's folder.
    pool : path, optional
        The pool, made by the recipe; by default the one that was disclosed, if it was.
    encoding : str, optional
        See `told_by`.

    Returns
    -------
    passed : bool
    text : str
        What was compared, line by line, and a sentence.
    """
    place = Path(place)
    folder = ChallengeFolder(place / CHALLENGE)
    manifest = load_manifest(folder)
    if pool is None and (place / POOL).exists():
        pool = place / POOL
    found = verify_secrets(folder, pool, told_by(manifest, encoding))
    return found.passed, as_told(found, manifest)


def verify_secrets(
    folder: ChallengeFolder, pool: Path | str | None, chosen: EncodingChoice
) -> Verification:
    """Verify a challenge by its own secrets, as far as it goes where the pool is missing."""
    key, needed = load_seed(folder.seed), load_manifest(folder)["pool"] is not None
    if pool is not None or not needed:
        return verify_files(folder, folder.private, pool if needed else None, key, chosen)
    manifest, private = load_manifest(folder), load_private(folder.private)
    absent = Pool(_no_pixels(manifest["pool"]["patches"], private.images.shape[1:]))
    checks = check_inputs({**manifest, "pool": None}, private, empty_pool(absent.shape), key)
    plan = combine(private, absent, key, chosen).plan()
    checks.append(Check("plan", "secret/truth.npz", compare_truth(folder.truth, plan)))
    for name, about in manifest["files"].items():
        same = sha256_of_file(folder.path / name) == about["sha256"]
        verdict = IDENTICAL if same else "has another digest than challenge.json says"
        checks.append(Check("encrypt", f"digest of {name}", verdict))
    label = compare_label(folder.label, label_rows(plan, private))
    return Verification((*checks, Check("label", "label.npy", label)))


def as_told(found: Verification, manifest: dict[str, Any]) -> str:
    """Return the lines of a verification; without a pool that was needed it says so."""
    text = found.as_text()
    with_pool = any(check.stage == "pool" for check in found.checks)
    if manifest["pool"] is None or with_pool or not found.passed:
        return text
    return "\n".join([*text.splitlines()[:-1], PARTLY])


def _no_pixels(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return black images that take no memory: who is mixed with whom does not need them."""
    return np.broadcast_to(np.uint8(0), (count, *shape))


def _check_complete(folder: ChallengeFolder) -> dict[str, Any]:
    """Return the manifest, or refuse a folder that lacks a file; names it."""
    manifest = load_manifest(folder)
    public = [folder.path / name for name in released(manifest)]
    for file in (*public, folder.seed, folder.truth, folder.private):
        if not file.is_file():
            raise InstaHideError(f"{file} does not exist: a disclosure needs it")
    return manifest


def _check_pool(manifest: dict[str, Any], wanted: Disclosure) -> None:
    """Refuse a disclosure that nobody could make again."""
    if wanted.with_pool and (wanted.pool is None or manifest["pool"] is None):
        raise InstaHideError("--with-pool publishes the pool: name it with --public POOL.zarr")
    if wanted.recipe is not None:
        _check_recipe(wanted.recipe)
    if manifest["pool"] is not None and not (wanted.with_pool or wanted.recipe):
        raise InstaHideError(
            "public images are mixed into this challenge: say with --recipe CONFIG.yaml how "
            "the pool is made, or, if its photos are yours to publish, give it with "
            "--public POOL.zarr --with-pool"
        )


def _check_recipe(path: Path) -> None:
    """Refuse what is no text to publish."""
    if not path.is_file() or path.stat().st_size > MOST_RECIPE_BYTES:
        raise InstaHideError(
            f"{path} is not a configuration of {MOST_RECIPE_BYTES} bytes at most"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InstaHideError(f"{path} is no text: give the configuration") from None
    if PASSWORD.search(text):
        raise InstaHideError(f"{path} holds an address with a password: take it out first")


def _fill(
    place: Path, folder: ChallengeFolder, manifest: dict[str, Any], wanted: Disclosure
) -> None:
    """Write all files of a disclosure, which anybody may read."""
    copy = ChallengeFolder(place / CHALLENGE)
    copy.seed.parent.mkdir(parents=True)
    for name in released(manifest):
        shutil.copyfile(folder.path / name, copy.path / name)
    for ours, theirs in ((folder.seed, copy.seed), (folder.truth, copy.truth)):
        shutil.copyfile(ours, theirs)
    save_bare_private(copy.private, folder.private)
    copy.private.chmod(0o644)
    if wanted.with_pool:
        shutil.copytree(wanted.pool, place / POOL)
    if wanted.recipe is not None:
        (place / RECIPE).mkdir()
        shutil.copyfile(wanted.recipe, place / RECIPE / wanted.recipe.name)
    told = {
        "name": folder.path.resolve().name,
        "manifest": manifest,
        "version": __version__,
        "with_pool": wanted.with_pool,
        "recipe": wanted.recipe.name if wanted.recipe else "",
    }
    for file in ("README.md", "verify.py"):
        (place / file).write_text(render_text(f"{file}.j2", **told), encoding="utf-8")
    _save_digests(place)


def _save_digests(place: Path) -> None:
    """Write the digest of every file, in the form that ``sha256sum -c`` reads."""
    lines = [f"{sha256_of_file(place / name)}  {name}\n" for name in files_below(place)]
    (place / DIGESTS).write_text("".join(lines), encoding="utf-8")
