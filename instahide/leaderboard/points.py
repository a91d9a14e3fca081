"""The CSV of a sweep: reading it, telling what varies in it, and choosing of its lines.

One line for each point, attack and seed: parameters, what the attacker was given, metrics with
intervals, cost, and the accuracy of a network trained on the same encryptions.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from instahide.errors import InstaHideError
from instahide.files import check_file
from instahide.leaderboard.sweepcolumns import (
    COST_COLUMNS,
    SWEPT_METRICS,
    TRAINING_COLUMNS,
)
from instahide.schema import suggest

#: A number, a text, or None where nothing is told.
Told = float | str | None

WORDS = ("sweep", "point", "encoding", "scheme", "pool", "augmentation", "treatment")
WORDS += ("generator", "options", "attack", "labels", "knowledge", "training")
ENDS = tuple(f"{name}_{end}" for name in SWEPT_METRICS for end in ("low", "high"))
OF_TRAINING = tuple(name for name in TRAINING_COLUMNS if name.startswith("accuracy"))
#: What may be drawn upwards.
UPWARDS = (*SWEPT_METRICS, *COST_COLUMNS, *OF_TRAINING)
#: What a point is made with, the first named first; options of its encoding follow.
MADE_WITH = (
    "encoding",
    "scheme",
    "k",
    "T",
    "n",
    "c1",
    "c2",
    "size",
    "channels",
    "augmentation",
    "treatment",
)
MADE_WITH += ("pool_size", "pool_known", "pool", "generator", "epochs", "options")
OWN_OPTION = "option:"
#: A column that is made where encodings differ: encoding, scheme and options in words.
IN_WORDS = "encoding_in_words"
NAMES_OF_ENCODINGS = {
    "cross": "InstaHide cross", "inside": "InstaHide inside", "mixup": "Mixup",
    "mixup-inside": "Mixup inside", "dp-instahide": "DP-InstaHide",
}  # fmt: skip
NEEDED = ("sweep", "point", "seed", "attack", "baseline", "labels", "knowledge", "max_ssim")
KNOWN = {*NEEDED, *WORDS, *ENDS, *UPWARDS, *MADE_WITH}
LABELS = (None, "coefficients", "classes", "none")
KNOWLEDGE = (None, "sample", "pool", "none", "truth")
MOST_TABLE_BYTES = 64 * 2**20
MOST_TEXT = 300  # characters of a cell
VALUES_SHOWN = 8  # values in a sentence
END_TOLERANCE = 1e-5  # the ends of an interval are rounded to six digits


@dataclass(frozen=True)
class Points:
    """Lines of a sweep's CSV.

    Attributes
    ----------
    columns : tuple of str
    lines : tuple of dict
        Of each line a value for each column: a finite float, a text, or None.
    """

    columns: tuple[str, ...]
    lines: tuple[Mapping[str, Told], ...]

    def __len__(self) -> int:
        return len(self.lines)

    def of(self, lines: Iterable[Mapping[str, Told]]) -> "Points":
        """Return other lines with these columns."""
        return Points(self.columns, tuple(lines))

    def values(self, column: str) -> list[Told]:
        """Return the different values of a column: numbers in order, texts as they come."""
        return sorted(dict.fromkeys(line[column] for line in self.lines), key=_order)

    def measured(self, column: str) -> "Points":
        """Return the lines that tell a number there."""
        return self.of(line for line in self.lines if isinstance(line[column], float))

    @property
    def settings(self) -> list[str]:
        """What a point is made with: columns of the format, and options of its encoding."""
        own = [column for column in self.columns if column.startswith(OWN_OPTION)]
        if IN_WORDS in self.columns:
            told = ("encoding", "scheme", "options")
            return [IN_WORDS] + [c for c in MADE_WITH if c in self.columns and c not in told]
        return [column for column in MADE_WITH if column in self.columns] + own

    def varying(self) -> list[str]:
        """Return the settings that differ between points of one seed, where both have them.

        Of those that tell the same lines apart one is returned: a number, or the first.
        """
        first = [name for name in self.settings if self._varies(name)]
        ordered = sorted(first, key=lambda name: not self.is_numeric(name))
        kept: list[str] = []
        for name in ordered:
            if not any(self._tells_as(name, other) for other in kept):
                kept.append(name)
        return [name for name in first if name in kept]

    def is_numeric(self, column: str) -> bool:
        """Tell whether a column holds numbers, in all lines where it holds anything."""
        found = [line[column] for line in self.lines if line[column] is not None]
        return bool(found) and all(isinstance(value, float) for value in found)

    def with_encodings(self) -> "Points":
        """Return the lines with the column `IN_WORDS`, where encodings or schemes differ."""
        if not {"encoding", "scheme"} & set(self.varying()):
            return self
        lines = (
            {**line, IN_WORDS: ", ".join([name_of_encoding(line), *options_in_words(line)])}
            for line in self.lines
        )
        return Points((*self.columns, IN_WORDS), tuple(lines))

    def _varies(self, column: str) -> bool:
        by_seed: dict[Told, set[Told]] = {}
        for line in self.lines:
            by_seed.setdefault(line["seed"], set()).add(line[column])
        by_seed = {seed: found - {None} for seed, found in by_seed.items()}
        return any(len(found) > 1 for found in by_seed.values())

    def _tells_as(self, column: str, other: str) -> bool:
        pairs = {(line[column], line[other]) for line in self.lines}
        return len(pairs) == len(self.values(column)) == len(self.values(other))


def read_points(path: Path | str) -> Points:
    """Read the CSV of a sweep, whoever wrote it.

    Returns
    -------
    Points
        ``augmentation`` and ``treatment`` are ``none`` where the file has nothing.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged; says where and what is expected.
    """
    path = Path(path)
    check_file(path, ".csv file")
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_TABLE_BYTES + 1)
    except OSError as error:
        raise InstaHideError(f"cannot read {path}: {error.strerror or error}") from None
    if len(content) > MOST_TABLE_BYTES:
        raise InstaHideError(
            f"{path} has more than {MOST_TABLE_BYTES} bytes; take fewer points"
        )
    try:
        return parse_points(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InstaHideError(f"{path} is no table of a sweep: it is not UTF-8") from None
    except InstaHideError as error:
        raise InstaHideError(f"{path} is no table of a sweep: {error}") from None


def parse_points(text: str) -> Points:
    """Return the points of a CSV's text, see `read_points`."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InstaHideError(f"{error}") from None
    if not rows:
        raise InstaHideError("it is empty")
    columns = tuple(rows[0])
    _check_columns(columns)
    lines = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            raise InstaHideError(
                f"row {number} has {len(row)} cells, and the first has {len(columns)}"
            )
        where = f"row {number}"
        line = {name: _told(name, cell, where) for name, cell in zip(columns, row, strict=True)}
        _check_line(line, where)
        lines.append(line)
    if not lines:
        raise InstaHideError("it has no points")
    return Points(columns, tuple(lines))


