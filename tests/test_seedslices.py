"""The seed search as jobs: slices that cover all seeds, joined, and attacked with."""

import json
from itertools import pairwise

import numpy as np
import pytest

from instahide.attacks.prng import seedsearch, seedslices
from instahide.attacks.prng.attack import Setting
from instahide.challenge.encryption import encrypt_rows
from instahide.challenge.sources import combine
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.files import save_json, save_npy
from instahide.images import to_unit_range
from instahide.randomness import historical
from instahide.randomness.keystream import Key

SEED, SETTING = 1_234_567, Setting(images=20)


@pytest.fixture
def challenge(private, pool, tmp_path):
    sources = combine(
        private, pool, Key.from_seed(SEED), Scheme(rows_per_image=25), historical.NAME
    )
    plan = sources.plan()
    save_npy(tmp_path / "encryption.npy", encrypt_rows(sources, plan, 0))
    save_npy(tmp_path / "label.npy", label_rows(plan, private))
    return tmp_path


@pytest.mark.parametrize("count", [1, 3, 16, 1000])
def test_slices_cover_every_seed_once(count):
    bounds = [seedslices.slice_bounds(number, count) for number in range(count)]
    assert bounds[0][0] == 0 and bounds[-1][1] == 2**32
    assert all(a[1] == b[0] for a, b in pairwise(bounds))


def test_slices_joined_give_the_seed_and_the_attack(challenge, private, tmp_path):
    label, paths = challenge / "label.npy", [tmp_path / f"{i}.json" for i in range(3)]
    for number, path in enumerate(paths):
        start = SEED - 50 + 40 * number
        seedslices.save_slice(path, label, SETTING, (start, start + 40))
        assert not path.with_name(f"{path.name}.state").exists()
    found = seedslices.join_slices(paths)
    assert found["seed"] == SEED and len(found["matches"]) == 1
    parts = [
        json.loads(path.read_text(encoding="utf-8"))["stages"][0]["cpu_seconds"]
        for path in paths
    ]
    assert found["stage"]["cpu_seconds"] == pytest.approx(sum(parts), abs=1e-3)
    save_json(tmp_path / "seed.json", found)
    seedslices.save_prng(tmp_path / "out", challenge, tmp_path / "seed.json", SETTING)
    recovered = np.load(tmp_path / "out" / "private.npy")
    assert np.mean((recovered - to_unit_range(private.images)) ** 2) < 0.02
    stages = json.loads((tmp_path / "out" / "attack.json").read_text(encoding="utf-8"))[
        "stages"
    ]
    assert [stage["name"] for stage in stages] == ["seed search", "replay", "solve"]


def test_a_slice_goes_on_where_it_was_interrupted(challenge, tmp_path, monkeypatch):
    monkeypatch.setattr(seedsearch, "CHUNK", 10)
    path, label, searched = tmp_path / "0.json", challenge / "label.npy", []

    def scan(task, chunk, scan=seedsearch._scan):
        if len(searched) == 3:
            searched.append("interrupted")
            raise KeyboardInterrupt
        searched.append(chunk[0])
        return scan(task, chunk)

    monkeypatch.setattr(seedsearch, "_scan", scan)
    with pytest.raises(KeyboardInterrupt):
        seedslices.save_slice(path, label, SETTING, (SEED - 30, SEED + 30))
    assert not path.exists() and path.with_name("0.json.state").exists()
    seedslices.save_slice(path, label, SETTING, (SEED - 30, SEED + 30))
    starts = [start for start in searched if start != "interrupted"]
    assert set(starts) == set(range(SEED - 30, SEED + 30, 10))
    # Nothing saved is searched again; what another thread had ahead of it may be.
    assert [starts.count(start) for start in range(SEED - 30, SEED, 10)] == [1, 1, 1]
    assert seedslices.join_slices([path])["seed"] == SEED


def test_slices_without_a_seed_say_why(challenge, tmp_path):
    path = tmp_path / "0.json"
    seedslices.save_slice(path, challenge / "label.npy", SETTING, (0, 100))
    with pytest.raises(InstaHideError, match=r"no seed fits.*AES-256"):
        seedslices.join_slices([path])
