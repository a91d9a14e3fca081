"""Results that another configuration made under the same name."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow_project import CONFIG

from instahide.config import check_config
from instahide.configurations import (
    Made,
    load_made,
    replaced,
    save_made,
    things,
    warning,
)
from instahide.schema import load_schema

OURS, THEIRS = ("ours.yaml",), ("theirs.yaml", "more.yaml")
PLACE = "results/challenge"


def configured(**changes):
    config = json.loads(json.dumps(CONFIG))
    for path, value in changes.items():
        kind, name, key = path.split("__")
        config[kind][name][key] = value
    return things(check_config(config, load_schema()))


def differences(**changes):
    before, after = configured(), configured(**changes)
    return {place for place in before if before[place] != after[place]}


def test_settings_tell_what_a_thing_is_made_from():
    assert set(configured()) == {
        *("results/public/pool", "results/private/set"),
        *(PLACE, "results/inner"),
    }
    assert differences(challenges__challenge__k=5) == {PLACE}
    assert differences(public__pool__seed=1) == {"results/public/pool", PLACE}
    assert differences(private__set__seed=2) == {"results/private/set", PLACE, "results/inner"}


def test_audits_are_told_by_their_settings():
    def told(**given):
        config = {"audits": {"mine": {"images": "scans"} | given}}
        return things(check_config(config, load_schema()))

    assert set(told()) == {"results/audits/mine"}
    assert told() == told(k=4) != told(k=6)


def test_what_is_done_with_a_challenge_is_no_part_of_it():
    assert differences(challenges__challenge__attacks=["mean"]) == set()
    config = json.loads(json.dumps(CONFIG))
    config["public"]["others"] = {"source": {"path": "others"}}
    config["challenges"]["challenge"]["public_sample"] = "others"
    assert things(check_config(config, load_schema()))[PLACE] == configured()[PLACE]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two configurations and a challenge."""
    monkeypatch.chdir(tmp_path)
    for name in (*OURS, *THEIRS):
        (tmp_path / name).touch()
    (tmp_path / PLACE).mkdir(parents=True)
    return tmp_path


def test_the_work_of_another_configuration_is_found(folder):
    save_made({PLACE: "1"}, THEIRS)
    assert replaced({PLACE: "2"}, OURS, load_made()) == {PLACE: THEIRS}
    text = warning(PLACE, THEIRS, OURS)
    assert text.startswith(f"Warning: {PLACE} was made by theirs.yaml and more.yaml, and ours")
    assert "verified" not in text
    (folder / PLACE / "release.zip").touch()
    assert "can never be verified again" in warning(PLACE, THEIRS, OURS)


def test_whoever_edits_his_only_configuration_is_left_alone(folder):
    save_made({PLACE: "1"}, OURS)
    assert replaced({PLACE: "2"}, OURS, load_made()) == {}
    save_made({PLACE: "2"}, OURS)
    assert load_made() == {PLACE: Made("2", (OURS,))}


def test_equal_settings_are_shared_until_one_changes_them(folder):
    save_made({PLACE: "1"}, THEIRS)
    assert replaced({PLACE: "1"}, OURS, load_made()) == {}
    save_made({PLACE: "1"}, OURS)
    assert replaced({PLACE: "2"}, OURS, load_made()) == {PLACE: THEIRS}
    save_made({PLACE: "2"}, OURS)
    assert replaced({PLACE: "1"}, THEIRS, load_made()) == {PLACE: OURS}


@pytest.mark.parametrize("gone", [PLACE, "theirs.yaml"])
def test_nobody_misses_what_is_gone_or_has_another_name(folder, gone):
    save_made({PLACE: "1"}, THEIRS)
    path = folder / gone
    path.rmdir() if path.is_dir() else path.unlink()
    assert replaced({PLACE: "2"}, OURS, load_made()) == {}


@pytest.mark.parametrize("results", ["results", "new/results"])
def test_the_record_is_for_its_owner_only_and_results_stay_open(folder, results):
    record = folder / results / ".configurations/record.json"
    save_made({PLACE: "1"}, OURS, record)
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / results).stat().st_mode) & 0o055 == 0o055


def test_an_unchanged_record_is_not_written_again(folder):
    save_made({PLACE: "1"}, OURS)
    before = (folder / "results/.configurations/record.json").stat()
    save_made({PLACE: "1"}, OURS)
    assert (folder / "results/.configurations/record.json").stat() == before


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(JSON | st.dictionaries(st.text(), st.fixed_dictionaries({"settings": JSON, "by": JSON})))
def test_a_damaged_record_is_an_empty_or_a_harmless_one(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("record") / "record.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert replaced({PLACE: "1"}, OURS, load_made(path)) == {}