def _check_columns(columns: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise InstaHideError(f"the column {missing[0]} is missing")
    for name in columns:
        if columns.count(name) > 1:
            raise InstaHideError(f"the column {name[:40]!r} is there twice")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*|option:[A-Za-z0-9_]+", name):
            raise InstaHideError(f"{name[:40]!r} is no name of a column")


def _told(column: str, cell: str, where: str) -> Told:
    """Read a cell: a text where the column holds texts, or is none of ours and no number."""
    if column in ("augmentation", "treatment") and not cell:
        return "none"
    if not cell:
        return None
    if len(cell) > MOST_TEXT or not cell.isprintable():
        raise InstaHideError(f"{where}, {column}: a text that is too long or cannot be shown")
    if column in WORDS:
        return cell
    try:
        value = float(cell)
    except ValueError:
        if column in KNOWN:
            raise InstaHideError(f"{where}, {column}: {cell[:40]!r} is no number") from None
        return cell
    if not math.isfinite(value):
        raise InstaHideError(f"{where}, {column}: {cell[:40]!r} is no finite number")
    return value


def _check_line(line: Mapping[str, Told], where: str) -> None:
    """Refuse what no sweep writes."""
    for name, allowed in (
        ("labels", LABELS),
        ("knowledge", KNOWLEDGE),
        ("baseline", (None, 0, 1)),
    ):
        if line[name] not in allowed:
            raise InstaHideError(f"{where}, {name}: {line[name]!r} is not among {allowed[1:]}")
    for name in ("sweep", "point", "seed"):
        if line[name] is None:
            raise InstaHideError(f"{where}: {name} is empty")
    if line["attack"] is None and line["max_ssim"] is not None:
        raise InstaHideError(f"{where}: it has a max_ssim, and names no attack")
    for name in SWEPT_METRICS:
        low, middle, high = (line.get(f"{name}{end}") for end in ("_low", "", "_high"))
        ends = [value for value in (low, middle, high) if value is not None]
        if any(b < a - END_TOLERANCE * max(1, abs(a)) for a, b in pairwise(ends)):
            raise InstaHideError(f"{where}: the interval of {name} does not hold it")


def as_written(value: Told) -> str:
    """Return a value as people write it.

    Examples
    --------
    >>> as_written(50.0), as_written(0.65), as_written(None), as_written(20000.0)
    ('50', '0.65', 'none', '20,000')
    """
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:g}"


