"""What an audit found, as data: the page, the CSV and the JSON are made of it.

It holds the images themselves and names their files, so only its owner may read it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz


@dataclass(frozen=True)
class Attacker:
    """Somebody who wants the images, by what he knows.

    Attributes
    ----------
    name : str
        A word for files and tables, such as ``photos``.
    words : str
        What he knows, so that ``an attacker who {words}`` is plain English.
    attack : str
        Name of the attack that is run for him on many encryptions; see `Point.attack`.
    """

    name: str
    words: str
    attack: str


@dataclass(frozen=True)
class CameBack:
    """What came back to one attacker: for each original the recovered image that is it, or the
    likest one.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, H, W, C)
    ssim : ndarray of float64, shape (n,)
        Structural similarity of each with its original, at most 1.
    recognised : ndarray of bool, shape (n,)
        Whether it is recognisable, see `instahide.auditing.recognition`.
    """

    images: np.ndarray
    ssim: np.ndarray
    recognised: np.ndarray


@dataclass(frozen=True)
class Point:
    """How many images an attacker recognised with so many encryptions of each.

    Attributes
    ----------
    attacker : str
        His name.
    rows_per_image : int
        Encryptions of each image, T.
    recognised : int
    mean_ssim : float
        Mean of `CameBack.ssim`.
    cpu_seconds : float
        Of the attack.
    attack : str
        Name of the attack whose result counts: who knows more may use what needs less.
    reason : str
        Why the attack ended without any image; "" where it recovered some.
    """

    attacker: str
    rows_per_image: int
    recognised: int
    mean_ssim: float
    cpu_seconds: float
    attack: str = ""
    reason: str = ""


@dataclass(frozen=True)
class AuditResult:
    """All that an audit found.

    Attributes
    ----------
    title : str
        Name of the folder that was audited.
    images : ndarray of uint8, shape (n, H, W, C)
        The originals as they were encrypted; C is 1 or 3.
    files : tuple of str
        Their files, relative to the folder.
    classes : tuple of str
        The class of each, its sub-folder's name; ``""`` where there are no sub-folders.
    reading : tuple of str
        Sentences on how files became images: sizes, crops, bits, colours.
    unreadable : tuple of (str, str)
        Files that could not be used, each with the reason.
    settings : dict
        How they were encrypted, JSON: ``k``, ``rows_per_image``, ``scheme``, ``augmentation``
        (a text, empty for none), ``size``, ``channels``, ``public`` (a text that says which
        public images were mixed in), ``seed``, ``threshold`` and ``margin`` of recognition.
    attackers : tuple of Attacker
    found : dict of str to CameBack
        By an attacker's name, for all encryptions that were made of each image.
    points : tuple of Point
        The same counted, for these and for fewer encryptions.
    chance : float
        How many images are recognised in guesses that owe nothing to the encryptions.
    """

    title: str
    images: np.ndarray
    files: tuple[str, ...]
    classes: tuple[str, ...]
    reading: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    settings: dict[str, Any]
    attackers: tuple[Attacker, ...]
    found: dict[str, CameBack]
    points: tuple[Point, ...]
    chance: float

    def told(self) -> dict[str, Any]:
        """Return everything but the images, as JSON holds it."""
        return {
            "title": self.title,
            "files": list(self.files),
            "classes": list(self.classes),
            "reading": list(self.reading),
            "unreadable": [list(one) for one in self.unreadable],
            "settings": self.settings,
            "attackers": [asdict(one) for one in self.attackers],
            "points": [asdict(one) for one in self.points],
            "chance": self.chance,
            "found": {
                name: {
                    "ssim": [round(float(one), 6) for one in found.ssim],
                    "recognised": found.recognised.tolist(),
                }
                for name, found in self.found.items()
            },
        }


def save_result(path: Path | str, result: AuditResult) -> None:
    """Write what an audit found as `.npz` (mode 0600)."""
    arrays = {"told": np.array(json.dumps(result.told())), "images": result.images}
    arrays |= {f"found_{name}": found.images for name, found in result.found.items()}
    save_npz(path, arrays, secret=True)


def load_result(path: Path | str) -> AuditResult:
    """Read what `save_result` wrote.

    Raises
    ------
    InstaHideError
        When the file is missing or holds something else.
    """
    arrays = load_npz(path)
    try:
        told = json.loads(arrays["told"].item())
        found = {
            name: CameBack(
                arrays[f"found_{name}"],
                np.array(one["ssim"], np.float64),
                np.array(one["recognised"], bool),
            )
            for name, one in told.pop("found").items()
        }
        return AuditResult(
            images=arrays["images"],
            files=tuple(told.pop("files")),
            classes=tuple(told.pop("classes")),
            reading=tuple(told.pop("reading")),
            unreadable=tuple((file, reason) for file, reason in told.pop("unreadable")),
            attackers=tuple(Attacker(**one) for one in told.pop("attackers")),
            points=tuple(Point(**one) for one in told.pop("points")),
            found=found,
            **told,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InstaHideError(f"{path} is no result of an audit: {error}") from None
