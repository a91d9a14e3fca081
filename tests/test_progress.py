import io
import sys

import pytest

from instahide import progress
from instahide.progress import announce, briefly, progress_bar


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


def test_within_briefly_only_what_takes_long_is_shown(capsys, monkeypatch):
    with briefly():
        announce("memory: 3 MB", detail=True)
        announce("attacker 1 of 3")
        with progress_bar(2, "mixing") as bar:
            bar.update(2)
        monkeypatch.setattr(progress, "BRIEF_INTERVAL", 0.0)
        with progress_bar(2, "solving") as bar:
            bar.update()
    announce("memory: 4 MB", detail=True)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "attacker 1 of 3" and third == "memory: 4 MB"
    assert second.startswith("solving:  50% 1/2")


def test_within_briefly_a_bar_leaves_nothing_on_a_terminal(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with briefly(), progress_bar(2, "mixing", "row") as bar:
        bar.update(2)
    assert "mixing" in terminal.getvalue() and terminal.getvalue().endswith("\r")


def test_a_slow_unit_stands_right_behind_its_stroke(capsys, monkeypatch):
    times = iter([0.0, 8.0, 8.0, 8.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with progress_bar(2, "mixing", "rows") as bar:
        bar.update(2)
    assert "4.00s/rows" in capsys.readouterr().err
