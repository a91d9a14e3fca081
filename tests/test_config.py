import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.auditing.configured import reading_of, settings_of
from instahide.auditing.reading import Reading
from instahide.auditing.settings import AuditSettings, usual_curve
from instahide.config import check_config, check_duplicates
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.schema import insert_table, load_schema, resolve, table

ROOT = Path(__file__).parents[1]
SCHEMA = load_schema()
MD5 = "md5:" + "0" * 32
URL = {"url": "https://b/c", "checksum": MD5}
OF_2020 = {"private": "bundled", "generator": "mt19937-2020"}


def config(changes=(), **named):
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    for path, value in (dict(changes) | named).items():
        *parents, last = path.split("__") if isinstance(path, str) else [path]
        place = base
        for key in parents:
            place = place[key]
        place[last] = value
    return base


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name
)
def test_configurations_of_the_repository_are_valid(path):
    check_duplicates(path)
    check_config(yaml.safe_load(path.read_text(encoding="utf-8")), SCHEMA)


def test_defaults_are_filled_in_at_every_depth():
    filled = check_config(config(), SCHEMA)
    assert filled["challenges"]["challenge"]["c1"] == 0.65
    assert filled["public"]["bundled"]["crop_size"] == [64, 128]
    unseeded = config()
    del unseeded["challenges"]["challenge"]["seed"]
    assert check_config(unseeded, SCHEMA)["challenges"]["challenge"]["seed"] == "os"


def test_audits_stand_alone_and_have_the_defaults_of_the_command():
    filled = check_config({"audits": {"mine": {"images": "scans"}}}, SCHEMA)
    given = filled["audits"]["mine"]
    assert settings_of(given) == AuditSettings(curve=usual_curve(10))
    assert Reading(**reading_of(given)) == Reading()
    assert settings_of(given | {"curve": [3]}).all_rows == (3, 10)
    assert reading_of(given | {"at_most": 7})["most"] == 7


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("mine", {}, "audits/mine lacks images"),
        ("mine", {"images": "a", "inside": True, "augment": True}, "audits/mine: no attack of"),
        ("mine", {"images": "a", "k": 17}, "audits/mine/k: 17"),
        ("mine", {"images": "a", "most": 3}, "unknown key 'most'.*known are|mean 'at_most'"),
        ("mine", {"images": "a", "size": 8}, "audits/mine/size: 8"),
        ("mine", {"images": "a", "square": "fit"}, "audits/mine/square: 'fit'"),
        ("mine", {"images": "a", "public": None}, "public has no value"),
        ("mine.html", {"images": "a"}, "'mine.html' is not allowed; Pages"),
    ],
)
def test_audits_that_cannot_be_made_are_refused(name, given, message):
    with pytest.raises(InstaHideError, match=message):
        check_config({"audits": {name: given}}, SCHEMA)


