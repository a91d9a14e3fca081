"""The key `intake` of a challenge in the configuration."""

from dataclasses import asdict

import pytest
import yaml
from workflow_project import CONFIG

from instahide.config import check_config
from instahide.configurations import things
from instahide.errors import InstaHideError
from instahide.intake.rules import Rules
from instahide.schema import load_schema
from instahide.sweeps.naming import content_of


def checked(intake=None):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    if intake is not None:
        config["challenges"]["challenge"]["intake"] = intake
    return check_config(config, load_schema())


def test_its_defaults_are_those_of_the_rules():
    given = checked({})["challenges"]["challenge"]["intake"]
    board = "public" if given.pop("public_half") else "all"
    assert asdict(Rules(**given, board=board)) == asdict(Rules())
    assert "intake" not in checked()["challenges"]["challenge"]


def test_it_changes_nothing_of_the_challenge():
    plain, given = checked(), checked({"per_day": 2, "public_half": False})
    assert things(plain) == things(given)
    one, other = (config["challenges"]["challenge"] for config in (plain, given))
    assert content_of(one) == content_of(other)


@pytest.mark.parametrize("deadline", ["2026-12-01T00:00:00Z", "2026-12-01T23:59Z"])
def test_times_that_the_configuration_takes_are_times(deadline):
    given = checked({"deadline": deadline})["challenges"]["challenge"]["intake"]
    assert Rules(deadline=given["deadline"]).deadline == deadline


@pytest.mark.parametrize(
    ("intake", "says"),
    [
        ({"deadline": "tomorrow"}, "intake/deadline"),
        ({"deadline": "2026-12-01T00:00:00Z\n"}, "intake/deadline"),
        (yaml.safe_load("deadline: 2026-12-01T00:00:00Z"), "put it in quotes"),
        ({"per_day": 0}, "intake/per_day"),
        ({"memory_gb": 0}, "intake/memory_gb"),
        ({"public_halves": True}, "did you mean 'public_half'"),
    ],
)
def test_what_is_wrong_is_named(intake, says):
    with pytest.raises(InstaHideError, match=says):
        checked(intake)
