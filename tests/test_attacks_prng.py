"""The attack through the 2020 generator: seed, solve and rows, on small challenges."""

import json

import numpy as np
import pytest

from instahide.attacks.prng import attack as prng
from instahide.attacks.prng.attack import Setting
from instahide.attacks.protocol import Released, load_released
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.cli import main
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.files import save_npy
from instahide.images import to_unit_range
from instahide.randomness import historical
from instahide.randomness.keystream import Key

pytestmark = pytest.mark.slow

SEED, SETTING = 4_000_000_123, Setting(images=20)
OPTIONS = ["--images", 20, "--start", SEED - 50, "--stop", SEED + 50, "--threads", 1]


def make(private, pool, scheme="cross", public_use="one-batch", rows=25, seed=SEED):
    """A released challenge and its truth: private images and pairs."""
    made = combine(
        private,
        pool,
        Key.from_seed(seed),
        of_scheme(Scheme(scheme, rows_per_image=rows), historical.NAME, public_use),
    )
    plan = made.plan()
    released = Released(encode_rows(made, plan, 0), label_rows(plan, private))
    return released, to_unit_range(private.images), plan.members


def attack(released, seed=SEED, setting=SETTING):
    return prng.recover_with_seed(released, seed, setting)


def mean_square(difference):
    return float(np.mean(difference**2))


@pytest.fixture
def photolike(pool):
    """A pool whose patches scatter around a mean, as photos do, in half the range."""
    return type(pool)(pool.patches // 2 + 64)


@pytest.mark.parametrize("scheme", ["cross", "mixup"])
def test_one_batch_is_solved_almost_exactly(private, photolike, scheme):
    released, truth, pairs = make(private, photolike, scheme)
    recovery = attack(released)
    assert recovery.details["public_use"] == "one-batch"
    assert recovery.details["masked"] is (scheme == "cross")
    assert recovery.details["largest_label_deviation"] < 1e-7
    assert mean_square(recovery.private - truth) < 0.005
    either = [(recovery.decryption == recovery.private[c]).all((1, 2, 3)) for c in pairs.T]
    assert np.logical_or(*either).all()


def test_fresh_public_images_are_noticed_and_averaged_out(private, photolike):
    released, truth, _ = make(private, photolike, public_use="fresh")
    recovery = attack(released)
    assert recovery.details["public_use"] == "fresh"
    assert recovery.details["power"] > 2
    assert mean_square(recovery.private - truth) < 0.05 < mean_square(truth) / 5


def test_a_last_block_that_is_cut_short_is_used(private, photolike):
    released, truth, _ = make(private, photolike)
    cut = Released(released.encryption[:489], released.label[:489])
    assert mean_square(attack(cut).private - truth) < 0.005


def test_images_of_more_contrast_are_handed_in():
    images = np.zeros((3, 2, 2, 1))
    images[1, 0], images[2, 0] = 1, 0.5
    chosen = prng.choose_images(images, np.array([[0, 1], [1, 2], [2, 0], [0, 0]]))
    assert chosen.tolist() == [1, 1, 2, 0]


def test_other_seeds_and_other_masks_are_told(private, photolike):
    released, _, _ = make(private, photolike)
    with pytest.raises(InstaHideError, match=r"does not fit \d+ labels"):
        attack(released, seed=SEED + 1)
    changed = released.label.copy()
    changed[333] *= 0.9
    with pytest.raises(InstaHideError, match="does not fit 1 labels, the first of row 333"):
        attack(Released(released.encryption, changed))
    rolled = Released(np.roll(released.encryption, 1, axis=0), released.label)
    with pytest.raises(InstaHideError, match="not the encryptions"):
        attack(rolled)


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture
def folder(private, photolike, tmp_path):
    """A folder with the two published files and nothing else; and the truth."""
    released, truth, _ = make(private, photolike)
    save_npy(tmp_path / "encryption.npy", released.encryption)
    save_npy(tmp_path / "label.npy", released.label)
    return tmp_path, truth


def test_two_published_files_suffice(folder, capsys):
    path, truth = folder
    assert run("attack", "prng", path, *OPTIONS) == 0
    assert f"seed {SEED}; public images: one-batch" in capsys.readouterr().out
    out = path / "attacks" / "prng"
    assert mean_square(np.load(out / "private.npy") - truth) < 0.005
    assert np.load(out / "decryption.npy").shape == load_released(path).encryption.shape
    record = json.loads((out / "attack.json").read_text(encoding="utf-8"))
    assert record["given"] == {
        "labels": "coefficients", "images": True, "public_distribution": False,
        "public_pool": False, "generator": True,
    }  # fmt: skip
    assert [stage["name"] for stage in record["stages"]] == ["search", "solve"]
    assert record["details"]["seed"] == SEED


def test_a_known_seed_saves_the_search(folder, tmp_path):
    out = tmp_path / "elsewhere"
    assert run("attack", "prng", folder[0], "--images", 20, "--seed", SEED, "--out", out) == 0
    record = json.loads((out / "attack.json").read_text(encoding="utf-8"))
    assert [stage["name"] for stage in record["stages"]] == ["solve"]


def test_the_default_generator_gives_no_seed_and_says_why(sources, tmp_path, capsys):
    plan = sources.plan()
    save_npy(tmp_path / "encryption.npy", encode_rows(sources, plan, 0))
    save_npy(tmp_path / "label.npy", label_rows(plan, sources.private))
    span = ["--images", 20, "--stop", 200_000, "--threads", 1]
    assert run("attack", "prng", tmp_path, *span) == 1
    assert run("seed-search", tmp_path / "label.npy", *span) == 1
    said = capsys.readouterr().out
    assert said.count("no seed fits") == 2 and "2²⁵⁶" in said
    assert {path.name for path in tmp_path.iterdir()} == {"encryption.npy", "label.npy"}
    # Its seed is an integer too, here 5; under the 2020 generator it means something else.
    assert run("attack", "prng", tmp_path, "--images", 20, "--seed", 5) == 2


def test_seed_search_prints_every_seed_with_its_deviation(folder, capsys):
    assert run("seed-search", folder[0] / "label.npy", *OPTIONS) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"seed {SEED}, largest deviation ")
    assert float(captured.out.split()[-1]) < 1e-7
    assert "seed search" in captured.err and "100/100" in captured.err


