"""Sweeps in the configuration: their points, names, what is shared and what is refused."""

import copy
import itertools
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.config import check_config
from instahide.errors import InstaHideError
from instahide.schema import load_schema
from instahide.sweeps.grid import canonical, grid_points
from instahide.sweeps.naming import DIGITS

SCHEMA = load_schema()
BASE = yaml.safe_load("""
image: {size: 32}
public:
  pool: {source: {bundled: true}}
  others: {source: {bundled: true}, seed: 5}
private:
  photos: {source: {bundled: true}, images: 20}
data:
  mine: {source: {bundled: true}}
""")
ROWS = {
    "base": {"private": "photos", "public": "pool", "public_sample": "others", "k": 6},
    "grid": {"T": [5, 10], "n": [10, 20], "seeds": [1, 2]},
    "attacks": ["whitened", "pool"],
}
TRAINED = {
    "training": {
        "data": "mine", "public": "pool", "public_sample": "others", "record": 20, "k": 4
    },
    "grid": {"encoding": ["none", "instahide", "dp-instahide,k=4,noise=0.2"]},
    "attacks": ["whitened", "pool", "whitened-dp"],
}  # fmt: skip


def checked(**sweeps):
    return check_config(copy.deepcopy(BASE) | {"sweeps": copy.deepcopy(sweeps)}, SCHEMA)


def points(sweep=ROWS, **changed):
    return checked(mine=sweep | changed)["sweeps"]["mine"]["points"]


def names(*args, **changed):
    return {point["challenge"] for point in points(*args, **changed)}


def test_every_combination_is_a_challenge_of_its_own():
    config = checked(rows=ROWS)
    found = [config["challenges"][p["challenge"]] for p in config["sweeps"]["rows"]["points"]]
    told = [
        (c["rows_per_image"], config["private"][c["private"]]["images"], c["seed"])
        for c in found
    ]
    assert told == list(itertools.product([5, 10], [10, 20], [1, 2]))
    assert {(c["k"], c["c1"], c["public"], c["public_sample"]) for c in found} == {
        (6, 0.65, "pool", "others")
    }
    assert all(c["attacks"] == ["whitened", "pool"] for c in found)


def test_a_seed_is_that_of_the_private_set_and_of_the_challenge():
    config = checked(rows=ROWS)
    for point in config["sweeps"]["rows"]["points"]:
        challenge = config["challenges"][point["challenge"]]
        assert challenge["seed"] == point["seed"]
        assert config["private"][challenge["private"]]["seed"] == point["seed"]


def test_private_sets_are_shared_by_points_and_sources_by_private_sets():
    config = checked(rows=ROWS)
    sets = {name: given for name, given in config["private"].items() if name != "photos"}
    assert len(sets) == 4
    assert {given["source_of"] for given in sets.values()} == {"photos"}


def test_without_seeds_there_is_one():
    grid = {"T": [5]}
    assert [point["seed"] for point in points(grid=grid)] == [1]
    assert names(grid=grid) == names(grid=grid | {"seeds": [1]})


@pytest.mark.parametrize(
    "changed",
    [
        {"grid": {"T": [5, 10], "n": [10, 20], "seeds": [1, 2], "c1": [0.65]}},
        {"grid": {"T": [5, 10], "n": [10, 20], "seeds": [1, 2], "pool_known": [1.0]}},
        {"grid": {"T": [5, 10], "n": [10, 20], "seeds": [1, 2], "augmentation": [None]}},
        {"grid": {"T": [5, 10], "n": [10, 20], "seeds": [1, 2], "treatment": ["none"]}},
        {"grid": {"T": [5, 10], "n": [10, 20], "seeds": [1, 2], "size": [32]}},
        {"grid": {"seeds": [2, 1], "n": [20, 10], "rows_per_image": [10, 5], "k": [6]}},
        {"grid": [{"T": [5], "n": [10, 20], "seeds": [1, 2]}, ROWS["grid"]]},
        {"attacks": ["mean"]},
    ],
)
def test_a_point_is_called_by_what_it_is_and_not_by_its_axes(changed):
    assert names(**changed) == names()