def test_no_challenge_takes_the_place_of_audits():
    audits = config()["challenges"]["challenge"]
    with pytest.raises(InstaHideError, match="'audits' is not allowed"):
        check_config(config(challenges__audits=audits), SCHEMA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"challenges__challenge__row_per_image": 5}, "'row_per_image'.*mean 'rows_per_image'"),
        ({"publik": {}}, "'publik' in the top level; did you mean 'public'"),
        ({"challenges__challenge__k": "six"}, "challenges/challenge/k: 'six'"),
        ({"challenges__challenge__scheme": "crss"}, "scheme: 'crss' is not one of"),
        ({"challenges__challenge__public": "bundeld"}, "did you mean 'bundled'"),
        ({"challenges__challenge__scheme": "inside"}, "remove the key 'public'"),
        ({"challenges__challenge__seed": -1}, "seed: -1 is less than"),
        ({"public__bundled__part": "3/2"}, "public/bundled/part: '3/2': parts of 2 are 1/2 to"),
        ({"public__bundled__part": "half"}, "public/bundled/part: 'half'"),
        ({"challenges__challenge__c1": 0.1}, "c1 = 0.1 cannot be met"),
        ({"challenges__public": {"private": "bundled"}}, "public"),
        ({"public__bundled__source": {"path": "a", "url": "http://b"}}, "source"),
        ({"public__bundled__source": {}}, "source"),
        (
            {"public__bundled__source": {"url": "https://b"}},
            "lacks checksum|'checksum' is a dep",
        ),
        ({"private__bundled__images": 0}, "private/bundled/images: 0"),
        (
            {"challenges__challenge": OF_2020 | {"seed": 2**32, "public": "bundled"}},
            "from 0 to 4294967295",
        ),
        (
            {"challenges__challenge": OF_2020 | {"scheme": "inside", "k": 4}},
            "challenges/challenge.*'inside'",
        ),
        (
            {"challenges__challenge": OF_2020 | {"public_use": "twice", "public": "bundled"}},
            "public_use: 'twice'",
        ),
        ({"challenges__challenge__attacks": ["prng"]}, "'prng' finds seeds of mt19937-2020"),
        ({"challenges__challenge__attacks": ["mean", "mean"]}, "'mean' stands there twice"),
        ({"challenges__challenge__k": 4.0}, "challenge/k: 4.0 is no integer; write 4"),
        ({"challenges__challenge__seed": 5.0}, "seed: 5.0 is not allowed; .* an integer"),
        ({"challenges__challenge__seed": 10**80}, "seed: a number of about 80 digits; .*nines"),
        ({"challenges__challenge__seed": 1 << 40_000}, "about 12,04. digits"),
        ({"challenges__challenge__rows_per_image": 10**9}, "maximum of 1000000"),
        ({"challenges__challenge__c2": float("nan")}, "c2: nan is no number"),
        ({"public__bundled__most_skipped": float("nan")}, "most_skipped: nan"),
        ({"image__channels": 1.0}, "channels: 1.0 is no integer; write 1"),
        ({"image__channels": None}, "image/channels has no value"),
        ({"challenges": None}, "neither challenges nor training"),
        ({"challenges__logs": {"private": "bundled"}}, "'logs' is not allowed; The name is"),
        ({"public__a\n": {"source": {"bundled": True}}}, r"'a\\n' is not allowed; Names have"),
        ({"attacks": {"a\n": {}}}, r"'a\\n' is not allowed"),
        ({"challenges": {1: {"private": "bundled"}}}, "key 1 is read as int.* in quotes"),
        ({True: {}}, "the top level: the key True is read as bool"),
        ({"challenges__challenge__private": date(2020, 1, 1)}, "a date cannot stand here"),
        ({"public__bundled__crop_size": [80, 64]}, "crop_size: 80 is larger than 64"),
        (
            {
                "challenges__challenge": {"private": "bundled", "scheme": "inside", "k": 8},
                "private__bundled__images": 15,
            },
            "needs at least 16 private images, and there are 15",
        ),
        ({"public__bundled__source": {"path": "a" * 5000}}, "text of 5,000 characters"),
        ({"public__bundled__source": {"path": "a/" + "b" * 256}}, "too long for a name"),
        ({"public__bundled__source": {"path": "a\0"}}, "null character"),
        ({"public__bundled__source": {"path": "\ud800"}}, "no Unicode text"),
        ({"public__bundled__source": {"path": "{a}"}}, "braces"),
        ({"public__bundled__source": URL | {"url": "https://["}}, "Invalid IPv6"),
        ({"public__bundled__source": URL | {"url": "https://b"}}, "not end in the name"),
        (
            {"public__bundled__source": URL | {"checksum": MD5 + "\n"}},
            "is not allowed; `sha256",
        ),
        ({"attacks": {"mine": {"run": "../x:f"}}}, "mine: step '../x:f' is not of the form"),
        ({"attacks": {"mine": {"run": "json:nothing"}}}, "json/__init__.py has no function"),
        (
            {"attacks": {"mine": {"run": "__main__:f"}}},
            "__main__:f: .* no ",
        ),
        ({"attacks": {"mine": {"run": "sys:exit"}}}, "no module sys .* written in Python"),
        ({"attacks": {"mine": {"finish": "local,sharp=1"}}}, "has no option 'sharp'; it has"),
        ({"attacks": {"mine": {"finish": "local,a=" + "1" * 200}}}, "too long for a name"),
        ({"attacks": {"mine": {"finish": "local,a={b}"}}}, "not of the form"),
    ],
)
def test_mistakes_are_named_with_what_to_do(changes, message):
    with pytest.raises(InstaHideError, match=message):
        check_config(config(changes), SCHEMA)


def test_the_largest_seed_passes():
    assert check_config(config(challenges__challenge__seed=10**80 - 1), SCHEMA)


def test_names_of_what_the_workflow_writes_into_results_are_taken():
    texts = [
        path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk")
    ]
    texts += [(ROOT / name).read_text(encoding="utf-8") for name in ("Snakefile", "Makefile")]
    taken = set(re.findall(r"results/([a-z][\w.-]*)", "".join(texts)))
    assert {"logs", "ablation.md", "report"} < taken
    # The first two are challenges; the others begin the names of reports.
    taken -= {"challenge", "prng-2020", "report", "workflow"}
    for name in taken | {
        "report.html",
        "report-mine.html",
        "workflow.html",
        "workflow-mine.html",
    }:
        with pytest.raises(InstaHideError, match="taken by a file or folder"):
            check_config(config(challenges={name: {"private": "bundled"}}), SCHEMA)


