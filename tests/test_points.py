import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeptable import HEAD, as_csv, lines_of

from instahide.errors import InstaHideError
from instahide.leaderboard.points import parse_points, read_points, where_told


@pytest.fixture(scope="module")
def text():
    return as_csv(lines_of({"k": [4, 6], "T": [5, 10, 50]}))


@pytest.fixture(scope="module")
def points(text):
    return parse_points(text)


def test_a_table_is_read_as_it_is(text, points, tmp_path):
    assert points.columns == HEAD
    assert len(points) == 2 * 3 * 3 * 4
    first = points.lines[0]
    assert (first["k"], first["T"], first["attack"]) == (4.0, 5.0, "whitened")
    assert (first["augmentation"], first["training"], first["set_ssim"]) == ("none", None, None)
    (tmp_path / "mine.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_points(tmp_path / "mine.csv") == points  # as a spreadsheet hands it back


def test_what_varies_is_found(points):
    assert points.varying() == ["k", "T"]
    assert points.values("T") == [5.0, 10.0, 50.0]
    assert points.values("attack") == ["whitened", "whitened-none", "pool", "random"]


def test_what_differs_between_seeds_only_does_not_vary():
    lines = [
        line | {"pool": f"pool-{line['seed']}", "pool_size": 9000 + line["seed"]}
        for line in lines_of({"T": [5, 10]})
    ]
    assert parse_points(as_csv(lines)).varying() == ["T"]


def test_what_tells_the_same_apart_is_named_once():
    lines = [
        line | {"options": f"noise={line['T'] / 10}", "option:noise": line["T"] / 10}
        for line in lines_of({"T": [5, 10]})
    ]
    assert parse_points(as_csv(lines, ["option:noise"])).varying() == ["T"]


def test_lines_are_chosen(points):
    assert where_told(points, ["k=4,6"]) == points
    chosen = where_told(points, ["k=4", "attack=pool,whitened", "T=50.0"])
    assert {(line["k"], line["T"]) for line in chosen.lines} == {(4.0, 50.0)}
    assert len(chosen) == 2 * 3
    assert where_told(points, ["training="]) == points


def test_values_with_commas_are_taken_whole():
    lines = [
        line | {"augmentation": "crop_padding=4,flip" if line["T"] == 5 else ""}
        for line in lines_of({"T": [5, 10]})
    ]
    found = where_told(parse_points(as_csv(lines)), ["augmentation=crop_padding=4,flip"])
    assert found.values("T") == [5.0]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("k", "--where k: write COLUMN=VALUE"),
        ("kk=4", "there is no column 'kk'"),
        ("k=5", "--where k=5: k is 4, 6"),
        ("k=4,five", "--where k=4,five: k is 4, 6"),
    ],
)
def test_conditions_that_choose_nothing_are_refused(points, condition, message):
    with pytest.raises(InstaHideError, match=message):
        where_told(points, [condition])


def change(text, row, column, value):
    rows = list(csv.reader(io.StringIO(text)))
    rows[row - 1][rows[0].index(column)] = value
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("T", "many", "row 3, T: 'many' is no number"),
        ("max_ssim", "nan", "row 3, max_ssim: 'nan' is no finite number"),
        ("max_ssim", "2", "row 3: the interval of max_ssim does not hold it"),
        ("max_ssim_low", "0.99", "row 3: the interval of max_ssim does not hold it"),
        ("labels", "all", "row 3, labels: 'all' is not among"),
        ("knowledge", "much", "row 3, knowledge: 'much' is not among"),
        ("baseline", "2", "row 3, baseline: 2.0 is not among"),
        ("attack", "", "row 3: it has a max_ssim, and names no attack"),
        ("point", "", "row 3: point is empty"),
        ("seed", "", "row 3: seed is empty"),
        ("attack", "a\x1b[31m", "row 3, attack: a text that is too long or cannot be shown"),
        ("attack", "a" * 400, "row 3, attack: a text that is too long or cannot be shown"),
    ],
)
def test_what_no_sweep_writes_is_named(text, column, value, message):
    with pytest.raises(InstaHideError, match=message):
        parse_points(change(text, 3, column, value))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: "", "it is empty"),
        (lambda text: text.splitlines()[0] + "\n", "it has no points"),
        (lambda text: text.replace("max_ssim,", "ssim,", 1), "the column max_ssim is missing"),
        (lambda text: text.replace("c1,c2", "c1,c1", 1), "the column 'c1' is there twice"),
        (lambda text: text.replace("c1,c2", "c1,c 2", 1), "'c 2' is no name of a column"),
        (lambda text: text[: len(text) // 2], "cells, and the first has"),
        (lambda text: text + '"', "unexpected end of data"),
        (lambda text: "<html>" + text, "the column sweep is missing"),
    ],
)
def test_damaged_tables_are_refused_in_one_sentence(text, spoil, message, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(spoil(text), encoding="utf-8")
    with pytest.raises(InstaHideError, match=message) as caught:
        read_points(path)
    assert str(caught.value).startswith(f"{path} is no table of a sweep: ")
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InstaHideError, match="it is not UTF-8"):
        read_points(tmp_path / "a.csv")
    with pytest.raises(InstaHideError, match=r"cannot read .*none\.csv"):
        read_points(tmp_path / "none.csv")
    with pytest.raises(InstaHideError, match="it is a folder"):
        read_points(tmp_path)


CELLS = st.sampled_from(["", "nan", "1e999", "-1", "0", "1", "0.5", "x", "sample", "none", '"'])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, len(HEAD) - 1), CELLS), max_size=6),
    st.integers(0, 2000),
)
def test_a_table_is_read_or_refused(changes, cut):
    rows = list(csv.reader(io.StringIO(as_csv(lines_of({"T": [5, 10]}, seeds=[1])))))
    for row, column, value in changes:
        rows[row][column] = value
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    text = written.getvalue()
    try:
        found = parse_points(text[: len(text) - cut] if cut < 1000 else text)
    except InstaHideError as error:
        assert len(str(error)) < 500
        return
    assert len(found) >= 1
    for line in found.lines:
        assert line["labels"] in (None, "coefficients", "classes", "none")
        assert isinstance(line["seed"], float)
        assert line["max_ssim"] is None or line["attack"]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_refused_or_read(text):
    with pytest.raises(InstaHideError):
        parse_points(text)