def test_a_sweep_that_grows_keeps_its_points():
    assert names() < names(grid=ROWS["grid"] | {"T": [5, 10, 20]})
    assert names() < names(grid=ROWS["grid"] | {"k": [4, 6]})
    assert names() < names(grid=ROWS["grid"] | {"size": [32, 64]})
    assert names() < names(grid=ROWS["grid"] | {"pool_known": [1, 0.5]})
    assert names() < names(grid=ROWS["grid"] | {"treatment": ["none", "gaussian=0.1"]})


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        (("public", "pool"), "crops_per_photo", 9),
        (("public", "others"), "seed", 9),
        (("private", "photos"), "source", {"path": "mine"}),
        (("image",), "channels", 1),
    ],
)
def test_another_thing_has_another_name(where, key, value):
    config = copy.deepcopy(BASE) | {"sweeps": {"mine": ROWS}}
    place = config
    for part in where:
        place = place[part]
    place[key] = value
    found = check_config(config, SCHEMA)["sweeps"]["mine"]["points"]
    assert not names() & {point["challenge"] for point in found}


def test_what_decides_no_byte_changes_no_name():
    config = copy.deepcopy(BASE) | {"sweeps": {"mine": ROWS}}
    config["public"]["pool"] |= {"shards": 7, "most_skipped": 0.5}
    found = check_config(config, SCHEMA)["sweeps"]["mine"]["points"]
    assert names() == {point["challenge"] for point in found}


def test_names_stay_what_they_are():
    """Whoever changes how names are made gives up all points that were computed before."""
    first, second = ({point["training" if sweep is TRAINED else "challenge"]
                      for point in points(sweep)} for sweep in (ROWS, TRAINED))  # fmt: skip
    assert "sweeps/cross-k6-T5-n10-s1-91da65851902" in first
    assert "sweeps/cross-k4-e10-s1-2b83d878b44a" in second
    assert DIGITS >= 10


def test_two_sweeps_share_points_and_each_tells_its_own_attacks():
    config = checked(one=ROWS, two=ROWS | {"attacks": ["mean"]})
    one, two = (config["sweeps"][name]["points"] for name in ("one", "two"))
    assert [p["challenge"] for p in one] == [p["challenge"] for p in two]
    assert (one[0]["attacks"], two[0]["attacks"]) == (["whitened", "pool"], ["mean"])
    assert config["challenges"][one[0]["challenge"]]["attacks"] == ["whitened", "pool", "mean"]


def test_grids_are_joined_and_equal_points_are_one():
    grids = [{"T": [5, 10]}, {"k": [4, 6], "T": [10]}]
    assert len(points(grid=grids)) == 3


def test_points_are_left_out():
    found = points(skip=[{"T": 10, "n": 20}, {"seeds": 2}])
    assert len(found) == 3
    assert all(point["seed"] == 1 for point in found)


def test_pools_of_other_sizes_share_crops_and_have_patches_of_their_own():
    config = checked(mine=ROWS | {"grid": {"size": [32, 48]}})
    small, large = (
        config["challenges"][p["challenge"]] for p in config["sweeps"]["mine"]["points"]
    )
    assert (small["public"], large["public"]) == ("pool", "sweeps/pool-48px")
    pool = config["public"]["sweeps/pool-48px"]
    assert (pool["size"], pool["crops_of"]) == (48, "pool")
    assert config["private"][large["private"]]["size"] == 48
    assert "size" not in config["private"][small["private"]]


def test_encodings_stand_beside_each_other_and_have_the_attacks_that_suit_them():
    grid = [
        {"scheme": ["cross", "mixup"]},
        {"k": [2]},
        {"scheme": ["inside"], "k": [2, 4]},
        {"encoding": ["dp-instahide,k=4,noise=0.2"]},
    ]
    named = ["whitened", "whitened-none", "pool", "whitened-inside", "whitened-dp", "oracle",
             "single", "publicsearch", "learnt-mask", "averaging", "linear", "linear-none",
             "linear-pool", "mean"]  # fmt: skip
    found = {
        point["challenge"].removeprefix("sweeps/").partition("-n20")[0]: point["attacks"]
        for point in points(grid=grid, attacks=named)
    }
    assert found == {
        "cross-k6-T50": ["whitened", "whitened-none", "pool", "oracle", "single",
                         "publicsearch", "learnt-mask", "averaging", "mean"],
        "cross-k2-T50": ["whitened", "whitened-none", "oracle", "learnt-mask", "averaging",
                         "mean"],
        "mixup-k6-T50": ["whitened", "pool", "oracle", "averaging", "linear", "linear-none",
                         "linear-pool", "mean"],
        "inside-k2-T50": ["whitened", "whitened-none", "whitened-inside", "oracle",
                          "learnt-mask", "averaging", "mean"],
        "inside-k4-T50": ["whitened-inside", "oracle", "averaging", "mean"],
        "dp-instahide-k4-noise0.2": ["whitened-dp", "mean"],
    }  # fmt: skip


