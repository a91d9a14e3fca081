"""The leaderboard as Markdown, CSV and HTML, made from records."""

import csv
import io
import re
from dataclasses import asdict, fields
from pathlib import Path

from instahide.attacks.protocol import Knowledge
from instahide.files import save_text
from instahide.leaderboard.htmlpage import MORE_TO_THE_SIDE, Cell, render
from instahide.leaderboard.records import Record, rank
from instahide.scoring.metrics import METRICS
from instahide.scoring.score import TITLES
from instahide.spreadsheets import harmless

INTRODUCTION = (
    "Ranked by Max_SSIM: the structural similarity of each recovered image to the closer of "
    "its private images, averaged over all rows. The ranges are 95 % bootstrap intervals over "
    "the private images. L2 is the mean squared error on [-1, 1]."
)
WITHOUT_RANK = "Baselines have no rank: they are no attacks, and most of them see the truth."
REPORTED = (
    "“Reported” marks results of 2020 as their authors reported them for the challenge of "
    "that year: not measured here, without intervals, and for other images."
)
UNCHECKED = (
    "“Not rechecked” marks results whose decryption is not kept beside their record: their "
    "numbers are what the record says, and were not scored again for this table."
)
_FIGURE_SPACE = "\u2007"  # as wide as a digit
_GIVEN = {
    "images": "number of images",
    "public_distribution": "public distribution",
    "public_pool": "public pool",
    "generator": "generator",
}


def save_leaderboard(folder: Path | str, records: list[Record], title: str) -> None:
    """Write `leaderboard.md`, `.csv` and `.html`."""
    folder = Path(folder)
    save_text(folder / "leaderboard.md", as_markdown(records, title))
    save_text(folder / "leaderboard.csv", records_as_csv(records))
    save_text(folder / "leaderboard.html", as_html(records, title))


def as_html(records: list[Record], title: str) -> str:
    """Return the leaderboard as a self-contained page; everything is escaped."""
    challenges = _challenges(records)
    numbers = [Cell(TITLES[name], style="number") for name in METRICS]
    titles = [
        Cell("#", style="number"),
        Cell("attack", style="key"),
        *numbers,
        Cell("attacker has"),
        Cell("complexity"),
        Cell("cost"),
        Cell("note"),
    ]
    rows = [
        ("muted" if record.baseline else "", _cells(place, record, len(challenges) > 1))
        for place, record in numbered(records)
    ]
    return render(
        "leaderboard.html.j2",
        title=title,
        introduction=INTRODUCTION,
        hint=MORE_TO_THE_SIDE,
        titles=titles,
        rows=rows,
        remarks=_remarks(records),
    )


def as_markdown(records: list[Record], title: str) -> str:
    """Return the leaderboard as Markdown, safe to show whatever the records hold."""
    titles = ["#", "attack", "who", *(TITLES[name] for name in METRICS)]
    titles += ["attacker has", "complexity", "time", "memory", "hardware"]
    titles += ["date", "challenge", "note"]
    right = {"#", "memory", *TITLES.values()}
    lines = [
        f"# {escape_markdown(title)}",
        "",
        INTRODUCTION,
        "",
        f"| {' | '.join(titles)} |",
        f"| {' | '.join('---:' if name in right else '---' for name in titles)} |",
    ]
    for place, record in numbered(records):
        cells = [place, record.attack, record.who]
        cells += [" ".join(_metric(record, name)).strip() for name in METRICS]
        cells += [_given(record), record.complexity, time_in_words(record)]
        challenge = (record.challenge or "")[:8]
        cells += [_memory(record), record.hardware, record.date, challenge, _note(record)]
        lines.append(f"| {' | '.join(map(escape_markdown, cells))} |")
    return "\n".join(lines) + "\n\n" + "\n\n".join(_remarks(records)) + "\n"


