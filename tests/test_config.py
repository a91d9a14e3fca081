from pathlib import Path

import pytest
import yaml

from instahide.config import check_config, insert_table, load_schema, table
from instahide.errors import InstaHideError

ROOT = Path(__file__).parents[1]
SCHEMA = load_schema(ROOT / "config/config.schema.yaml")
OF_2020 = {"private": "bundled", "generator": "mt19937-2020"}


def config(**changes):
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = base
        for key in parents:
            place = place[key]
        place[last] = value
    return base


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name
)
def test_configurations_of_the_repository_are_valid(path):
    if path.name != "config.schema.yaml":
        check_config(yaml.safe_load(path.read_text()), SCHEMA)


def test_defaults_are_filled_in_at_every_depth():
    filled = check_config(config(), SCHEMA)
    assert filled["challenges"]["challenge"]["c1"] == 0.65
    assert filled["public"]["bundled"]["crop_size"] == [64, 128]
    unseeded = config()
    del unseeded["challenges"]["challenge"]["seed"]
    assert check_config(unseeded, SCHEMA)["challenges"]["challenge"]["seed"] == "os"


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
    ],
)
def test_mistakes_are_named_with_what_to_do(changes, message):
    with pytest.raises(InstaHideError, match=message):
        check_config(config(**changes), SCHEMA)


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


def test_the_readme_has_the_table_of_keys():
    assert table(SCHEMA) in (ROOT / "README.md").read_text()


def test_the_table_replaces_what_stands_between_its_marks():
    text = "a\n<!-- keys -->\nold\n<!-- /keys -->\nb"
    assert insert_table(text, "new\n") == text.replace("old", "new")
    with pytest.raises(InstaHideError, match="lacks the marks"):
        insert_table("a", "new")