def test_trainings_are_points_too_with_what_they_record():
    config = checked(plane=TRAINED)
    plain, mixed, noisy = config["sweeps"]["plane"]["points"]
    assert plain["challenge"] is None and plain["attacks"] == []
    assert mixed["challenge"] == f"training/{mixed['training']}/seen"
    assert mixed["attacks"] == ["whitened", "pool"] and noisy["attacks"] == ["whitened-dp"]
    assert config["challenges"][mixed["challenge"]]["attacks"] == ["whitened", "pool"]
    training = config["training"][mixed["training"]]
    assert (training["seeds"], training["key"], training["record"]) == ([1], 1, 20)
    assert "public" not in config["training"][noisy["training"]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"grid": {}}, None),
        ({"grid": []}, "mine/grid: 0 points, and 1 to 10,000"),
        ({"grid": {"T": []}}, r"mine/grid/rows_per_image: \[\] is no list of values"),
        ({"grid": {"T": 5}}, "mine/grid/rows_per_image: 5 is no list of values; write one or"),
        ({"grid": None}, "sweeps/mine/grid has no value"),
        ({"grid": {"T": [5, 5.0]}}, "mine/grid/rows_per_image: 5 stands there twice"),
        ({"grid": {"T": [5], "rows_per_image": [6]}}, "are one key: write one"),
        ({"grid": {"rows_per_imag": [5]}}, "key 'rows_per_imag' in sweeps/mine/grid; did you"),
        ({"grid": {"T": ["5"]}}, "mine at rows_per_image=5: .*'5' is a text; write 5"),
        ({"grid": {"T": [True]}}, "mine at rows_per_image=True: rows_per_image: True"),
        ({"grid": {"c1": [float("nan")]}}, "nan is no number"),
        ({"grid": {"k": [40]}}, "sweeps/mine at k=40: k: 40 is greater"),
        ({"grid": {"k": [6], "c1": [0.1]}}, "sweeps/mine at k=6, c1=0.1: c1 = 0.1 cannot"),
        ({"grid": {"n": [1]}}, "sweeps/mine at images=1: images: 1 is less"),
        ({"grid": {"size": [5]}}, "sweeps/mine at size=5: size: 5 is less"),
        ({"grid": {"scheme": ["inside"], "k": [8], "n": [15]}, "attacks": ["mean"]},
         "sweeps/mine at scheme=inside, k=8, images=15: .*16 private images"),
        ({"grid": {"seeds": ["os"]}}, "sweeps/mine at seeds=os"),
        ({"grid": {"seeds": [-1]}}, "sweeps/mine at seeds=-1: seed: -1"),
        ({"grid": {"seed": [1]}}, "sweeps/mine/grid/seed: .* write 'seeds' in the grid"),
        ({"grid": {"attacks": [["pool"]]}}, "grid/attacks: write it beside the grid"),
        ({"grid": {"encoding": ["dp-instahide"], "k": [4]}}, "at encoding=dp-insta.*/k is"),
        ({"grid": {"encoding": ["dp-instahid"]}}, "encoding 'dp-instahid' is none of"),
        ({"grid": {"public": ["pol"]}}, "mine at public=pol/public names 'pol'.*mean 'p"),
        ({"grid": {"private": [["a"]]}}, "sweeps/mine at private=.*is not of type"),
        ({"grid": {"private": ["foto"]}}, "private names 'foto'.*known are|did you mean"),
        ({"grid": {"pool_known": [0]}}, "sweeps/mine at pool_known=0: pool_known: 0 is less"),
        ({"grid": {"k": list(range(2, 9)), "seeds": list(range(2000))}}, "14,000 points"),
        ({"base": {"privat": "photos"}}, "unknown key 'privat' in sweeps/mine/base; did you"),
        ({"base": {}}, "lacks private"),
        ({"base": ROWS["base"] | {"seeds": [1]}}, "mine/base: write 'seeds' in the grid"),
        ({"training": TRAINED["training"]}, "either 'base', keys of a challenge, or"),
        ({"skip": [{}]}, "mine/skip/0 names nothing"),
        ({"skip": [{"T": 7}]}, "mine/skip/0: no point has rows_per_image=7"),
        ({"skip": [{"n": 10}, {"n": 20}]}, "mine/skip leaves no point"),
        ({"skip": [{"m": 10}]}, "unknown key 'm' in sweeps/mine/skip/0"),
        ({"attacks": ["whitend"]}, "mine/attacks: 'whitend' is neither .* mean 'whitened'"),
        ({"attacks": ["pool", "whitened-dp"]}, "'whitened-dp' suits none of the sw"),
        ({"attacks": ["pool", "pool"]}, "'pool' stands there twice"),
        ({"base": {"private": "photos", "public": "pool"}}, "mine at .*'whitened' learns from"),
        ({"colour": 1}, "unknown key 'colour' in sweeps/mine"),
    ],
)  # fmt: skip
def test_mistakes_name_the_sweep_and_the_point(changed, message):
    if message is None:
        assert len(points(**changed)) == 1
        return
    with pytest.raises(InstaHideError, match=message) as caught:
        points(**changed)
    assert str(caught.value).startswith("configuration: ")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"training": TRAINED["training"] | {"data": "mien"}}, "mine at enc.*you mean 'mine"),
        ({"grid": {"key": [1]}}, "grid/key: .*write 'seeds' in the grid"),
        ({"grid": {"images": [20]}}, "unknown key 'images' in sweeps/mine/grid"),
        ({"grid": {"encoding": ["none"], "k": [4]}}, "at encoding=none, k=4/k is a key of"),
        ({"grid": {"encoding": ["none"], "record": [5]}}, "no encryptions to record"),
        ({"grid": {"schedule": [{"epoch": 1}]}}, "did you mean 'epochs'"),
        ({"grid": {"scheme": ["inside"], "k": [8]}, "attacks": ["whitened-inside"],
          "training": {"data": "mine", "public_sample": "pool", "record": 5}},
         "sweeps/mine at scheme=inside, k=8: .*16 private"),
    ],
)  # fmt: skip
def test_mistakes_in_sweeps_over_trainings_do_so_too(changed, message):
    with pytest.raises(InstaHideError, match=message):
        points(TRAINED, **changed)


