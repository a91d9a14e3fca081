import csv
import json
import re
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.attacks.protocol import Knowledge
from instahide.errors import InstaHideError
from instahide.leaderboard.records import (
    load_record,
    make_record,
    parse_record,
    rank,
    reported_records,
    save_record,
)
from instahide.leaderboard.tables import as_html, as_markdown, records_as_csv, save_leaderboard
from instahide.scoring.metrics import METRICS

DIGEST, DECRYPTION = "ab" * 32, "cd" * 32


def content(max_ssim=0.5, **changes):
    metrics = {name: {"mean": 0.2, "low": 0.1, "high": 0.3} for name in METRICS}
    metrics["max_ssim"] = {"mean": max_ssim, "low": 0.0, "high": 1.0}
    base = {
        "attack": "whitened",
        "version": "1.0",
        "who": "somebody",
        "date": "2026-01-31",
        "challenge": DIGEST,
        "decryption": DECRYPTION,
        "metrics": metrics,
        "given": {
            "labels": "classes",
            "images": True,
            "public_distribution": False,
            "public_pool": False,
            "generator": False,
        },
        "wall_seconds": 75.0,
        "cpu_seconds": 7200,
        "peak_memory_bytes": 2e9,
        "reported": False,
    }
    return base | changes


MADE = {
    "who": "me",
    "challenge": DIGEST,
    "decryption": DECRYPTION,
    "day": date(2026, 1, 31),
}


def record(*arguments, **changes):
    return parse_record(content(*arguments, **changes), "a record")


def test_records_survive_their_file(tmp_path):
    made = record()
    save_record(tmp_path / "a.json", made)
    assert load_record(tmp_path / "a.json") == made
    assert made.given == Knowledge(labels="classes", images=True)
    for reported in reported_records():
        save_record(tmp_path / "b.json", reported)
        assert load_record(tmp_path / "b.json") == reported


def test_the_results_of_2020_are_marked_as_reported_and_have_no_intervals():
    found = {item.attack: item for item in reported_records()}
    assert {name: item.metrics["max_ssim"].mean for name, item in found.items()} == {
        "Carlini et al. ver.1": 0.90,
        "Carlini et al. ver.2": 0.79,
        "PRNG attack": 0.98,
    }
    for item in found.values():
        assert item.reported
        assert item.wall_seconds is None
        assert item.challenge is None
        assert all(value.low is None for value in item.metrics.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"date": "2026-02-30"}, "date '2026-02-30'.*day"),
        ({"date": "yesterday"}, "date: 'yesterday'.*YYYY-MM-DD"),
        ({"challenge": "abc"}, "challenge: 'abc'.*SHA-256"),
        ({"decryption": DECRYPTION + "\n"}, "decryption: .*SHA-256"),
        ({"date": "2026-01-31\n"}, "date: .*YYYY-MM-DD"),
        ({"challenge": None}, "does not tell the digests .*score the decryption again"),
        ({"decryption": None}, "does not tell the digests .*score the decryption again"),
        ({"rechecked": True}, "unknown key 'rechecked'"),
        ({"attack": ""}, "attack: ''"),
        ({"attack": "a\x1b[31mred"}, "attack"),
        ({"attack": "a" * 101}, "too long"),
        ({"wall_seconds": -1}, "wall_seconds: -1"),
        ({"given": {"labels": "all"}}, "given"),
        ({"metrics": {}}, "metrics lacks max_ssim"),
        ({"metrics": {"max_ssim": {"mean": 0.5}}}, "a measured record needs"),
        ({"metrics": {"max_ssim": {"mean": 1.5}}, "reported": True}, "1.5 is greater"),
        (
            {"metrics": {"max_ssim": {"mean": 0.5, "low": 0.9, "high": 0.1}}},
            "max_ssim ends before it begins",
        ),
        ({"metrics": {"max_ssim": {"mean": 0.5, "low": 0.4}}, "reported": True}, "high"),
        ({"reported": "no"}, "reported: 'no'"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(changes, message):
    with pytest.raises(InstaHideError, match=f"a record.*{message}"):
        record(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "not a leaderboard's record"),
        ("[" * 5000, "no JSON"),
        ('{"attack":' * 150 + "1" + "}" * 150, "no JSON: it is nested more than 100 times"),
        (json.dumps(content()).replace("7200", "NaN"), "NaN is no number"),
        (json.dumps(content()).replace("7200", "1e400"), "1e400 is too large for a number"),
        (
            json.dumps(content()).replace("7200", "1" + "0" * 4000),
            "cpu_seconds: a number of about 4,000 digits",
        ),
        (json.dumps(content()).replace("7200", "9" * 5000), "no JSON: Exceeds the limit"),
        (json.dumps(content()).replace("somebody", "\\ud800"), "no JSON: .*surrogates"),
        (json.dumps(content()).encode("utf-16-be") + b"\xd8\x00", "no JSON"),
        (json.dumps(content(note="x" * 50000)), "note: a text of 50,000 characters"),
        (json.dumps(content(note="x" * 70000)), "bytes; shorten it"),
    ],
)
def test_files_that_are_no_records(tmp_path, text, message):
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InstaHideError, match=message) as caught:
        load_record(tmp_path / "a.json")
    assert len(str(caught.value)) < 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*content(), "note", "baseline", "other"]), JSON)
