"""The attack `prng` as steps: parts that cover all seeds, and solving with what they find."""

import json
from itertools import pairwise

import numpy as np
import pytest

from instahide.attacks.catalogue import prng
from instahide.attacks.prng import seedsearch, steps
from instahide.attacks.recipe import Attack
from instahide.attacks.running import save_step
from instahide.attacks.seen import load_seen
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.files import save_npy
from instahide.images import to_unit_range
from instahide.randomness import historical
from instahide.randomness.keystream import Key

SEED, SCHEME = 1_234_567, Scheme(rows_per_image=25)
ABOUT = {"scheme": {"k": SCHEME.k, "c1": SCHEME.c1, "c2": SCHEME.c2}}
ATTACK = prng()


@pytest.fixture
def challenge(private, pool, tmp_path):
    sources = combine(private, pool, Key.from_seed(SEED), of_scheme(SCHEME, historical.NAME))
    plan = sources.plan()
    save_npy(tmp_path / "encryption.npy", encode_rows(sources, plan, 0))
    save_npy(tmp_path / "label.npy", label_rows(plan, private))
    return tmp_path


def search(challenge, path, first, end, monkeypatch, part=(0, 1)):
    """Run the first step as a job that searches the seeds from `first` to `end`."""
    monkeypatch.setattr(steps, "slice_bounds", lambda number, count: (first, end))
    seen = load_seen(challenge, ABOUT, 20)
    save_step(path, Attack.of(ATTACK.until(0)), [], seen, part=part)


@pytest.mark.parametrize("count", [1, 3, 16, 1000])
def test_parts_cover_every_seed_once(count):
    bounds = [steps.slice_bounds(number, count) for number in range(count)]
    assert bounds[0][0] == 0 and bounds[-1][1] == 2**32
    assert all(a[1] == b[0] for a, b in pairwise(bounds))


def test_parts_joined_give_the_seed_and_the_attack(
    challenge, private, tmp_path, monkeypatch, caplog
):
    paths = [tmp_path / f"{part}/seeds.json" for part in range(3)]
    for part, path in enumerate(paths):
        first = SEED - 50 + 40 * part
        search(challenge, path, first, first + 40, monkeypatch, (part, 3))
        assert not path.with_name(f"{path.name}.state").exists()
    found = [json.loads(path.read_text(encoding="utf-8"))["matches"] for path in paths]
    assert [match["seed"] for matches in found for match in matches] == [SEED]
    out = tmp_path / "out/decryption.npy"
    save_step(out, ATTACK, paths, load_seen(challenge, ABOUT, 20))
    recovered = np.load(tmp_path / "out" / "private.npy")
    assert np.mean((recovered - to_unit_range(private.images)) ** 2) < 0.02
    about = json.loads((tmp_path / "out" / "attack.json").read_text(encoding="utf-8"))
    assert [stage["name"] for stage in about["stages"]] == ["search", "solve"]
    parts = [
        json.loads(path.with_name("seeds.json.json").read_text(encoding="utf-8"))["stages"]
        for path in paths
    ]
    spent = sum(stage["cpu_seconds"] for (stage,) in parts)
    assert about["stages"][0]["cpu_seconds"] == pytest.approx(spent, abs=1e-3)
    assert about["given"]["generator"]


def test_a_search_goes_on_where_it_was_interrupted(challenge, tmp_path, monkeypatch):
    monkeypatch.setattr(seedsearch, "SEEDS_AT_ONCE", 10)
    path, searched = tmp_path / "0.json", []

    def scan(task, chunk, scan=seedsearch._scan):
        if len(searched) == 3:
            searched.append("interrupted")
            raise KeyboardInterrupt
        searched.append(chunk[0])
        return scan(task, chunk)

    monkeypatch.setattr(seedsearch, "_scan", scan)
    with pytest.raises(KeyboardInterrupt):
        search(challenge, path, SEED - 30, SEED + 30, monkeypatch)
    assert not path.exists() and path.with_name("0.json.state").exists()
    search(challenge, path, SEED - 30, SEED + 30, monkeypatch)
    starts = [start for start in searched if start != "interrupted"]
    assert set(starts) == set(range(SEED - 30, SEED + 30, 10))
    # Nothing saved is searched again; what another thread had ahead of it may be.
    assert [starts.count(start) for start in range(SEED - 30, SEED, 10)] == [1, 1, 1]
    assert json.loads(path.read_text(encoding="utf-8"))["matches"][0]["seed"] == SEED


def test_parts_without_a_seed_say_why(challenge, tmp_path, monkeypatch):
    path = tmp_path / "0.json"
    search(challenge, path, 0, 100, monkeypatch)
    with pytest.raises(InstaHideError, match=r"no seed fits.*AES-256"):
        save_step(
            tmp_path / "out/decryption.npy", ATTACK, [path], load_seen(challenge, ABOUT, 20)
        )
    assert not (tmp_path / "out").exists()
