"""What encryption costs, in a table: means, intervals, and the paper's figures marked."""

import csv
import io
import json
import math

import numpy as np
import pytest

from instahide.errors import InstaHideError
from instahide.training.table import (
    RunResult,
    csv_table,
    draw_accuracy,
    grouped,
    load_reported,
    markdown_table,
    mean_over,
    read_run,
    save_table,
)

INSTAHIDE = {
    "name": "instahide",
    "target": "a:b",
    "options": {"scheme": {"name": "cross", "k": 4}, "generator": "aes256-ctr"},
}


def write(folder, training, seed, plain, *, encoding=INSTAHIDE, epochs=10, mixed=0.5, **more):
    path = folder / training / str(seed) / "accuracy.json"
    path.parent.mkdir(parents=True)
    enc = dict.fromkeys(["encrypted", "encrypted_10", "largest_10"], mixed)
    content = {
        "accuracy": {"images": 400, "plain": plain, **enc},
        "training": {
            "encoding": encoding,
            "network": {"kind": "network", "text": "laptop", "target": "a:b"},
            "input": "abs",
            "schedule": {"epochs": epochs, "seed": seed},
        },
        "data": "cifar10",
        "classes": load_reported()["classes"],
        "images": 800,
        "recorded": 0,
        "processor_seconds": 12.5,
    } | more
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def paths(tmp_path):
    none = {"encoding": None, "mixed": None}
    return [
        write(tmp_path, "cross", 0, 0.50),
        write(tmp_path, "none", 0, 0.80, **none),
        write(tmp_path, "cross", 1, 0.56),
        write(tmp_path, "none-30", 0, 0.9, epochs=30, **none),
        write(tmp_path, "mine", 0, 0.3, encoding={"name": "m:f", "options": {"noise": 0.1}}),
    ]


def test_means_and_intervals_count_seeds_and_images(paths):
    cross, none, *_ = grouped(map(read_run, paths))
    mean = mean_over(cross, "plain")
    between = np.std([0.50, 0.56], ddof=1) / math.sqrt(2)
    images = math.sqrt(0.53 * 0.47 / 400)
    assert mean.share == pytest.approx(0.53)
    assert mean.half == pytest.approx(1.96 * math.hypot(between, images), rel=1e-4)
    assert str(mean_over(none, "plain")) == "80.0 ± 3.9"
    assert mean_over(none, "largest_10") is None


def test_intervals_of_seeds_that_share_images_hold_the_truth():
    """An oracle: networks whose true shares differ by seed, tested on drawn images."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        shares = 0.6 + 0.02 * rng.standard_normal(3)
        luck = 0.02 * rng.standard_normal()  # of the images, for all seeds
        runs = [run(share + luck) for share in shares]
        mean = mean_over(runs, "plain")
        inside += abs(mean.share - 0.6) <= mean.half
    assert inside / 400 > 0.93


def run(share):
    images = round(0.6 * 0.4 / 0.02**2)  # whose luck has a standard error of .02
    named = ("a", "cifar10", ("cat",), "b", "c", "abs")
    return RunResult(*named, 1, 9, images, 0, 0, {"plain": share}, 1.0)


def test_the_table_tells_ours_and_marks_what_is_reported(paths):
    text = markdown_table(grouped(map(read_run, paths)))
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[2].startswith("| cross | cross, k = 4 | abs | 10 | 2 | 53.0 ± ")
    assert lines[2].endswith("| 27.0 | 12 | 90.7 |")
    assert lines[3].endswith("|  |  |  |  | 12 | 94.8 |")
    assert "m:f, noise = 0.1" in lines[5] and lines[5].endswith("| 50.0 | 12 |  |")
    assert load_reported()["note"] in text and "800 images to train, 400 to test" in text


def test_the_csv_has_the_same_and_the_papers_rows_apart(paths):
    lines = list(csv.DictReader(io.StringIO(csv_table(grouped(map(read_run, paths))))))
    ours = [line for line in lines if line["reported"] == "no"]
    assert [line["training"] for line in ours] == ["cross", "none", "none-30", "mine"]
    assert ours[0]["plain"] == "0.5300" and ours[1]["largest_10"] == ""
    assert ours[0]["below_none"] == "0.2700" and ours[2]["below_none"] == ""
    paper = [line for line in lines if line["reported"] == "yes"]
    assert {line["encoding"]: float(line["plain"]) for line in paper} == (
        load_reported()["accuracy"]
    )


def test_the_figure_has_a_line_for_each_encoding(paths):
    figure = draw_accuracy(grouped(map(read_run, paths)))
    axes = figure.axes
    assert len(axes[0].containers) == 3 and len(axes[1].containers) == 2
    none = axes[0].containers[1]
    assert none[0].get_ydata().tolist() == [80, 90]
    assert none[0].get_xdata() == pytest.approx([10, 30], rel=0.05)
    x = [container[0].get_xdata()[0] for container in axes[0].containers]
    assert len(set(x)) == 3  # side by side, or they hide each other
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3 and "reported" in legend.get_title().get_text()


def test_all_three_files_are_written(paths, tmp_path):
    save_table(tmp_path / "table.md", paths)
    assert {path.name for path in tmp_path.glob("table.*")} == {
        "table.md",
        "table.csv",
        "table.png",
    }


@pytest.mark.parametrize("lost", ["accuracy", "training", "images", "processor_seconds"])
def test_damaged_results_end_in_a_sentence(lost, tmp_path):
    path = write(tmp_path, "cross", 0, 0.5)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content[lost]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InstaHideError, match="lacks what the table needs"):
        read_run(path)


def test_the_paper_is_quoted_for_its_own_images_only(tmp_path):
    mine = write(tmp_path, "mine", 0, 0.5, data="mine", classes=["cat", "dog"])
    text = markdown_table(grouped(map(read_run, [mine, write(tmp_path, "cross", 0, 0.5)])))
    ours, cifar = (line for line in text.splitlines() if line.startswith(("| mine", "| cross")))
    assert ours.startswith("| mine | mine | cross") and ours.endswith("|  |")
    assert cifar.startswith("| cross | cifar10 | cross") and cifar.endswith("| 90.7 |")
    assert "laptop on mine, 800 images" in text
