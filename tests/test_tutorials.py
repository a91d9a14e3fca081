"""The tutorials run from top to bottom, and what they promise comes true."""

import json

import pytest
from pagecode import blocks_of, commands_of, matches, run_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a reader who has done the first lesson."""
    folder = tmp_path_factory.mktemp("reader")
    names = run_page("tutorials/first-challenge.md", folder)
    assert repr(names["challenge"]) == "Challenge(mine: cross, 20 private images, 400 rows)"
    return folder


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Figures without a screen."""
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.mark.slow
def test_the_first_challenge(folder):
    assert (folder / "rows.png").stat().st_size > 1000
    assert sorted(path.name for path in (folder / "photos/others").iterdir()) == [
        "cat.png", "hopper.png", "motorcycle_right.png", "rocket.png",
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.slow
def test_break_it(folder):
    names = run_page("tutorials/break-it.md", folder)
    assert names["exact"] >= 15
    assert 0 < names["result"].metrics["max_ssim"].mean < 0.5
    assert (folder / "came-back.png").stat().st_size > 1000


@pytest.mark.long
@pytest.mark.slow
def test_audit(tmp_path):
    names = run_page("tutorials/audit.md", tmp_path)
    assert names["told"] == json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert (tmp_path / "twice.html").exists()


def test_blocks_and_commands_are_found():
    assert [language for language, _ in blocks_of("tutorials/audit.md")].count("console") == 3
    block = "$ one \\\n    --two\nit says\n$ three\n"
    assert list(commands_of(block)) == [("one \\\n    --two", "it says\n"), ("three", "")]


@pytest.mark.parametrize(
    ("told", "printed", "same"),
    [
        ("a b\n", "a  b", True),
        ("Max_SSIM 0.8… …\n…\n4 rows", "Max_SSIM  0.83 0.7 … 0.9\nMin 1\n4 rows\n", True),
        ("Max_SSIM 0.8… …", "Max_SSIM 0.7 0.6 … 0.8", False),
        ("", "anything", False),
        ("a.c", "abc", False),
    ],
)
def test_what_is_printed_is_compared(told, printed, same):
    assert matches(told, printed) == same
