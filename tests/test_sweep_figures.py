"""The figures of a sweep, and the overview, as the workflow makes them."""

import pytest
import yaml
from workflow_project import CONFIG, Project

from instahide.leaderboard.points import read_points


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["challenges"] = {"inner": CONFIG["challenges"]["inner"] | {"attacks": ["random"]}}
    config["sweeps"] = {
        "rows": {
            "base": {"private": "set", "scheme": "inside", "k": 4, "n": 20},
            "grid": {"T": [2, 4], "seeds": [1, 2]},
            "attacks": ["mean"],
        }
    }
    project = Project(tmp_path_factory.mktemp("project"), config)
    project.run("--cores", "2")
    return project


def test_the_table_is_read_and_drawn(swept):
    points = read_points(swept.root / "results/sweeps/rows.csv")
    assert len(points) == 2 * 2
    assert points.varying() == ["T"]
    curves = swept.root / "results/sweeps/rows/curves"
    assert [path.name for path in curves.glob("*.png")] == ["max_ssim-by-T.png"]


def test_the_overview_lists_challenges_and_sweeps_but_no_points(swept):
    page = (swept.root / "results/index.md").read_text(encoding="utf-8")
    assert "| [inner](inner/leaderboard.html) |" in page
    assert "[max\\_ssim-by-T](sweeps/rows/curves/max_ssim-by-T.png)" in page
    assert "(sweeps/rows.csv)" in page
    assert page.count("\n| [") == 1


def test_nothing_is_made_twice(swept):
    assert swept.stale("all") == set()


def test_figures_are_in_the_report(swept):
    swept.run("--report", "report.html")
    page = (swept.root / "report.html").read_text(encoding="utf-8")
    assert "max_ssim-by-T.png" in page
    assert "the range over seeds" in page and "results/index.html" in page
