"""What a team tells of its submission, which anybody may have written."""

import zipfile
from datetime import date
from importlib.resources import files

import pytest
import yaml
from handedin import zip_of
from hypothesis import given
from hypothesis import strategies as st

from instahide.attacks.protocol import Knowledge
from instahide.errors import InstaHideError
from instahide.intake.metadata import (
    MOST_METADATA,
    Metadata,
    parse_metadata,
    read_metadata,
    same_team,
)
from instahide.leaderboard.records import make_record, parse_record
from instahide.schema import load_schema
from instahide.scoring.metrics import METRICS

FULL = """
team: Jane Doe
attack: mine
version: "1.2"
given:
  {labels: classes, images: true, public_distribution: true, public_pool: false,
   generator: false}
cost: {wall_seconds: 10, cpu_seconds: 37.5, peak_memory_bytes: 2000000000, hardware: one core}
complexity: O(E²d)
description: Least squares, and then some.
url: https://example.org/mine
"""


def test_everything_can_be_told():
    told = parse_metadata(FULL.encode(), "submission.yaml")
    assert told == Metadata(**yaml.safe_load(FULL))
    assert told.account["cpu_seconds"] == 37.5


def test_what_is_told_makes_a_record():
    value = dict.fromkeys(("mean", "low", "high"), 0.5)
    record = make_record(
        dict.fromkeys(METRICS, value),
        parse_metadata(FULL.encode(), "submission.yaml").account,
        who="Jane Doe",
        challenge="ab" * 32,
        decryption="cd" * 32,
        day=date(2026, 11, 29),
    )
    assert record.given == Knowledge("classes", True, True, False, False)
    assert (record.version, record.hardware, record.complexity) == ("1.2", "one core", "O(E²d)")


def test_team_and_attack_are_enough():
    told = parse_metadata(b"team: A\nattack: b", "submission.yaml")
    assert told.account == {"attack": "b"}


def test_both_schemas_say_the_same_of_what_they_share():
    ours = load_schema(files("instahide.intake") / "submission.schema.yaml")
    record = load_schema(files("instahide.leaderboard") / "record.schema.yaml")["properties"]
    same = ("properties", "required", "additionalProperties")
    assert [ours["properties"]["given"][key] for key in same] == [
        record["given"][key] for key in same
    ]
    assert ours["properties"]["cost"]["properties"].keys() <= record.keys()


HOSTILE = {
    b"team: A": "lacks attack",
    b"": "lacks team, attack",
    b"- 1": "is not of type 'object'",
    b"team: A\nattack: b\ncosts: 3": "unknown key 'costs' in the top level; did you mean",
    b"team: A\nteam: B\nattack: c": "the key 'team' stands there twice",
    b"team: A\nattack: b\ncost: {hardware: x, hardware: y}": "the key 'hardware' stands there",
    b"a: &a [1]\nteam: *a": "an alias (*) cannot stand here",
    b"[" * 9000: "nested more than",
    b"{a: " * 4000: "nested more than",
    b"\xff": "no UTF-8 text",
    b"team: !!python/object/apply:os.system [ls]": "no YAML that is read here",
    b"team: A\n---\nb: 1": "no YAML that is read here",
    b"team: 2020-01-01\nattack: x": "if text is meant, put it in quotes",
    b"team: [": "no YAML that is read here",
    b"team: A\nattack: ''": "attack",
    b"team: '  '\nattack: b": "team",
    b"team: A\nattack: b\nurl: javascript:alert(1)": "begins with https://",
    b"team: A\nattack: b\ngiven: {labels: none}": "given lacks images",
    b"team: A\nattack: b\ndescription:": "description has no value",
    b"team: A\nattack: b\ncost: {cpu_seconds: -1}": "cost/cpu_seconds",
    b"team: A\nattack: b\ncost: {cpu_seconds: 1e3}": "write 1000.0",
    b"team: A\nattack: b\ncost: {cpu_seconds: .nan}": "no number to reckon with",
    b'team: "a\\u202eb"\nattack: b': "none of which is a control character",
    b"team: " + b"1" * 5000 + b"\nattack: b": "no YAML that is read here",
    b"? {a: b}\n: c": "no YAML that is read here",
    b"\x00": "no YAML that is read here",
}


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: repr(content[:30]))
def test_what_is_wrong_is_said_in_a_sentence(content):
    with pytest.raises(InstaHideError) as refused:
        parse_metadata(content, "submission.yaml in a.zip")
    said = str(refused.value)
    assert said.startswith("submission.yaml in a.zip")
    assert HOSTILE[content] in said
    assert "\n" not in said and len(said) < 600


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.dictionaries(
        st.sampled_from(["team", "attack", "given", "cost", "url", "description"]), VALUES
    ).map(lambda told: yaml.safe_dump(told).encode())
)
def test_whatever_is_told_is_a_record_or_refused(content):
    try:
        told = parse_metadata(content, "submission.yaml")
    except InstaHideError as error:
        assert str(error).startswith("submission.yaml")
        return
    about = {"who": told.team, "date": "2026-11-29", "metrics": {"max_ssim": {"mean": 0}}}
    parse_record(told.account | about | {"reported": True}, "the record")


def test_it_lies_beside_the_decryption(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of([0.0], None, **{"other/submission.yaml": b"team: A\nattack: b"}))
    with pytest.raises(InstaHideError, match=r"^mine.zip has no submission.yaml beside"):
        read_metadata(path, "mine.zip")
    path.write_bytes(zip_of([0.0], "team: A\nattack: b"))
    assert read_metadata(path, "mine.zip").team == "A"


def test_large_ones_and_what_is_no_zip_are_refused(tmp_path):
    path = tmp_path / "0123.zip"
    path.write_bytes(zip_of([0.0], "#" * (MOST_METADATA + 1)))
    with pytest.raises(InstaHideError, match=r"in mine.zip has more than \d+ bytes"):
        read_metadata(path, "mine.zip")
    for content in (b"", b"\x93NUMPY", b"PK\x03\x04" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(InstaHideError, match=r"mine.zip is no zip"):
            read_metadata(path, "mine.zip")


def test_teams_are_told_apart_however_they_are_written():
    assert same_team(" Jane  DOE") == same_team("jane doe") == same_team("ｊａｎｅ doe")
    assert same_team("Jane Doe") != same_team("Jane D")


def test_metadata_lies_beside_the_small_form_too(tmp_path):
    packed = tmp_path / "small.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("images.npy", "members.npy"):
            archive.writestr(f"top/{name}", b"")
        archive.writestr("top/submission.yaml", b"team: A\nattack: b\n")
        archive.writestr("submission.yaml", b"team: other\nattack: b\n")
    assert read_metadata(packed, packed.name).team == "A"
