"""A whole audit in one call: read, encrypt, attack, write the page. Interrupted, it goes on."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instahide import __version__
from instahide.auditing.estimate import estimate_audit
from instahide.auditing.page import save_page
from instahide.auditing.reading import Reading
from instahide.auditing.result import AuditResult, save_result
from instahide.auditing.running import (
    BUNDLED,
    MOST_TOLD,
    gather,
    public_photos,
    save_encryptions,
    save_found,
    save_images,
    save_pool,
)
from instahide.auditing.settings import AuditSettings
from instahide.auditing.tables import save_audit_csv, save_told
from instahide.challenge.private import load_private, private_digest
from instahide.errors import InstaHideError
from instahide.files import close_folder, save_json
from instahide.memory import check_memory
from instahide.progress import announce
from instahide.smalljson import read_object
from instahide.temporaries import temporary_folder

PLAN = "audit.json"


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
    work = page.with_suffix("")
    close_folder(work)
    files = {"private": work / "private.npz", "told": work / "reading.json"}
    _read(folder, work, files, _plan(settings, reading or Reading(), public))
    images = load_private(files["private"]).images
    expected = estimate_audit(settings, len(images), images.shape[1:])
    announce(f"{len(images)} images of {images.shape[1]} × {images.shape[2]} pixels.")
    announce(expected.in_words())
    check_memory(expected.memory, "this audit")
    stores = _pools(work, public, (images.shape[1], images.shape[3]), settings)
    found = _attacked(work, files["private"], settings, stores)
    words = BUNDLED if public is None else f"photos of the folder {Path(public).name}"
    result = gather(name, settings, files["private"], files["told"], stores["others"], found)
    result.settings["public"] = words if settings.mixes_public else ""
    save_result(work / "result.npz", result)
    save_page(page, result)
    save_audit_csv(page.with_suffix(".csv"), result)
    save_told(page.with_suffix(".json"), result)
    return result


def _plan(
    settings: AuditSettings, reading: Reading, public: Path | str | None
) -> dict[str, Any]:
    """Return what the files of an audit are made from, but for the images."""
    place = None if public is None else str(Path(public).resolve())
    made = {"version": __version__, "settings": asdict(settings), "public": place}
    return {**made, "reading": asdict(reading)}


def _read(folder: Path | str, work: Path, files: dict[str, Path], plan: dict[str, Any]) -> None:
    """Read the images anew, and refuse to mix them with those of another audit."""
    reading = Reading(**plan["reading"])
    with temporary_folder(work, "images") as place:
        private, told = place / "private.npz", place / "reading.json"
        save_images(folder, private, told, reading, plan["settings"]["seed"])
        images = load_private(private)
        made = plan | {"images": private_digest(images), "files": list(images.files)}
        kept = work / PLAN
        if kept.exists():
            if read_object(kept, MOST_TOLD) != json.loads(json.dumps(made)):
                raise InstaHideError(
                    f"{work} holds an audit of other images or with other settings: give this "
                    "one another name with --out, or remove that folder"
                )
        else:
            private.replace(files["private"])
            told.replace(files["told"])
            save_json(kept, made, secret=True)


def _pools(
    work: Path, public: Path | str | None, image: tuple[int, int], settings: AuditSettings
) -> dict[str, Path]:
    """Make the public images that are mixed in and those that the attacker has."""
    stores = {"pool": work / "pool.zarr", "others": work / "others.zarr"}
    for (name, store), photos in zip(stores.items(), public_photos(public), strict=True):
        if not store.exists():
            announce(f"Public images: {'to mix in' if name == 'pool' else 'of the attacker'}")
            save_pool(store, photos, image, settings.seed)
    return stores


def _attacked(
    work: Path, private: Path, settings: AuditSettings, stores: dict[str, Path]
) -> dict[tuple[str, int], Path]:
    """Encrypt the images so often as is wanted, and let every attacker try; returns files."""
    tries = [(rows, one) for rows in settings.all_rows for one in settings.attackers()]
    found = {}
    for number, (rows, attacker) in enumerate(tries, start=1):
        place = work / f"rows-{rows}"
        out = place / f"{attacker.name}.npz"
        found[attacker.name, rows] = out
        announce(
            f"[{number} of {len(tries)}] {rows} encryptions of each image, an attacker who "
            f"{attacker.words}"
        )
        if not (place / "challenge").exists():
            save_encryptions(place / "challenge", private, stores["pool"], settings, rows)
        if not out.exists():
            save_found(out, place / "challenge", settings, (attacker.name, rows), stores)
    return found
