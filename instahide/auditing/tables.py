"""What an audit found as tables, for one's own records: CSV and JSON beside the page."""

import csv
import io
import json
from pathlib import Path

from instahide import __version__
from instahide.auditing.result import AuditResult
from instahide.files import save_text
from instahide.spreadsheets import harmless

COLUMNS = ("file", "class", "attacker", "recognised", "ssim")
# By which spreadsheets know UTF-8; in Python, read the file as "utf-8-sig".
BYTE_ORDER_MARK = "\ufeff"


def table_of(result: AuditResult) -> str:
    """Return a line for each image and attacker as CSV, images in the folder's order.

    Names that a spreadsheet would take for formulas begin with a ``'``.
    """
    text = io.StringIO()
    # All texts are quoted: by itself the writer leaves a name with a carriage return bare.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, (file, group) in enumerate(zip(result.files, result.classes, strict=True)):
        for attacker in result.attackers:
            found = result.found[attacker.name]
            recognised = "yes" if found.recognised[number] else "no"
            names = [harmless(one) for one in (file, group, attacker.name)]
            writer.writerow([*names, recognised, round(float(found.ssim[number]), 6)])
    return text.getvalue()


def save_audit_csv(path: Path | str, result: AuditResult) -> None:
    """Write `table_of` with a byte order mark, for spreadsheets (mode 0600).

    Raises
    ------
    InstaHideError
        When the file cannot be written; names it.
    """
    save_text(path, BYTE_ORDER_MARK + _writable(table_of(result)), secret=True)


def save_told(path: Path | str, result: AuditResult) -> None:
    """Write everything but the images, and the version that found it, as JSON (mode 0600).

    Raises
    ------
    InstaHideError
        When the file cannot be written; names it.
    """
    told = {"version": __version__} | result.told()
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    save_text(path, _writable(text), secret=True)


def _writable(text: str) -> str:
    """Write what stands for bytes that are not UTF-8 as ``\\udcff``, which JSON reads back."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