@pytest.mark.parametrize(
    "repeated", ["[*a{0}, *a{0}]", "{{p: *a{0}, q: *a{0}}}"], ids=["lists", "mappings"]
)
def test_aliases_of_aliases_are_refused_without_walking_through_them(repeated):
    lines = ["image: {}", "public: {}", "private: {}", "challenges: {c: {private: s, k: *a39}}"]
    laughs = [f"a{i + 1}: &a{i + 1} {repeated.format(i)}" for i in range(39)]
    content = yaml.safe_load("\n".join(["a0: &a0 {}", *laughs, *lines]))
    with pytest.raises(InstaHideError, match=r"more than 20 deep|more than 200,000 values"):
        check_config(content, SCHEMA)
    flat = [[{}] * 500] * 500
    with pytest.raises(InstaHideError, match="more than 200,000 values"):
        check_config(config(challenges__challenge__attacks=flat), SCHEMA)


def test_a_list_that_holds_itself_is_refused():
    with pytest.raises(InstaHideError, match="more than 20 deep"):
        check_config(yaml.safe_load("image: &a [*a]"), SCHEMA)


def test_sections_without_content_are_empty_ones():
    given = config(image=None, attacks={"mine": None})
    filled = check_config(given, SCHEMA)
    assert filled["image"] == {"size": 32, "channels": 3}
    assert filled["attacks"]["mine"] == filled["attacks"]["whitened"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: {}\na: 2", 3), ("a: {x: [{c: 1,\n c: 2}]}", 2), ('{"a": 1,\n"a": 1}', 2)],
)
def test_a_key_that_stands_twice_is_named(text, line, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InstaHideError, match=f"mine.yaml, line {line}: the key '[ac]'"):
        check_duplicates(path)


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "a: {a: 1}\nb: {a: 1}", "a: &a {b: 1}\nc: {<<: *a, b: 2}", "a: &a [*a]", "\0"],
)
def test_files_without_double_keys_pass(text, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    check_duplicates(path)


def places(content, path=()):
    """Yield the path of every value of a configuration."""
    yield path
    if isinstance(content, dict | list):
        parts = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in parts:
            yield from places(value, (*path, key))


def types_fit(value, schema):
    """Tell whether numbers have the schema's own type, not one that is only equal."""
    schema = resolve(schema, SCHEMA)
    wanted = {"integer": int, "boolean": bool, "string": str}.get(schema.get("type"))
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        return all(types_fit(part, known.get(key, others)) for key, part in value.items())
    return wanted is None or type(value) is wanted


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_configuration_it_is_taken_or_refused_in_a_sentence(data):
    wild = config()
    *parents, last = data.draw(st.sampled_from([path for path in places(wild) if path]))
    place = wild
    for key in parents:
        place = place[key]
    if isinstance(place, dict) and data.draw(st.booleans()):
        last = data.draw(st.text() | st.sampled_from(sorted(SCHEMA["properties"])))
    place[last] = data.draw(WILD)
    try:
        filled = check_config(wild, SCHEMA)
    except InstaHideError as error:
        assert str(error).startswith("configuration: ")
    else:
        assert types_fit(filled, SCHEMA)


def test_every_key_is_described():
    def parts(schema):
        if isinstance(schema, dict):
            for key, part in schema.get("properties", {}).items():
                yield key, part
                yield from parts(part)
            for other in ("additionalProperties", "$defs"):
                value = schema.get(other)
                for part in value.values() if other == "$defs" and value else [value]:
                    yield from parts(part)

    undescribed = [
        key for key, part in parts(SCHEMA) if "description" not in part and "$ref" not in part
    ]
    assert not undescribed


def test_the_table_of_keys_is_up_to_date():
    page = ROOT / "docs/reference/configuration.md"
    assert table(SCHEMA) in page.read_text(encoding="utf-8")


def test_the_table_replaces_what_stands_between_its_marks():
    text = "a\n<!-- keys -->\nold\n<!-- /keys -->\nb"
    assert insert_table(text, "new\n") == text.replace("old", "new")
    with pytest.raises(InstaHideError, match="lacks the marks"):
        insert_table("a", "new")


def test_the_defaults_of_the_schema_are_those_of_a_scheme():
    keys = load_schema()["properties"]["challenges"]["additionalProperties"]["properties"]
    told = [keys[key]["default"] for key in ("scheme", "k", "c1", "c2", "rows_per_image")]
    assert told == list(vars(Scheme()).values())
