"""What a hosted challenge is, from its folder and the organiser's wishes, and its pages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import isqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.errors import InstaHideError
from instahide.files import load_npy
from instahide.images import to_bytes
from instahide.names import UNFIT

PAGES = ("overview", "data", "evaluation", "terms")
DATE_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
NO_LICENCE = "none is stated; ask the organisers before you use them for anything else"
#: What the manifest tells of a challenge beside its parameters.
_NO_PARAMETERS = (
    "format_version",
    "images",
    "image_shape",
    "classes",
    "files",
    "pool",
    "commitment",
    "versions",
)
_TILES, _SIDE = 4, 256  # of the logo


@dataclass(frozen=True)
class Hosting:
    """What the organiser decides about a hosted challenge.

    Attributes
    ----------
    title : str
    start, end : str
        ``YYYY-MM-DD`` or ``YYYY-MM-DD HH:MM:SS``, UTC; kept in the long form.
    per_day, total : int
        How many submissions a team may make.
    licence : str
        Of the released data, as a name or an address.
    url : str
        Where the released data are; empty where the platform has them.

    Raises
    ------
    InstaHideError
        When a date is none, the end is not after the start, a number is not positive, or a
        text does not fit in one line.
    """

    title: str
    start: str
    end: str
    per_day: int = 5
    total: int = 100
    licence: str = NO_LICENCE
    url: str = ""

    def __post_init__(self):
        start, end = (_read_date(date) for date in (self.start, self.end))
        if end <= start:
            raise InstaHideError(f"the end, {end}, is not after the start, {start}")
        if not 1 <= self.per_day <= self.total:
            raise InstaHideError(
                f"{self.per_day} submissions a day of {self.total} in all: let it be 1 or more "
                "a day, and no fewer in all"
            )
        for name in ("title", "licence", "url"):
            text = getattr(self, name)
            if UNFIT.search(text) or (name != "url" and not text.strip()):
                raise InstaHideError(f"the {name} {text!r} is not a line of text")
        if self.url and not re.fullmatch(r"https?://[^\s<>&\"]+", self.url):
            raise InstaHideError(f"{self.url!r} is not an address of the form https://…")
        object.__setattr__(self, "start", str(start))
        object.__setattr__(self, "end", str(end))


@dataclass(frozen=True)
class HostedChallenge:
    """A challenge that is complete enough to be hosted, and how it is to be."""

    folder: ChallengeFolder
    manifest: Mapping[str, Any]
    hosting: Hosting

    @property
    def rows(self) -> int:
        """Number E of rows."""
        return self.manifest["files"]["encryption.npy"]["shape"][0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C) of the private images."""
        return tuple(self.manifest["image_shape"])


def load_hosted(path: Path | str, hosting: Hosting) -> HostedChallenge:
    """Read a challenge's folder.

    Raises
    ------
    InstaHideError
        When a file that is released or scores is missing; names it.
    """
    folder = ChallengeFolder(Path(path))
    manifest = load_manifest(folder)
    for file in (folder.release, folder.truth, folder.private):
        if not file.is_file():
            raise InstaHideError(f"{file} does not exist: a hosted challenge needs it")
    return HostedChallenge(folder, manifest, hosting)


def render_text(template: str, **values: Any) -> str:
    """Return a text made of a template of this room; nothing is escaped."""
    return _texts().get_template(template).render(values)


def render_pages(challenge: HostedChallenge) -> dict[str, str]:
    """Return the Markdown of each of `PAGES`."""
    values = page_values(challenge)
    return {name: render_text(f"{name}.md.j2", **values) for name in PAGES}


def page_values(challenge: HostedChallenge) -> dict[str, Any]:
    """Return what the pages tell."""
    manifest = challenge.manifest
    return {
        **vars(challenge.hosting),
        "rows": challenge.rows,
        "images": manifest["images"],
        "shape": ", ".join(map(str, challenge.shape)),
        "classes": ", ".join(map(_in_a_cell, manifest["classes"])),
        "parameters": _parameters(manifest),
        "arrays": [
            {
                "name": name,
                "shape": " × ".join(map(str, about["shape"])),
                "dtype": about["dtype"],
                "low": f"{about['range'][0]:.4g}",
                "high": f"{about['range'][1]:.4g}",
                "sha256": about["sha256"],
            }
            for name, about in manifest["files"].items()
        ],
    }


def draw_logo(challenge: HostedChallenge) -> bytes:
    """Return a PNG of the first encryptions, or of their numbers where they are no images."""
    released = load_npy(challenge.folder.encryption)
    if released.ndim == 4 and released.shape[3] in (1, 3) and len(released) >= _TILES**2:
        rows = np.asarray(released[: _TILES**2], np.float32)
        tiles = rows.reshape(_TILES, _TILES, *rows.shape[1:]).transpose(0, 2, 1, 3, 4)
        picture = tiles.reshape(_TILES * rows.shape[1], -1, rows.shape[3])[..., ::-1]
    else:
        flat = np.asarray(released[:1], np.float32).ravel()
        side = isqrt(flat.size)
        picture = flat[: side**2].reshape(side, side)
    size = (_SIDE, _SIDE)
    grown = cv2.resize(to_bytes(picture), size, interpolation=cv2.INTER_NEAREST)
    return cv2.imencode(".png", grown)[1].tobytes()


def _read_date(text: str) -> datetime:
    for form in DATE_FORMS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise InstaHideError(
        f"{text!r} is no date: write it as 2027-01-31, or 2027-01-31 18:00 (UTC)"
    )


def _parameters(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the public parameters, one a line, those within a key behind it."""
    found = []
    for key, value in manifest.items():
        if key in _NO_PARAMETERS or value is None:
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        found += [(f"{key} {name}".strip(), _in_a_cell(part)) for name, part in parts]
    if manifest["pool"]:
        found.append(("public images in the pool", str(manifest["pool"]["patches"])))
    return found


def _in_a_cell(value: Any) -> str:
    """Return a value as a cell of a table can hold it."""
    return re.sub(r"[|`*<\s]+", " ", str(value))


@cache
def _texts() -> Environment:
    return Environment(
        loader=PackageLoader("instahide.hosting"),
        autoescape=False,  # Markdown and programs; `smallmarkdown` escapes what becomes HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
