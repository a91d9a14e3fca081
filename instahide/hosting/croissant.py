"""MLCommons Croissant metadata of a release, so that searches for data sets find it.

Croissant 1.0 (http://mlcommons.org/croissant/1.0), JSON-LD. Each released file is a
``FileObject`` inside the archive, with digest and size. Croissant has no way to read `.npy`
files, so their rows are described in words and not as a ``RecordSet``, which no reader could
load; the names of the classes, the columns of `label.npy`, are one with its data inline.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest, released
from instahide.errors import InstaHideError
from instahide.files import sha256_of_file
from instahide.names import UNFIT

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
MIME_TYPES = {
    ".npy": "application/x-npy",
    ".json": "application/json",
    ".zip": "application/zip",
}
ARCHIVE = "release.zip"
KEYWORDS = ["InstaHide", "instance encoding", "privacy", "reconstruction attack", "images"]
#: The context that Croissant 1.0 asks for.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True)
class Publication:
    """What a challenge's files do not tell of their publication.

    Attributes
    ----------
    title : str
    url : str
        The page of the data set.
    download : str
        Address of `release.zip`; by default it lies beside the metadata.
    licence : str
        A name or, better, an address.
    creator : str
    published : str
        ``YYYY-MM-DD``.
    cite : str
        How the data are to be cited; by default all of the above in a line.
    version : str
        ``MAJOR.MINOR.PATCH``.

    Raises
    ------
    InstaHideError
        When one of them is of another form.
    """

    title: str
    url: str
    licence: str
    creator: str
    published: str
    cite: str = ""
    version: str = "1.0.0"
    download: str = ARCHIVE

    def __post_init__(self):
        for name, text in vars(self).items():
            if UNFIT.search(text) or (name != "cite" and not text.strip()):
                raise InstaHideError(f"the {name} {text!r} is not a line of text")
        for text in (self.url, *([self.download] if self.download != ARCHIVE else [])):
            if not re.fullmatch(r"https?://\S+", text):
                raise InstaHideError(f"{text!r} is not an address of the form https://…")
        if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", self.version):
            raise InstaHideError(f"the version {self.version!r} is not of the form 1.0.0")
        try:
            date.fromisoformat(self.published)
        except ValueError:
            raise InstaHideError(f"{self.published!r} is no date: write 2027-01-31") from None


def describe_release(path: Path | str, told: Publication) -> dict[str, Any]:
    """Return the Croissant metadata of a challenge's release.

    Parameters
    ----------
    path : path
        The challenge's folder; nothing of its secrets is read.

    Raises
    ------
    InstaHideError
        When a released file is missing; names it.
    """
    folder = ChallengeFolder(Path(path))
    manifest = load_manifest(folder)
    archive = _file(folder.release, told.download, "All files of the challenge.")
    cited = f"{told.creator}, {told.title}, {told.published[:4]}, {told.url}"
    inside = [_inside(folder.path / name, manifest) for name in released(manifest)]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": told.title,
        "description": _describe(manifest),
        "conformsTo": CONFORMS_TO,
        "citeAs": told.cite or cited,
        "license": told.licence,
        "url": told.url,
        "creator": {"@type": "sc:Organization", "name": told.creator},
        "datePublished": told.published,
        "version": told.version,
        "keywords": KEYWORDS,
        "distribution": [archive, *inside],
        "recordSet": [_classes(manifest["classes"])],
    }


def _describe(manifest: Mapping[str, Any]) -> str:
    name = manifest["scheme"]["name"] if "scheme" in manifest else manifest["encoding"]["name"]
    rows = manifest["files"]["encryption.npy"]["shape"][0]
    treated = f", and treated ({manifest['treatment']})" if "treatment" in manifest else ""
    return (
        f"A challenge: {rows} encryptions of {manifest['images']} private images, made by the "
        f"encoding {name}{treated}. Recover the images. "
        "Each array has a row for each encryption; "
        "challenge.json has the parameters, and a commitment to the seed and to the images."
    )


def _inside(path: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file of the archive."""
    about = manifest["files"].get(path.name)
    words = "Parameters, digests and commitments."
    if about is not None:
        shape = ", ".join(map(str, about["shape"]))
        words = (
            f"NumPy array of {about['dtype']}, shape ({shape}), values from "
            f"{about['range'][0]:.6g} to {about['range'][1]:.6g}; the first axis goes over the "
            "encryptions."
        )
    found = _file(path, f"challenge/{path.name}", words)
    return found | {"containedIn": {"@id": ARCHIVE}}


def _file(path: Path, address: str, words: str) -> dict[str, Any]:
    if not path.is_file():
        raise InstaHideError(f"{path} does not exist: only a whole release is described")
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "description": words,
        "contentUrl": address,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": MIME_TYPES[path.suffix],
        "sha256": sha256_of_file(path),
    }


def _classes(names: list[str]) -> dict[str, Any]:
    """Return the names of the classes, by their columns in `label.npy`, inline."""
    fields = {"column": "sc:Integer", "name": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "The class that each column of label.npy stands for.",
        "key": {"@id": "classes/column"},
        "field": [
            {"@type": "cr:Field", "@id": f"classes/{name}", "name": name, "dataType": kind}
            for name, kind in fields.items()
        ],
        "data": [
            {"classes/column": column, "classes/name": name}
            for column, name in enumerate(names)
        ],
    }
