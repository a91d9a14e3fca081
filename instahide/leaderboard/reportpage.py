"""The page that `make report` opens on: what was found, boards, curves, recovered images.

One self-contained HTML file that shows private images, so only its owner may read it. The
pipeline comes last; Snakemake's own report lies beside it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import load_private
from instahide.embedding import data_uri
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.files import load_npy, save_text
from instahide.images import to_bytes, to_unit_range
from instahide.leaderboard.ablation import describe_settings
from instahide.leaderboard.htmlpage import render
from instahide.leaderboard.overview import best_by_knowledge, known_in_words, max_ssim_of
from instahide.leaderboard.recheck import load_records, load_taken_in, taken_in
from instahide.leaderboard.records import Record
from instahide.leaderboard.tables import numbered, time_in_words
from instahide.scoring.figures import (
    GROUPS,
    as_pictures,
    choose_examples,
    closest_truths,
    compare_rows,
)
from instahide.scoring.mixed import mixed_images
from instahide.scoring.submission import read_submission

TITLE = "InstaHide: what attacks recovered"
SHOWN_ROWS = 6  # of each group of a gallery
GROUP_TITLES = {
    "best": "Rows that came out best",
    "median": "Rows in the middle",
    "worst": "Rows that came out worst",
}
NO_ATTACK = "No attack has been run on {name} yet, only baselines."


@dataclass(frozen=True)
class BoardLine:
    """An attack or baseline on a board; texts, and the score as a share of 1."""

    place: str
    attack: str
    score: str
    interval: str
    share: float
    known: str
    time: str
    baseline: bool


@dataclass(frozen=True)
class Example:
    """A row of a gallery: pictures as data URIs, and how alike the first two are."""

    number: int
    private: str
    recovered: str
    encryption: str
    likeness: str


@dataclass(frozen=True)
class Gallery:
    """What the best attack with one knowledge recovered, by `GROUP_TITLES`."""

    attack: str
    known: str
    score: str
    groups: Mapping[str, tuple[Example, ...]]


@dataclass(frozen=True)
class ChallengeShown:
    """A challenge on the page."""

    name: str
    parameters: str
    sentences: tuple[str, ...]
    lines: tuple[BoardLine, ...]
    galleries: tuple[Gallery, ...]


def save_report_page(
    path: Path | str,
    results: Path | str,
    attacks: Mapping[str, Sequence[str]],
    pictures: Mapping[str, Path],
    beside: str,
) -> None:
    """Write the page (mode 0600).

    Parameters
    ----------
    path : path
    results : path
        The folder of all results.
    attacks : mapping of str to sequence of str
        Attacks whose results are shown, by challenge, in the order of the page.
    pictures : mapping of str to path
        PNG or SVG files by their titles, or folders of PNG files: curves, and last the
        pipeline.
    beside : str
        Name of Snakemake's own report.

    Raises
    ------
    InstaHideError
        When a file is missing or damaged, or a record is of another challenge.
    """
    shown = [show_challenge(Path(results), name, names) for name, names in attacks.items()]
    *curves, (_, pipeline) = [
        (said, picture_uri(file))
        for title, place in pictures.items()
        for said, file in _files_of(title, Path(place))
    ]
    page = render(
        "report.html.j2",
        title=TITLE,
        challenges=shown,
        group_titles=GROUP_TITLES,
        curves=curves,
        pipeline=pipeline,
        beside=beside,
    )
    save_text(path, page, secret=True)


def _files_of(title: str, place: Path) -> list[tuple[str, Path]]:
    if not place.is_dir():
        return [(title, place)]
    return [(f"{title}: {file.stem}", file) for file in sorted(place.glob("*.png"))]


def show_challenge(results: Path, name: str, attacks: Sequence[str]) -> ChallengeShown:
    """Read what the page shows of a challenge."""
    folder = ChallengeFolder(results / name)
    own = [folder.path / "attacks" / attack / "record.json" for attack in attacks]
    theirs = sorted((folder.path / "submissions").glob("*.json"))
    records = load_records([*own, *theirs], folder)
    records += load_taken_in(taken_in(folder), folder)
    manifest = load_manifest(folder)
    best = best_by_knowledge(records)
    rows = len(load_npy(folder.label))
    return ChallengeShown(
        name,
        describe_settings(manifest),
        tuple(found_in_words(name, manifest["images"], rows, records)),
        tuple(_line(place, record) for place, record in numbered(records)),
        tuple(
            _gallery(folder, attacks[number], records[number], known)
            for known, number in best.items()
            if number < len(attacks)
        ),
    )


def found_in_words(name: str, images: int, rows: int, records: Sequence[Record]) -> list[str]:
    """Return what was found on a challenge, in three sentences or so.

    Parameters
    ----------
    images, rows : int
        Private images, and released encodings of them.
    """
    told = [
        f"In {name}, {images:,} private images are hidden in {rows:,} released rows, each a "
        "mixture that was made to show none of them."
    ]
    attacks = [record for record in records if not record.baseline and not record.reported]
    if not attacks:
        return [*told, NO_ATTACK.format(name=name)]
    knows_pool = [record for record in attacks if record.given and record.given.public_pool]
    others = [record for record in attacks if record not in knows_pool]
    if others:
        best = max(others, key=max_ssim_of)
        told.append(
            f"Without any of the public images that were mixed in, the attack {best.attack} "
            f"recovered the private ones with a Max_SSIM of {max_ssim_of(best):.2f}: 1 is the "
            f"same picture{_compared(records)}."
        )
    if knows_pool:
        best = max(knows_pool, key=max_ssim_of)
        told.append(
            f"An attacker who has these public images reached {max_ssim_of(best):.2f} "
            f"({best.attack})."
        )
    return told


def _compared(records: Sequence[Record]) -> str:
    mean = next((one for one in records if one.baseline and one.attack == "mean"), None)
    if mean is None:
        return ""
    return f", and {max_ssim_of(mean):.2f} is what the mean of all private images gets"


def _line(place: str, record: Record) -> BoardLine:
    value = record.metrics["max_ssim"]
    interval = "" if value.low is None else f"{value.low:.3f} to {value.high:.3f}"
    return BoardLine(
        place,
        record.attack,
        f"{value.mean:.3f}",
        interval,
        float(np.clip(value.mean, 0, 1)),
        record.note if record.baseline else known_in_words(record),
        time_in_words(record),
        record.baseline,
    )


def _gallery(folder: ChallengeFolder, attack: str, record: Record, known: str) -> Gallery:
    """Return rows that an attack recovered best, middling and worst."""
    plan, labelled = load_plan(folder.truth), load_private(folder.private)
    decryption = read_submission(
        folder.path / "attacks" / attack / "decryption.npy",
        shape=(len(plan), *labelled.images.shape[1:]),
    ).decryption
    mixed = mixed_images(plan, labelled.images)
    closest, likeness = compare_rows(
        decryption, to_unit_range(labelled.images), plan.members, mixed
    )
    encryption = load_npy(folder.encryption)
    groups = {}
    for group, rows in choose_examples(likeness, closest, SHOWN_ROWS).items():
        truths = closest_truths(
            labelled.images, plan.members[rows], closest[rows], mixed and mixed(rows)
        )
        columns = (truths, decryption[rows], as_pictures(encryption[rows]))
        pictures = [[data_uri(image) for image in _bytes_of(column)] for column in columns]
        groups[group] = tuple(
            Example(int(row), *shown, f"{likeness[row]:.2f}")
            for row, *shown in zip(rows, *pictures, strict=True)
        )
    return Gallery(
        attack, known, f"{max_ssim_of(record):.3f}", {one: groups[one] for one in GROUPS}
    )


def _bytes_of(images: np.ndarray) -> np.ndarray:
    return images if images.dtype == np.uint8 else to_bytes(images)


def picture_uri(path: Path | str) -> str:
    """Return a PNG or SVG file as a data URI.

    Raises
    ------
    InstaHideError
        When it cannot be read.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InstaHideError(f"cannot read {path}: {error.strerror}") from None
    kind = "svg+xml" if path.suffix == ".svg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
