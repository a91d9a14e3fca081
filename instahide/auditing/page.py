"""The page of an audit: one self-contained HTML file that answers in its first screen.

Nothing on it comes from elsewhere, and its policy lets nothing in: pictures are data URIs, and
its one script is named by its digest. Without the script it is complete, the most leaked images
first; with it, the list can be put into other orders. Equal results give equal bytes.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from instahide import __version__
from instahide.auditing import words
from instahide.auditing.alike import alike_another
from instahide.auditing.curve import draw_curve
from instahide.auditing.protections import PROTECTIONS, WHAT_FOLLOWS, measured_augmentations
from instahide.auditing.result import Attacker, AuditResult
from instahide.embedding import LOSSLESS, Way, choose_way, data_uri
from instahide.files import save_text
from instahide.leaderboard.htmlpage import render

_ROOM = "instahide.auditing"
PAIRS = 3  # pairs of pictures on the first screen
SETTING_TITLES = {
    "k": "Images in each mixture",
    "rows_per_image": "Encryptions of each image",
    "scheme": "Scheme",
    "augmentation": "Done to images before they are mixed",
    "size": "Side of the images, in pixels",
    "channels": "Colour",
    "public": "Public images mixed in",
    "seed": "Seed of all random choices",
    "threshold": "Least likeness that counts as recognisable",
    "margin": "Least lead over your other images",
}
SETTING_VALUES = {
    ("scheme", "cross"): "two private images in each mixture, the others public (cross)",
    ("scheme", "inside"): "all images of a mixture private (inside)",
    ("channels", 1): "grey",
    ("channels", 3): "colour",
}


@dataclass(frozen=True)
class Ranked:
    """An attacker in the order of the page, to whom most came back first.

    Attributes
    ----------
    name : str
        ``Attacker 1`` and so on, as the page calls him.
    attacker : Attacker
    recognised : int
    share : str
        The same in words.
    """

    name: str
    attacker: Attacker
    recognised: int
    share: str


@dataclass(frozen=True)
class Pictured:
    """A picture of what came back of an image to an attacker, or of the image itself."""

    picture: str
    alternative: str
    recognised: bool = False
    called: str = ""
    likeness: str = ""


@dataclass(frozen=True)
class Card:
    """An image with all that came back of it."""

    file: str
    group: str
    original: Pictured
    found: tuple[Pictured, ...]

    @property
    def leaked(self) -> bool:
        """Whether some attacker recognised it."""
        return any(one.recognised for one in self.found)


@dataclass(frozen=True)
class Answer:
    """What the first screen says.

    Attributes
    ----------
    verdict : str
    remarks : tuple of str
        What has to be known with it.
    leaks : bool
        Whether images came back.
    untold : bool
        Whether nothing can be said, as all images are alike.
    pairs : tuple of Card
        The worst, with what came back to the first attacker alone.
    pairs_title : str
    """

    verdict: str
    remarks: tuple[str, ...]
    leaks: bool
    untold: bool
    pairs: tuple[Card, ...]
    pairs_title: str


def page_of(result: AuditResult) -> str:
    """Return what an audit found as a page of HTML."""
    ranked = rank_attackers(result)
    alike = alike_another(result.images, result.settings["margin"])
    order = leaked_first(result).tolist()
    batches = [result.images, *(result.found[one.attacker.name].images for one in ranked)]
    way = choose_way(batches)
    script = files(_ROOM).joinpath("templates", "audit.js").read_text(encoding="utf-8")
    return render(
        "audit.html.j2",
        room=_ROOM,
        title=f"What leaks from {words.printed(result.title)}",
        folder=words.printed(result.title),
        policy=policy_of(script),
        script=script,
        words=words,
        answer=answer_of(result, ranked, alike),
        ranked=ranked,
        cards=[card_of(result, number, ranked, alike, way) for number in order],
        side=result.images.shape[1:3],
        compressed=way.words,
        grouped=any(result.classes),
        chance=words.chance_words(result.chance, len(result.images)),
        **_curve(result, ranked),
        protections=PROTECTIONS,
        introduction=WHAT_FOLLOWS,
        measured=measured_augmentations(),
        reading=list(map(words.printed, result.reading)),
        unreadable=[tuple(map(words.printed, one)) for one in result.unreadable],
        rule=words.rule_words(result.settings["threshold"], result.settings["margin"]),
        settings=list(_settings(result.settings)),
        told=_counted(result),
        version=__version__,
    )


def save_page(path: Path | str, result: AuditResult) -> None:
    """Write `page_of` (mode 0600).

    Raises
    ------
    InstaHideError
        When the file cannot be written; names it.
    """
    save_text(path, page_of(result), secret=True)


def policy_of(script: str) -> str:
    """Return a content security policy that lets in the page's own pictures and this script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def rank_attackers(result: AuditResult) -> list[Ranked]:
    """Return the attackers, to whom most images came back first; equal ones as they were."""
    total = len(result.images)
    counts = {
        one.name: int(result.found[one.name].recognised.sum()) for one in result.attackers
    }
    order = sorted(result.attackers, key=lambda one: -counts[one.name])
    return [
        Ranked(
            f"Attacker {number}", one, counts[one.name], words.share(counts[one.name], total)
        )
        for number, one in enumerate(order, start=1)
    ]