def test_whatever_a_record_holds_it_is_read_or_refused_in_one_sentence(key, value):
    try:
        made = parse_record(content() | {key: value}, "a record")
    except InstaHideError as error:
        assert str(error).startswith("a record")
    else:
        for table in (as_html([made], "t"), as_markdown([made], "t"), records_as_csv([made])):
            assert "whitened" in table or key == "attack"


def test_made_records_take_what_an_attack_tells_of_itself():
    about = {
        "attack": "mine",
        "given": content()["given"],
        "complexity": "O(1)",
        "stages": [],
        "details": {"note": "a note", "seed": 5},
    }
    score = content()["metrics"]
    made = make_record(score, about, **MADE)
    assert (made.attack, made.who, made.note) == ("mine", "me", "a note")
    assert made.date == "2026-01-31"
    assert made.wall_seconds is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"details": 5}, None),
        ({"details": "baseline"}, None),
        ({"details": {"note": 5}}, "note: 5"),
        ({"details": {"note": "\x1b[31m"}}, "note"),
        ({"attack": None}, "attack has no value"),
        ({"given": []}, "given"),
        ({"baseline": "no"}, "baseline: 'no'"),
        ({"wall_seconds": float("nan")}, "wall_seconds: nan"),
        ({"wall_seconds": float("inf")}, "wall_seconds: inf"),
        ({"version": "\udcff"}, "version"),
    ],
)
def test_what_is_wrong_with_an_account_is_named(changes, message):
    if message is None:
        assert not make_record(content()["metrics"], {"attack": "a"} | changes, **MADE).note
        return
    with pytest.raises(InstaHideError, match=f"the record .*{message}"):
        make_record(content()["metrics"], {"attack": "a"} | changes, **MADE)


def test_order_is_by_max_ssim_and_stable():
    scores = {"a": 0.5, "b": 0.9, "c": 0.5, "d": 0.7}
    records = [record(score, attack=name) for name, score in scores.items()]
    assert [item.attack for item in rank(records)] == ["b", "d", "a", "c"]


def test_baselines_have_no_rank():
    records = [record(0.9, attack="oracle", baseline=True), record(0.5, attack="mine")]
    rows = list(csv.DictReader(records_as_csv(records).splitlines()))
    assert [(row["rank"], row["attack"]) for row in rows] == [("", "oracle"), ("1", "mine")]


def test_csv_holds_every_number(tmp_path):
    save_leaderboard(tmp_path, [record(0.123456789), *reported_records()], "All")
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").open(encoding="utf-8")))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0]["attack"] == "PRNG attack"
    assert rows[0]["max_ssim_low"] == rows[0]["max_l2"] == ""
    assert float(rows[3]["max_ssim"]) == 0.123456789
    assert rows[3]["given_labels"] == "classes"
    assert rows[3]["challenge"] == DIGEST


def test_spreadsheets_get_no_formula():
    table = records_as_csv([record(attack="=HYPERLINK(1)", who="+me")])
    row = next(csv.DictReader(table.splitlines()))
    assert (row["attack"], row["who"]) == ("'=HYPERLINK(1)", "'+me")


class Tags(HTMLParser):
    """Collects tags and text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


NASTY = "<script>alert(1)</script>|`x`[a](b)&amp;\"'"


def test_html_escapes_everything():
    fields = ("attack", "who", "version", "complexity", "hardware", "note")
    nasty = record(**dict.fromkeys(fields, NASTY))
    page = Tags(as_html([nasty], NASTY))
    assert page.tags == Tags(as_html([record()], "x")).tags
    assert sum(NASTY in text for text in page.text) >= len(fields) - 1
    reported = record(reported=True, reported_cost=NASTY)
    assert "script" not in Tags(as_html([reported], "x")).tags


def test_markdown_keeps_its_columns_and_shows_no_html():
    table = as_markdown([record(attack=NASTY, note=NASTY)], NASTY)
    assert "<" not in table
    lines = [line for line in table.splitlines() if line.startswith("|")]
    counts = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert len(lines) == 3
    assert len(counts) == 1


def test_tables_say_what_a_reader_has_to_know():
    other = record(challenge="cd" * 32)
    assert "2 challenges" in as_markdown([record(), other], "x")
    assert DIGEST in as_markdown([record()], "x")
    assert "not measured here" in as_html(reported_records(), "x")
    page = as_html([record()], "x")
    assert "0.500" in page
    assert "0.000–1.000" in page
    assert "75 s wall, 2.0 h CPU" in page
    assert "2.0 GB" in page
    assert "not stated" in as_html([record(given=None)], "x")
