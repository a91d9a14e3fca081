"""The picture of docs/theory.md: what is taken from the tables beside it."""

import sys
from pathlib import Path

import pytest
from sweeptable import as_csv, lines_of

from instahide.leaderboard.points import parse_points, read_points

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def drawtheory(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import drawtheory

    yield drawtheory
    del sys.modules["drawtheory"]


def test_the_fewest_rows_that_suffice_are_found(drawtheory):
    lines = [
        line | {"max_ssim": value, "max_ssim_low": "", "max_ssim_high": ""}
        for T, value in ((2, 0.3), (5, 0.7), (8, 0.81), (10, 0.79), (20, 0.9))
        for line in lines_of({"T": [T], "n": [20]}, seeds=[1], attacks=["whitened"])
        if line["attack"] == "whitened"
    ]
    assert drawtheory.rows_needed(parse_points(as_csv(lines))) == {6: {20: [(160, 100)]}}


def test_seconds_are_those_of_the_decoding(drawtheory):
    lines = [
        line | {"cpu_seconds": 5, "option:start_seconds": 2}
        for line in lines_of({"pool_size": [500, 1000]}, seeds=[1, 2], attacks=["pool"])
        if line["attack"] == "pool"
    ]
    points = parse_points(as_csv(lines, ["option:start_seconds"]))
    assert drawtheory.decoding_seconds(points) == {6: {500: [3, 3], 1000: [3, 3]}}


def test_the_tables_of_the_page_are_drawn(drawtheory, tmp_path, monkeypatch):
    assert set(read_points(DOCS / "theory-rows.csv").values("k")) == {2.0, 6.0}
    monkeypatch.setattr(sys, "argv", ["drawtheory.py", "--out", str(tmp_path / "a.png")])
    drawtheory.main()
    assert (tmp_path / "a.png").stat().st_size > 20_000