def leaked_first(result: AuditResult) -> np.ndarray:
    """Return the images' numbers: those that most attackers recognise first, then the likest.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    found = list(result.found.values())
    recognised = np.sum([one.recognised for one in found], axis=0)
    likeness = np.mean([one.ssim for one in found], axis=0)
    return np.lexsort((-likeness, -recognised))


def card_of(
    result: AuditResult, number: int, ranked: Sequence[Ranked], alike: np.ndarray, way: Way
) -> Card:
    """Return an image with what came back of it to these attackers.

    Parameters
    ----------
    alike : ndarray of bool, shape (n,)
        See `instahide.auditing.alike.alike_another`.
    """
    file = words.printed(result.files[number])
    return Card(
        file,
        words.printed(result.classes[number]),
        Pictured(data_uri(result.images[number], way), f"original of {file}"),
        tuple(_shown(result, number, one, bool(alike[number]), way) for one in ranked),
    )


def answer_of(result: AuditResult, ranked: Sequence[Ranked], alike: np.ndarray) -> Answer:
    """Return what the first screen says."""
    total, worst = len(result.images), ranked[0]
    untold = bool(alike.all()) and not worst.recognised
    remarks = [] if untold else [words.alike_remark(int(alike.sum()), total)]
    if untold:
        verdict = words.verdict_of_alike(total)
        remarks.append(words.NOT_TOLD_APART)
    elif worst.recognised:
        verdict = words.verdict(worst.recognised, total, worst.attacker.words)
        remarks.append(words.no_more_than_chance(worst.recognised, result.chance))
    else:
        verdict = words.verdict_of_nothing(total, len(ranked))
        remarks.append(words.NO_PROOF)
    pairs = tuple(
        card_of(result, one, ranked[:1], alike, LOSSLESS) for one in _worst(result, worst)
    )
    return Answer(
        verdict,
        tuple(filter(None, remarks)),
        worst.recognised > 0,
        untold,
        pairs,
        words.pairs_title(len(pairs), worst.recognised > 0),
    )


def _worst(result: AuditResult, ranked: Ranked) -> list[int]:
    """Return the images that an attacker got best: the recognised ones, or else the likest."""
    found = result.found[ranked.attacker.name]
    order = np.lexsort((-found.ssim, ~found.recognised)).tolist()
    return order[: min(PAIRS, ranked.recognised or PAIRS)]


def _shown(result: AuditResult, number: int, ranked: Ranked, alike: bool, way: Way) -> Pictured:
    found = result.found[ranked.attacker.name]
    recognised = bool(found.recognised[number])
    file = words.printed(result.files[number])
    called = words.called(recognised, alike)
    return Pictured(
        data_uri(found.images[number], way),
        words.alternative_text(file, ranked.name.lower(), called),
        recognised,
        called,
        words.likeness_words(found.ssim[number]),
    )


def _curve(result: AuditResult, ranked: Sequence[Ranked]) -> dict[str, Any]:
    """Return the curve, its sentences and its table: encryptions and a cell per attacker."""
    total = len(result.images)
    counts = {(one.attacker, one.rows_per_image): one.recognised for one in result.points}
    rows = sorted({one.rows_per_image for one in result.points})
    names = [one.attacker.name for one in ranked]
    own = [[(t, counts[name, t]) for t in rows if (name, t) in counts] for name in names]
    return {
        "curve": draw_curve(result.points, names, total),
        "curve_words": [
            words.curve_words(line, total, one.name)
            for line, one in zip(own, ranked, strict=True)
            if line
        ]
        + [
            words.nothing_words(one.rows_per_image, by.name, words.printed(one.reason))
            for by in ranked
            for one in result.points
            if one.reason and one.attacker == by.attacker.name
        ]
        + [words.only_rows_words(one) for one in rows if len(rows) == 1 and one > 1],
        "curve_table": [
            (f"{t:,}", [str(counts.get((name, t), "not tried")) for name in names])
            for t in rows
        ],
    }


def _settings(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield titles and values; those that have no title here under their own names."""
    for key in [*SETTING_TITLES, *(one for one in settings if one not in SETTING_TITLES)]:
        if key in settings:
            value = settings[key]
            told = next(
                (said for one, said in SETTING_VALUES.items() if one == (key, value)), value
            )
            yield (
                SETTING_TITLES.get(key, words.printed(key)),
                words.printed(f"{told}") or "none",
            )


def _counted(result: AuditResult) -> dict[str, tuple[str, str]]:
    """Return by attacker the attack that counted, and what it took of one processor's time.

    On as many encryptions as the pictures are of, which need not be the most.
    """
    rows = result.settings["rows_per_image"]
    return {
        one.attacker: (one.attack, f"{one.cpu_seconds:,.0f} s")
        for one in result.points
        if one.rows_per_image == rows
    }
