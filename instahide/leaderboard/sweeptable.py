"""The tidy table of a sweep: a line for each point and attack, every parameter a column.

What a point is comes from its own files: `challenge.json`, the record of each attack and, of a
training, `accuracy.json`. None of them is made for the table.
"""

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.errors import InstaHideError
from instahide.files import save_text
from instahide.leaderboard.knowledge import in_two_words
from instahide.leaderboard.records import Record, Value, load_record
from instahide.leaderboard.sweepcolumns import (
    COST_COLUMNS,
    SWEEP_COLUMNS,
    Cells,
    cell,
    encoding_cells,
    manifest_cells,
)
from instahide.scoring.metrics import METRICS
from instahide.smalljson import read_object
from instahide.training.recipe import UNENCRYPTED


def save_sweep_table(
    out: Path | str,
    sweep: str,
    points: Iterable[Mapping[str, Any]],
    truth: Collection[str] = (),
    results: Path | str = "results",
) -> None:
    """Write the table of a sweep, see `sweep_lines`."""
    lines = list(sweep_lines(sweep, points, truth, Path(results)))
    save_text(out, sweep_csv(lines))


def sweep_lines(
    sweep: str, points: Iterable[Mapping[str, Any]], truth: Collection[str], results: Path
) -> list[Cells]:
    """Return the lines of a sweep's table, what does not apply left out.

    Parameters
    ----------
    sweep : str
        Its name.
    points : iterable of mapping
        As `instahide.sweeps.expansion.Expanded` has them.
    truth : collection of str
        The attacks that see the truth.
    results : path
        The folder that the names of challenges are below.

    Raises
    ------
    InstaHideError
        When a file is missing or damaged.
    """
    lines, runs = [], {}
    for point in points:
        shared, run = _point_line(sweep, point, results)
        if run:
            runs[shared["point"]] = run
        folder = results / str(point["challenge"]) / "attacks"
        records = [load_record(folder / name / "record.json") for name in point["attacks"]]
        names = point["attacks"] or [None]
        told = [attack_cells(record, record.attack in truth) for record in records] or [{}]
        lines += [
            shared | ({"attack": name} if name else {}) | cells
            for name, cells in zip(names, told, strict=True)
        ]
    return [line | _lost(line, runs) for line in lines]


def sweep_csv(lines: Iterable[Cells]) -> str:
    """Return lines as CSV, numbers with six significant digits."""
    lines, text = list(lines), io.StringIO()
    own = sorted({key for line in lines for key in line} - set(SWEEP_COLUMNS))
    writer = csv.DictWriter(text, [*SWEEP_COLUMNS, *own], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: cell(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


def attack_cells(record: Record, sees_truth: bool) -> Cells:
    """Return what a record tells: what was given, metrics with their intervals, cost."""
    given = record.given
    line: Cells = {"baseline": record.baseline}
    if given:
        knowledge, labels = in_two_words(given)
        line |= {"labels": labels, "knowledge": "truth" if sees_truth else knowledge}
    for name in METRICS:
        line |= _interval(name, record.metrics[name])
    if record.recovered_set:
        line |= _interval("set_ssim", record.recovered_set)
    return line | {name: getattr(record, name) for name in COST_COLUMNS}


def _point_line(
    sweep: str, point: Mapping[str, Any], results: Path
) -> tuple[Cells, Cells | None]:
    """Return what all lines of a point share, and what its training is, if it has one."""
    name = point["challenge"] or f"training/{point['training']}"
    line: Cells = {"sweep": sweep, "point": name, "seed": point["seed"]}
    known = point["pool_known"] if point["pool"] else None
    line |= {"pool": point["pool"], "pool_known": known}
    run = None
    if point["training"]:
        path = results / f"training/{point['training']}/{point['seed']}/accuracy.json"
        cells, run = _training_cells(path)
        line |= cells | {"training": point["training"]}
    if point["challenge"]:
        line |= manifest_cells(load_manifest(ChallengeFolder(results / point["challenge"])))
    return line, run


def _training_cells(path: Path) -> tuple[Cells, Cells]:
    """Return what `accuracy.json` tells, and what it is compared by."""
    found = read_object(path)
    try:
        training, accuracy = found["training"], found["accuracy"]
        encoding = training["encoding"] or {"name": UNENCRYPTED, "options": {}}
        schedule = training["schedule"]
        line = encoding_cells(str(encoding["name"]), encoding["options"])
        line |= dict(zip(("size", "size", "channels"), map(int, found["image_shape"]),
                         strict=True))  # fmt: skip
        encrypted = accuracy["encrypted_10"]
        line |= {
            "epochs": int(schedule["epochs"]),
            "accuracy": float(accuracy["plain"]),
            "accuracy_encrypted_10": None if encrypted is None else float(encrypted),
        }
        run = {
            "alike": (found["data"], training["network"]["text"],
                      json.dumps(schedule, sort_keys=True)),
            "plain": training["encoding"] is None,
            "accuracy": line["accuracy"],
        }  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InstaHideError(
            f"{path} lacks what a sweep's table needs ({error}): make it again"
        ) from None
    return line, run


def _lost(line: Cells, runs: Mapping[str, Cells]) -> Cells:
    """Return what a training loses against the plain one that is alike, if there is one."""
    own = runs.get(line["point"])
    if own is None:
        return {}
    plain = [
        run["accuracy"]
        for run in runs.values()
        if run["plain"] and run["alike"] == own["alike"]
    ]
    return {"accuracy_lost": plain[0] - own["accuracy"]} if plain else {}


def _interval(name: str, value: Value) -> Cells:
    return {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
