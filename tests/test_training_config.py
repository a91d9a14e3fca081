"""Trainings in the configuration: what is filled in, what is derived, what is refused."""

import copy
from dataclasses import asdict

import pytest

from instahide.config import check_config
from instahide.configurations import things
from instahide.encodings.choice import INSTAHIDE
from instahide.errors import InstaHideError
from instahide.schema import load_schema
from instahide.training.configured import PRESETS, training_of
from instahide.training.recipe import Training

SCHEMA = load_schema()
BASE = {
    "image": {"size": 32},
    "public": {"pool": {"source": {"bundled": True}}},
    "data": {"mine": {"source": {"bundled": True}}},
    "training": {"cross": {"data": "mine", "public": "pool"}},
}


def filled(base=BASE, **changes):
    config = copy.deepcopy(base)
    config["training"]["cross"] |= changes
    return check_config(config, SCHEMA)


def test_a_training_stands_without_challenges():
    config = filled()
    assert config["challenges"] == {} and config["private"] == {}
    training = training_of(config["training"]["cross"], 4)
    assert training.encoding.name == INSTAHIDE
    assert training.encoding.options["scheme"]["k"] == 4
    assert (training.network.text, training.input, training.schedule.seed) == (
        "laptop",
        "abs",
        4,
    )
    assert Training.of(asdict(training)) == training


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "abs"),
        ({"scheme": "mixup"}, "signed"),
        ({"input": "signed"}, "signed"),
        ({"encoding": "none"}, "signed"),
        ({"encoding": "dp-instahide,k=4"}, "signed"),
    ],
)
def test_networks_see_magnitudes_where_there_is_a_mask(changes, shown):
    assert training_of(filled(**changes)["training"]["cross"]).input == shown


def test_a_preset_is_changed_key_by_key():
    given = {"preset": "paper", "schedule": {"epochs": 20, "bfloat16": True}}
    training = training_of(filled(**given)["training"]["cross"])
    assert training.network.target == "instahide.training.networks:resnet18"
    assert (training.schedule.epochs, training.schedule.drops) == (20, (10, 15))
    assert training.schedule.rate == PRESETS["paper"][1].rate and training.schedule.bfloat16
    own = {"preset": "paper", "schedule": {"drops": []}}
    assert training_of(filled(**own)["training"]["cross"]).schedule.drops == ()


def test_recorded_images_are_a_challenge_with_a_row_for_each_epoch():
    config = filled(record=30, schedule={"epochs": 7}, key=9, attacks=["mean"], c1=0.6)
    challenge = config["challenges"]["training/cross/seen"]
    assert (challenge["rows_per_image"], challenge["k"], challenge["c1"]) == (7, 4, 0.6)
    assert challenge["attacks"] == ["mean"] and challenge["public"] == "pool"
    assert config["private"][challenge["private"]] == {
        "source": {"data": "mine"}, "images": 30, "seed": 9
    }  # fmt: skip


def test_what_a_training_is_made_with_counts_and_its_seeds_do_not():
    def digest(**changes):
        return things(filled(**changes))["results/training/cross"]

    assert digest() == digest(seeds=[1, 2]) == digest(attacks=["mean"])
    assert len({digest(), digest(k=5), digest(schedule={"epochs": 3}), digest(key=1)}) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "mien"}, "training/cross/data names 'mien'.*did you mean 'mine'"),
        ({"public": "pol"}, "training/cross/public names 'pol'.*did you mean 'pool'"),
        ({"scheme": "inside"}, "training/cross mixes no public images: remove"),
        ({"encoding": "none", "k": 4}, "training/cross/k is a key .* 'none': remove it"),
        ({"schedule": {"rate": "1e-3"}}, "rate: '1e-3' is a text; write 0.001"),
        ({"encoding": "none", "record": 5}, "training/cross/record: there are no encryptions"),
        ({"encoding": "dp-instahid"}, "did you mean|none of"),
        ({"k": 2, "c1": 0.5}, "training/cross: .*c1 = 0.5"),
        ({"network": "resnet"}, "network 'resnet' is none of laptop, resnet18"),
        ({"network": "laptop,depth=3"}, "has no option 'depth'"),
        ({"schedule": {"epoch": 3}}, "'epoch' in training/cross/schedule; did you mean"),
        ({"schedule": {"drops": [10]}}, "training/cross: drops = .*from 1 to 9"),
        ({"schedule": {"momentum": 0}}, "training/cross: nesterov needs momentum"),
        ({"preset": "labtop"}, "'labtop' is not one of"),
        ({"seeds": []}, "seeds: .* is too short|non-empty"),
        ({"seeds": [1, 1]}, "seeds: 1 stands there twice"),
        ({"record": 1}, "training/cross: .*private images"),
        ({"attacks": ["whitened"], "record": 9}, "training/cross: .*public_sample"),
        ({"attacks": ["prng"], "record": 9}, "training/cross: the attack 'prng'"),
    ],
)
def test_mistakes_are_named_with_what_to_do(changes, message):
    with pytest.raises(InstaHideError, match=message):
        filled(**changes)


@pytest.mark.parametrize("name", ["table.md", "table.csv", "a/b", ""])
def test_names_that_are_taken_or_impossible_are_refused(name):
    config = copy.deepcopy(BASE)
    config["training"] = {name: BASE["training"]["cross"]}
    with pytest.raises(InstaHideError, match="training"):
        check_config(config, SCHEMA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"record": 60}, "training/cross/record: 60 of 50 images that train"),
        ({"schedule": {"batch": 51}}, "training/cross/schedule/batch: 51 of 50 images"),
        ({}, "training/cross/schedule/batch: 128 of 50 images"),
    ],
)
def test_more_than_there_are_to_train_on_is_refused_at_once(changes, message):
    base = copy.deepcopy(BASE)
    base["data"]["mine"]["train"] = 50
    with pytest.raises(InstaHideError, match=message):
        filled(base, **changes)


def test_a_configuration_of_nothing_is_refused():
    with pytest.raises(InstaHideError, match="neither challenges nor training"):
        check_config({"image": {"size": 32}}, SCHEMA)
