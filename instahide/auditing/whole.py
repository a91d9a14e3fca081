"""A whole audit in one call: read, encrypt, attack, write the page. Interrupted, it goes on."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instahide import __version__
from instahide.auditing.attackers import attackers_of, attempt_of
from instahide.auditing.encrypting import save_encryptions
from instahide.auditing.estimate import estimate_audit
from instahide.auditing.gathering import MOST_TOLD, gather, save_answer
from instahide.auditing.looking import Attempt, save_found
from instahide.auditing.ownset import save_images
from instahide.auditing.publicpools import public_photos, save_pool
from instahide.auditing.reading import Reading
from instahide.auditing.result import AuditResult
from instahide.auditing.settings import AuditSettings
from instahide.auditing.words import counted
from instahide.auditing.workfolder import WorkFolder
from instahide.challenge.private import load_private, private_digest
from instahide.errors import InstaHideError
from instahide.files import close_folder, save_json
from instahide.memory import check_memory
from instahide.progress import announce
from instahide.smalljson import read_object
from instahide.temporaries import temporary_folder

PLAN = "audit.json"
WORKFLOW_LOGS = "logs"  # see workflow/rules/audits.smk


def run_audit(
    folder: Path | str,
    page: Path | str,
    settings: AuditSettings,
    *,
    reading: Reading | None = None,
    public: Path | str | None = None,
) -> AuditResult:
    """Encrypt one's own images, attack the encryptions, and write what came back.

    Parameters
    ----------
    folder : path
        Images of one's own. Nothing in it is written to.
    page : path
        The page, `.html`. A table and a JSON file get its name, and so does a folder that
        holds everything else; only their owner may read any of it.
    public : path or None
        Photos, half of them to mix in, half of them for the attacker; None for those that
        installed packages bring.

    Raises
    ------
    InstaHideError
        When there is nothing to audit, or the page's folder holds another audit.
    """
    page, name = Path(page), Path(folder).resolve().name
    if page.suffix != ".html":
        raise InstaHideError(f"{page}: let the name of the page end in .html")
    work = WorkFolder(page.with_suffix(""))
    with _leaving_no_empty(work.path):
        close_folder(work.path)
        _read(folder, work, _plan(settings, reading or Reading(), public))
    images = load_private(work.private).images
    expected = estimate_audit(settings, len(images), images.shape[1:])
    announce(f"{len(images)} images of {images.shape[1]} × {images.shape[2]} pixels.")
    announce(expected.in_words())
    check_memory(expected.memory, "this audit")
    stores = _pools(work, public, (images.shape[1], images.shape[3]), settings)
    _attack(work, settings, stores)
    result = gather(name, settings, attackers_of(settings), work, public)
    save_answer(page, result)
    return result


@contextlib.contextmanager
def _leaving_no_empty(folder: Path) -> Iterator[None]:
    """Take folders that were made for nothing away again when this block ends in an error."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # something lies there
            for one in made:
                one.rmdir()
        raise


def _plan(
    settings: AuditSettings, reading: Reading, public: Path | str | None
) -> dict[str, Any]:
    """Return what the files of an audit are made from, but for the images."""
    place = None if public is None else str(Path(public).resolve())
    made = {"version": __version__, "settings": asdict(settings), "public": place}
    return {**made, "reading": asdict(reading)}


def _read(folder: Path | str, work: WorkFolder, plan: dict[str, Any]) -> None:
    """Read the images anew, and refuse to mix them with those of another audit."""
    reading = Reading(**plan["reading"])
    _refuse_workflow(work)
    with temporary_folder(work.path, "images") as place:
        private, told = place / "private.npz", place / "reading.json"
        save_images(folder, private, told, reading, plan["settings"]["seed"])
        images = load_private(private)
        made = plan | {"images": private_digest(images), "files": list(images.files)}
        kept = work.path / PLAN
        if kept.exists():
            if read_object(kept, MOST_TOLD) != json.loads(json.dumps(made)):
                raise InstaHideError(
                    f"{work.path} holds an audit of other images or with other settings: give "
                    "this one another name with --out, or remove that folder"
                )
        else:
            private.replace(work.private)
            told.replace(work.told)
            save_json(kept, made, secret=True)


def _refuse_workflow(work: WorkFolder) -> None:
    """Refuse a folder of the workflow's, which alone keeps logs there and no plan."""
    if (work.path / WORKFLOW_LOGS).is_dir() and not (work.path / PLAN).exists():
        raise InstaHideError(
            f"{work.path} holds an audit that a workflow made: give this one another name with "
            "--out"
        )


def _pools(
    work: WorkFolder, public: Path | str | None, image: tuple[int, int], settings: AuditSettings
) -> dict[str, Path]:
    """Make the public images that are mixed in and those that the attacker has."""
    photos = public_photos(public)
    stores = {half: work.half(half) for half in photos}
    for half, store in stores.items():
        if not store.exists():
            announce(f"Public images: {'to mix in' if half == 'pool' else 'of the attacker'}")
            save_pool(store, photos[half], image, settings.seed)
    return stores


def _attack(work: WorkFolder, settings: AuditSettings, stores: dict[str, Path]) -> None:
    """Encrypt the images so often as is wanted, and let every attacker try."""
    tries = [(rows, one) for rows in settings.all_rows for one in attackers_of(settings)]
    for number, (rows, attacker) in enumerate(tries, start=1):
        challenge, out = work.challenge(rows), work.found(attacker.name, rows)
        announce(
            f"[{number} of {len(tries)}] {counted(rows, 'encryption')} of each image, an "
            f"attacker who {attacker.words}"
        )
        if not challenge.exists():
            save_encryptions(challenge, work.private, stores["pool"], settings.mixing, rows)
        if not out.exists():
            attempt = Attempt.of(attempt_of(settings, attacker.name, rows))
            save_found(out, challenge, attempt, stores)
