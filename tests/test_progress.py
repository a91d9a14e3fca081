import io
import sys

import pytest

from instahide import progress
from instahide.progress import progress_bar


def test_without_a_terminal_one_line_is_printed_at_the_end(capsys):
    with progress_bar(4, "mixing", "row") as bar:
        for _ in range(4):
            bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("mixing: 100%") and "4/4" in lines[0] and "row/s" in lines[0]


def test_without_a_terminal_lines_come_at_intervals(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    with progress_bar(3, "mixing") as bar:
        for _ in range(3):
            bar.update()
    assert capsys.readouterr().err.count("\n") == 4


def test_bytes_are_scaled_and_an_unknown_total_is_fine(capsys):
    with progress_bar(None, "download", "B", start=1_000_000) as bar:
        bar.update(500_000)
    assert "1.50MB" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar(2, "mixing", "row") as bar:
        bar.update(2)
    assert "\r" in terminal.getvalue() and "2/2" in terminal.getvalue()


def test_the_last_line_is_printed_when_the_work_fails(capsys):
    with pytest.raises(ValueError), progress_bar(2, "mixing") as bar:
        bar.update()
        raise ValueError
    assert "1/2" in capsys.readouterr().err