def test_an_interrupted_search_goes_on(folder, capsys, monkeypatch):
    monkeypatch.setattr("instahide.attacks.prng.seedsearch.SEEDS_AT_ONCE", 20)
    state = folder[0] / "state.json"
    given = [folder[0] / "label.npy", *OPTIONS, "--state", state]

    def interrupt(path, task, end, matches, save=prng.seedsearch._save):
        save(path, task, end, matches)
        if end == SEED - 10:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("instahide.attacks.prng.seedsearch._save", interrupt)
        assert run("seed-search", *given) == 130
    assert json.loads(state.read_text(encoding="utf-8"))["next"] == SEED - 10
    assert run("seed-search", *given) == 0
    captured = capsys.readouterr()
    assert f"seed {SEED}" in captured.out
    assert "100/100" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seed-search", "nowhere.npy"], "nowhere.npy does not exist"),
        (["seed-search", "LABEL", "--start", "9", "--stop", "5"], "9 … 5 is empty"),
        (["seed-search", "LABEL", "--k", "1"], "k = 1"),
        (["attack", "prng", "nowhere"], "does not exist"),
        (["attack", "prng", "FOLDER", "--images", "20", "--seed", "-1"], "from 0 to"),
        (["attack", "prng", "FOLDER", "--images", "0", "--seed", "1"], "images is 0"),
    ],
)
def test_mistakes_end_in_one_sentence(folder, capsys, arguments, message):
    names = {"LABEL": folder[0] / "label.npy", "FOLDER": folder[0]}
    assert run(*(names.get(argument, argument) for argument in arguments)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error