def name_of_encoding(line: Mapping[str, Told]) -> str:
    """Return what an encoding, or its scheme, is called.

    Examples
    --------
    >>> name_of_encoding({"encoding": "instahide", "scheme": "mixup"})
    'Mixup'
    """
    name = str(line.get("scheme") or line.get("encoding"))
    return NAMES_OF_ENCODINGS.get(name, name)


def options_in_words(line: Mapping[str, Told]) -> list[str]:
    """Return the options of another encoding than InstaHide, but the number of rows.

    Examples
    --------
    >>> options_in_words({"options": "noise=0.2,rows_per_image=10"})
    ['noise = 0.2']
    """
    parts = filter(None, str(line.get("options") or "").split(","))
    return [part.replace("=", " = ") for part in parts if "rows_per_image" not in part]


def several(values: Sequence[Told]) -> str:
    """Return some values in a line, and dots for those that are left out."""
    shown = ", ".join(map(as_written, values[:VALUES_SHOWN]))
    return f"{shown}, …" if len(values) > VALUES_SHOWN else shown


def title_of(column: str) -> str:
    """Return a column's name as people read it."""
    return TITLES_OF_COLUMNS.get(column, column.removeprefix(OWN_OPTION).replace("_", " "))


TITLES_OF_COLUMNS = {
    IN_WORDS: "encoding", "T": "T", "n": "n", "k": "k", "c1": "c₁", "c2": "c₂",
    "max_ssim": "Max_SSIM", "mean_ssim": "Mean_SSIM", "min_l2": "Min_L2",
    "max_l2": "Max_L2", "mean_l2": "Mean_L2", "set_ssim": "SSIM of the recovered set",
    "pool_size": "images in the pool", "pool_known": "share of the pool that is known",
    "cpu_seconds": "processor seconds", "wall_seconds": "seconds",
    "peak_memory_bytes": "bytes of memory", "accuracy": "share of test images right",
    "accuracy_encrypted_10": "share right, ten encryptions",
    "accuracy_lost": "accuracy lost against plain training",
}  # fmt: skip
#: What is written below an axis.
LONG_TITLES = {
    "T": "T, encryptions of each image", "n": "n, private images",
    "k": "k, images in a mixture", "size": "side of the images, pixels",
    "noise": "noise",
}  # fmt: skip


def check_column(points: Points, column: str, where: str) -> None:
    """Refuse a column that is not there, with the nearest that is.

    Raises
    ------
    InstaHideError
        Names `where`, such as ``--x``, and the column.
    """
    if column not in points.columns:
        told = [name for name in points.columns if points.values(name) != [None]]
        raise InstaHideError(f"{where}: there is no column {column!r}{suggest(column, told)}")


def where_told(points: Points, conditions: Iterable[str]) -> Points:
    """Return the lines that some conditions choose.

    Parameters
    ----------
    conditions : iterable of str
        ``COLUMN=VALUE``, or several values behind commas; ``COLUMN=`` for nothing.

    Raises
    ------
    InstaHideError
        When a column or value is not there.
    """
    for text in conditions:
        column, equals, wanted = text.partition("=")
        if not equals:
            raise InstaHideError(f"--where {text}: write COLUMN=VALUE, such as n=100")
        check_column(points, column, f"--where {text}")
        there = points.values(column)
        # A text may hold commas itself: first it is looked for as it is.
        whole = _found(there, wanted)
        chosen = [whole] if whole else [_found(there, part) for part in wanted.split(",")]
        if not all(chosen):
            shown = ", ".join(map(as_written, there[:VALUES_SHOWN])) + " …" * (
                len(there) > VALUES_SHOWN
            )
            raise InstaHideError(f"--where {text}: {column} is {shown}")
        values = {value for found in chosen for value in found}
        points = points.of(line for line in points.lines if line[column] in values)
    return points


def _found(there: Sequence[Told], wanted: str) -> list[Told]:
    """Return the value that a text names, in a list; an empty one without it."""
    try:
        number = float(wanted)
    except ValueError:
        number = None
    return [
        value
        for value in there
        if value == (wanted or None) or (number is not None and value == number)
    ]


def _order(value: Told) -> tuple[int, float]:
    """Return what orders numbers, then texts, then nothing."""
    return (0, value) if isinstance(value, float) else (1 + (value is None), 0)