def records_as_csv(records: list[Record]) -> str:
    """Return the leaderboard as CSV: every field of every record, unrounded."""
    text = io.StringIO()
    rows = [_flat(place, record) for place, record in numbered(records)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def numbered(records: list[Record]) -> list[tuple[str, Record]]:
    """Return the records in their order, each with its rank; baselines have none."""
    places, ordered = 0, []
    for record in rank(records):
        places += not record.baseline
        ordered.append(("" if record.baseline else str(places), record))
    return ordered


def _cells(place: str, record: Record, with_challenge: bool) -> list[Cell]:
    digest = (record.challenge or "")[:8] if with_challenge else ""
    below = ", ".join(filter(None, [record.who, record.version, record.date, digest]))
    cost = ", ".join(filter(None, [_memory(record), record.hardware]))
    return [
        Cell(place, style="number"),
        Cell(record.attack, below, "key"),
        *(Cell(*_metric(record, name), style="number") for name in METRICS),
        Cell(_given(record), style="text"),
        Cell(record.complexity),
        Cell(time_in_words(record), cost, "text" if record.reported else "line"),
        Cell(_note(record), style="text"),
    ]


def _metric(record: Record, name: str) -> tuple[str, str]:
    """Return a metric's mean and its interval, both as texts."""
    value = record.metrics.get(name)
    if value is None:
        return "", ""
    if value.low is None:  # reported, with two digits; the space keeps the points aligned
        return f"{value.mean:.2f}{_FIGURE_SPACE}", ""
    return f"{value.mean:.3f}", f"{value.low:.3f}–{value.high:.3f}"


def _given(record: Record) -> str:
    """Return what the attacker was given, in words."""
    if record.baseline:
        return "see the note"
    if record.given is None:
        return "not stated"
    labels = {"coefficients": ["labels"], "classes": ["classes"], "none": []}
    share = record.given.pool_share
    named = _GIVEN | ({"public_pool": f"{share:.3g} of the public pool"} if share != 1 else {})
    others = [text for key, text in named.items() if getattr(record.given, key)]
    return ", ".join(labels[record.given.labels] + others) or "nothing"


def time_in_words(record: Record) -> str:
    """Return the time that it took."""
    parts = [
        f"{_duration(seconds)} {kind}"
        for seconds, kind in ((record.wall_seconds, "wall"), (record.cpu_seconds, "CPU"))
        if seconds is not None
    ]
    return record.reported_cost or ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 99.5:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 99.5 else f"{minutes / 60:.1f} h"


def _memory(record: Record) -> str:
    peak = record.peak_memory_bytes
    if peak is None:
        return ""
    return f"{peak / 1e6:.0f} MB" if peak < 999.5e6 else f"{peak / 1e9:.1f} GB"


def _note(record: Record) -> str:
    marks = ["reported"] if record.reported else []
    marks += ["not rechecked"] if record.rechecked is False else []
    return ": ".join(filter(None, [*marks, record.note]))


def _remarks(records: list[Record]) -> list[str]:
    """Return what a reader of these records has to know."""
    remarks = []
    if any(record.baseline for record in records):
        remarks.append(WITHOUT_RANK)
    if any(record.reported for record in records):
        remarks.append(REPORTED)
    if any(record.rechecked is False for record in records):
        remarks.append(UNCHECKED)
    challenges = _challenges(records)
    if len(challenges) > 1:
        remarks.append(
            f"These are results on {len(challenges)} challenges, named by the beginning of the "
            "SHA-256 of their encryption.npy; compare those on the same one."
        )
    elif challenges:
        remarks.append(f"SHA-256 of the challenge's encryption.npy: {challenges.pop()}")
    return remarks


def _challenges(records: list[Record]) -> set[str]:
    """Return the challenges that records were measured on."""
    return {record.challenge for record in records if record.challenge}


def escape_markdown(text: str) -> str:
    """Escape what Markdown and the HTML in it would not show as it is."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~])", r"\\\1", text)


def _flat(place: str, record: Record) -> dict[str, str | float | None]:
    """Return a record as one row; what is not known stays empty."""
    row: dict[str, str | float | None] = {"rank": place}
    for name, item in asdict(record).items():
        if name == "metrics":
            for metric in METRICS:
                value = item.get(metric, {})
                row[metric] = value.get("mean")
                row |= {f"{metric}_{end}": value.get(end) for end in ("low", "high")}
        elif name == "given":
            for entry in fields(Knowledge):
                row[f"given_{entry.name}"] = item and item[entry.name]
        else:
            row[name] = harmless(item) if isinstance(item, str) else item
    return row