def test_the_names_of_the_folders_of_sweeps_are_taken():
    for kind in ("public", "private", "data", "training"):
        config = copy.deepcopy(BASE) | {"sweeps": {"mine": ROWS}}
        config[kind] = {"sweeps": {"source": {"bundled": True}, "data": "mine"}}
        with pytest.raises(InstaHideError, match="'sweeps' is not allowed"):
            check_config(config, SCHEMA)


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["k", "T", "n", "c1", "scheme", "encoding", "augmentation", "seeds",
                        "size", "public", "private", "pool_known", "treatment"])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    part=st.sampled_from(["base", "grid", "skip", "attacks", "training"]),
    wild=WILD | st.dictionaries(KEYS, WILD | st.lists(WILD, max_size=3)),
)
def test_whatever_stands_in_a_sweep_it_is_taken_or_refused_in_a_sentence(part, wild):
    try:
        found = points(**{part: wild})
    except InstaHideError as error:
        assert str(error).startswith("configuration: ")
    else:
        assert found and all(point["challenge"] for point in found)


@given(st.dictionaries(st.text(), WILD.filter(lambda value: value == value)))
def test_equal_values_are_written_alike(value):
    shuffled = dict(reversed(list(value.items())))
    assert canonical(value) == canonical(shuffled)


def test_truth_values_are_no_numbers():
    assert canonical(True) != canonical(1) == canonical(1.0)


def test_a_grid_knows_nothing_of_what_it_is_of():
    grid = {"a": [1, 2], "seeds": [3]}
    found = grid_points("here", {"b": 0, "a": 9}, grid, [], ["a", "b", "seeds"])
    assert [(p.where, p.settings, p.seed) for p in found] == [
        ("here at a=1, seeds=3", {"a": 1, "b": 0}, 3),
        ("here at a=2, seeds=3", {"a": 2, "b": 0}, 3),
    ]


def test_a_thousand_points_are_read_in_a_few_seconds():
    grid = {"T": [5, 10, 20, 50], "n": [20, 40, 60, 80, 100], "k": [2, 4, 6, 8, 10]}
    start = time.process_time()
    assert len(points(grid=grid | {"seeds": list(range(10))})) == 1000
    assert time.process_time() - start < 5
