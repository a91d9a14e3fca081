"""Challenges with augmentation from configuration to scores."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from smallchallenge import make_small
from test_augmentation import ALL, CROPS, FUSION, encoding_of, images_of
from test_config import SCHEMA, config
from workflow_project import CONFIG, Project

from instahide.attacks.baselines import hand_in_mean, hand_in_oracle, hand_in_random
from instahide.attacks.seen import load_seen, public_parameters
from instahide.attacks.transformedoracle import solve_transformed
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import load_manifest
from instahide.cli import main
from instahide.config import check_config
from instahide.config import encoding_of as configured
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.choice import of_scheme
from instahide.encodings.plan import as_mixed, load_plan, save_plan
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.leaderboard.recheck import Truth, load_records
from instahide.leaderboard.records import load_record
from instahide.leaderboard.results import save_results
from instahide.notebook import evaluate, new_challenge, score_decryption
from instahide.randomness.keystream import Key
from instahide.scoring.figures import compare_rows, save_gallery
from instahide.scoring.mixed import mixed_images
from instahide.scoring.recoveredset import largest_shift, recovered_set_scores
from instahide.scoring.score import as_json, score_file, score_images
from instahide.ssim import ssim

SMALL = {"crop_padding": 2, "flip": True}


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    place = tmp_path_factory.mktemp("small")
    make_small(place)
    return place


@pytest.fixture(scope="module")
def made(sources):
    """A challenge whose images are moved and flipped, 12 images of 8 × 8 in 120 rows."""
    scheme = {"name": "cross", "k": 4, "c2": 0.4, "rows_per_image": 10}
    chosen = of_scheme(scheme, augmentation=SMALL)
    given = (sources / "set.npz", sources / "pool.zarr", Key.from_seed(1), chosen)
    make_challenge(sources / "augmented", *given)
    return ChallengeFolder(sources / "augmented")


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "challenge")
    return ChallengeFolder(tmp_path / "challenge")


# ---- making


def test_the_released_manifest_tells_the_augmentation_and_no_transform(made):
    manifest = load_manifest(made)
    expected = Augmentation.of(SMALL).describe()
    assert manifest["augmentation"] == expected
    assert public_parameters(manifest)["augmentation"] == expected
    seen = load_seen(made.path, None, 12)
    assert seen.about["augmentation"]["crop_padding"] == 2


def test_a_configuration_makes_the_same_choice():
    key = "challenges__challenge__augmentation"
    filled = check_config(config({key: SMALL}), SCHEMA)["challenges"]["challenge"]
    assert configured(filled).options["augmentation"] == Augmentation.of(SMALL).describe()
    usual = check_config(config(), SCHEMA)["challenges"]["challenge"]
    assert "augmentation" not in usual and "augmentation" not in configured(usual).options


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"augmentation": {}}, "leave the key out"),
        ({"augmentation": None}, "leave the key out"),
        ({"augmentation": {"crop_paddng": 4}}, "did you mean 'crop_padding'"),
        ({"augmentation": {"crop_padding": 32}}, "out of sight"),
        ({"augmentation": {"flip": True}, "generator": "mt19937-2020"}, "mixed as they are"),
        ({"augmentation": {"flip": True}, "encoding": "dp-instahide"}, "is a key of InstaHide"),
    ],
)
def test_wrong_configurations_are_refused(changes, said):
    named = {f"challenges__challenge__{key}": value for key, value in changes.items()}
    with pytest.raises(InstaHideError, match=said):
        check_config(config(named), SCHEMA)


def test_public_images_that_are_not_there_are_not_transformed():
    wrong = config({"challenges__challenge__augmentation": {"flip": True, "public": True},
                    "challenges__challenge__scheme": "inside",
                    "challenges__challenge__k": 4,
                    "challenges__challenge__attacks": ["mean"]})  # fmt: skip
    del wrong["challenges"]["challenge"]["public"]
    with pytest.raises(InstaHideError, match="mixes no public"):
        check_config(wrong, SCHEMA)


def test_the_command_line_makes_and_verifies(sources, tmp_path, capsys):
    given = ("--private", sources / "set.npz", "--public", sources / "pool.zarr",
             "--k", "4", "--rows-per-image", "2", "--seed", "1")  # fmt: skip
    choice = "crop_padding=2,flip=true,fill=grey"
    assert run("encrypt", *given, "--out", tmp_path / "a", "--augmentation", choice) == 0
    told = load_manifest(ChallengeFolder(tmp_path / "a"))["augmentation"]
    assert told["flip"] is True and told["fill"] == "grey" and told["crop_padding"] == 2
    assert run("verify", tmp_path / "a", "--public", sources / "pool.zarr") == 0
    for wrong in ("crop_padding", "crop_padding=x", "flop=true", "crop_padding=9"):
        assert run("encrypt", *given, "--out", tmp_path / "b", "--augmentation", wrong) == 2
        assert "augmentation" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_verification_names_the_stage_whose_transforms_differ(folder, sources, capsys):
    plan = load_plan(folder.truth)
    plan.transforms.flipped[3, 1] ^= True
    save_plan(folder.truth, plan)
    assert run("verify", folder.path, "--public", sources / "pool.zarr") == 1
    out = capsys.readouterr().out
    assert "flipped: 1 of 120 rows differ, the first is 3" in out
    assert "the first stage that differs is 'plan'" in out


def test_a_notebook_makes_and_scores(sources, tmp_path):
    challenge = new_challenge(
        tmp_path / "own", sources / "set.npz", sources / "pool.zarr",
        augmentation=SMALL, k=4, rows_per_image=3, seed=2,
    )  # fmt: skip
    perfect = to_unit_range(as_mixed(challenge.plan, challenge.private))[:, 1]
    assert score_decryption(perfect, challenge).summary["max_ssim"].mean == pytest.approx(1)
    assert evaluate("oracle", challenge).score.recovered_set is not None


# ---- scores


def test_rows_are_compared_with_images_as_they_were_mixed(made):
    plan, images = load_plan(made.truth), np.load(made.private)["images"]
    perfect = to_unit_range(as_mixed(plan, images))
    for place in (0, 1):
        score = score_images(perfect[:, place], plan, images)
        assert score.rows.max_ssim.min() > 1 - 1e-6 and score.rows.min_l2.max() < 1e-12
    plain = to_unit_range(images)[plan.members[:, 0]]
    assert score_images(plain, plan, images).summary["max_ssim"].mean < 0.7
    one = score_images(perfect[:, 0], plan, images).rows.mean_ssim
    both = ssim(perfect[:, 0], perfect[:, 1])
    np.testing.assert_allclose(one, (1 + both) / 2, atol=1e-6)
    mixed = mixed_images(plan, images)
    closest, found = compare_rows(perfect[:, 1], to_unit_range(images), plan.members, mixed)
    np.testing.assert_array_equal(closest, plan.members[:, 1])
    assert found.min() > 1 - 1e-6


def test_another_order_of_the_rows_is_told(made):
    plan, images = load_plan(made.truth), np.load(made.private)["images"]
    perfect = to_unit_range(as_mixed(plan, images))[:, 0]
    assert not score_images(perfect, plan, images).hint
    assert "reverse" in score_images(perfect[::-1], plan, images).hint


def test_a_gallery_is_drawn(folder, tmp_path):
    plan, images = load_plan(folder.truth), np.load(folder.private)["images"]
    (folder.path / "attacks/own").mkdir(parents=True)
    place = folder.path / "attacks/own/decryption.npy"
    np.save(place, to_unit_range(as_mixed(plan, images))[:, 0])
    save_gallery(tmp_path / "gallery.png", folder, place)
    assert (tmp_path / "gallery.png").stat().st_size > 1000


# ---- recovered sets


def slowly(recovered, private, shift, flip):
    """Try everything, as `recovered_set_scores` says that it does."""
    best = np.full(len(private), -1.0)
    height, width = private.shape[1:3]
    for turned in (recovered, recovered[:, :, ::-1])[: 1 + flip]:
        for dy in range(-shift, shift + 1):
            for dx in range(-shift, shift + 1):
                there = turned[
                    :, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)
                ]
                here = private[:, max(-dy, 0) : height - max(dy, 0),
                               max(-dx, 0) : width - max(dx, 0)]  # fmt: skip
                for image, part in enumerate(here):
                    found = ssim(there, np.broadcast_to(part, there.shape))
                    best[image] = max(best[image], found.max())
    return best


def smooth(count, side=14, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1, 1, (count, side // 2 + 1, side // 2 + 1, 3))
    grown = coarse.repeat(2, axis=1).repeat(2, axis=2)
    return (grown[:, 1:, 1:] + grown[:, :-1, :-1])[:, :side, :side].astype(np.float32) / 2


@pytest.mark.parametrize("flip", [False, True])
def test_the_best_of_all_flips_and_shifts_is_found(flip):
    private = smooth(6)
    noise = np.random.default_rng(1).normal(0, 0.1, private.shape).astype(np.float32)
    recovered = np.roll(private, (2, -1), axis=(1, 2))[::-1] + noise
    recovered = recovered[:, :, ::-1] if flip else recovered
    found = recovered_set_scores(recovered, private, shift=3, flip=flip)
    np.testing.assert_array_equal(found.shown_by, np.arange(6)[::-1])
    assert (found.flipped == flip).all() and (found.shifts == (2, -1)).all()
    np.testing.assert_allclose(found.ssim, slowly(recovered, private, 3, flip), atol=1e-6)


def test_without_moves_images_are_compared_as_they_are():
    private, recovered = smooth(5), smooth(7, seed=3)
    found = recovered_set_scores(recovered, private, shift=0, flip=False)
    expected = [[ssim(a[None], b[None])[0] for a in recovered] for b in private]
    np.testing.assert_allclose(found.ssim, np.max(expected, axis=1), atol=1e-6)
    flat = recovered_set_scores(np.zeros_like(private), private, shift=2, flip=True)
    assert np.isfinite(flat.ssim).all()


def test_sets_of_other_images_are_refused():
    for wrong in (smooth(3, 12), smooth(3)[:0], smooth(3)[0]):
        with pytest.raises(InstaHideError, match="recovered set is"):
            recovered_set_scores(wrong, smooth(3), shift=1, flip=True)
    with pytest.raises(InstaHideError, match="too little"):
        recovered_set_scores(smooth(3), smooth(3), shift=8, flip=True)
    assert largest_shift(None, (32, 32, 3)) == 0
    assert largest_shift(CROPS, (32, 32, 3)) == 8
    assert largest_shift(FUSION, (32, 32, 3)) == 16
    assert largest_shift(CROPS, (8, 8, 3)) == 1


def test_a_set_beside_the_decryption_is_scored_and_kept(folder, capsys):
    plan, images = load_plan(folder.truth), np.load(folder.private)["images"]
    attack = folder.path / "attacks/own"
    attack.mkdir(parents=True)
    np.save(attack / "decryption.npy", to_unit_range(as_mixed(plan, images))[:, 0])
    np.save(attack / "private.npy", to_unit_range(images)[::-1, :, ::-1])
    save_results(attack, folder)
    told = json.loads((attack / "score.json").read_text(encoding="utf-8"))["recovered_set"]
    assert told["mean"] == pytest.approx(1, abs=1e-6)
    record = load_record(attack / "record.json")
    assert record.recovered_set.mean == pytest.approx(1, abs=1e-6)
    assert run("score", attack / "decryption.npy", folder.path) == 0
    assert "recovered set, up to flip and shift: SSIM 1.0000" in capsys.readouterr().out
    truth = Truth(folder.truth, folder.private)
    assert load_records([attack / "record.json"], folder, truth)[0].rechecked
    content = json.loads((attack / "record.json").read_text(encoding="utf-8"))
    content["recovered_set"]["mean"] = 0.5
    (attack / "record.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InstaHideError, match="SSIM of the set is"):
        load_records([attack / "record.json"], folder, truth)
    del content["recovered_set"]["low"], content["recovered_set"]["high"]
    (attack / "record.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InstaHideError, match="needs an interval"):
        load_record(attack / "record.json")


@pytest.mark.parametrize("wrong", [np.zeros((3, 8, 8, 1), "f4"), np.full((3, 8, 8, 3), np.nan)])
def test_a_wrong_set_beside_the_decryption_is_refused(folder, wrong):
    attack = folder.path / "attacks/own"
    attack.mkdir(parents=True)
    np.save(attack / "decryption.npy", np.zeros((120, 8, 8, 3), np.float32))
    np.save(attack / "private.npy", wrong)
    with pytest.raises(InstaHideError, match="recovered set"):
        score_file(attack / "decryption.npy", folder.truth, folder.private)


def test_without_augmentation_a_set_is_not_scored(sources):
    plain = ChallengeFolder(sources / "challenge")
    plan, images = load_plan(plain.truth), np.load(plain.private)["images"]
    private = to_unit_range(images)
    score = score_images(private[plan.members[:, 0]], plan, images, recovered=private)
    assert "recovered_set" not in json.loads(as_json(score))


# ---- baselines


@pytest.mark.parametrize("some", [CROPS, FUSION, replace(ALL, public=False)])
def test_without_public_images_the_oracle_is_exact(some):
    made = encoding_of(some, "mixup-inside", k=2)
    rows = 10 * 40
    plan = made.plan(0, rows)
    mixed = made.encode(plan, 0)["encryption"]
    solved = solve_transformed(mixed, plan, 10)
    images = to_unit_range(made.private.images)
    if not some.affine:
        np.testing.assert_allclose(solved, images, atol=1e-3)
    else:  # what is resampled was rounded, and corners are hardly ever seen
        middle = (slice(None), slice(8, 24), slice(8, 24))
        assert np.abs(solved - images)[middle].mean() < 0.02


def test_the_oracle_is_weighted_least_squares():
    made = encoding_of(Augmentation(crop_padding=1, flip=True), "mixup", k=4)
    plan = made.plan(0, 120)
    plan = replace(plan, members=plan.members % 3)
    grey = np.random.default_rng(0).uniform(-1, 1, (120, 4, 4, 1)).astype(np.float32)
    design = np.zeros((120, 16, 4, 16))
    known = np.zeros((120, 16))
    for row in range(120):
        for place in (0, 1):
            weight, image = plan.weights[row, place], plan.members[row, place]
            dy, dx = plan.transforms.shifts[row, place]
            for y in range(4):
                for x in range(4):
                    from_x = 3 - x if plan.transforms.flipped[row, place] else x
                    at = (y + dy, from_x + dx)
                    if 0 <= at[0] < 4 and 0 <= at[1] < 4:
                        design[row, 4 * y + x, image, 4 * at[0] + at[1]] += weight
                    else:
                        known[row, 4 * y + x] -= weight
        design[row, range(16), 3, range(16)] += plan.weights[row, 2:].sum()
    weights = np.sqrt(1 / (plan.weights[:, 2:] ** 2).sum(axis=1)).repeat(16)
    equations = design.reshape(120 * 16, -1) * weights[:, None]
    target = (grey.ravel() - known.ravel()) * weights
    expected = np.linalg.lstsq(equations, target, rcond=None)[0].reshape(4, 4, 4, 1)[:3]
    np.testing.assert_allclose(solve_transformed(grey, plan, 3), expected, atol=2e-3)


def test_baselines_speak_of_images_as_they_were_mixed(made):
    seen = load_seen(made.path, None, 12, secrets=True)
    plan, images = load_plan(made.truth), np.load(made.private)["images"]
    every = to_unit_range(as_mixed(plan, images))
    rng = np.random.default_rng(0)
    mean = hand_in_mean(seen, rng).decryption[0]
    np.testing.assert_allclose(mean, every.mean(axis=(0, 1)), atol=1e-6)
    every = every.reshape(-1, every[0, 0].size)
    for image in hand_in_random(seen, rng).decryption[:5]:
        assert (np.abs(every - image.ravel()).max(axis=1) < 1e-6).any()
    scores = {
        name: score_images(maker(seen, rng).decryption, plan, images).summary["max_ssim"].mean
        for name, maker in (("oracle", hand_in_oracle), ("random", hand_in_random))
    }
    assert scores["oracle"] > 0.6 > scores["random"]


def test_images_of_a_row_are_those_of_the_encoding():
    made = encoding_of(CROPS)
    plan = made.plan(5, 9)
    images = images_of(10, 32, 32, 3)
    np.testing.assert_array_equal(as_mixed(plan, images)[2], as_mixed(plan[2:3], images)[0])


# ---- the workflow


def test_the_workflow_makes_scores_and_verifies(tmp_path):
    settings = yaml.safe_load(yaml.safe_dump(CONFIG))
    del settings["challenges"]["inner"]
    settings["challenges"]["challenge"] |= {"augmentation": SMALL, "rows_per_image": 10}
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project", settings)
    project.run("--cores", "2", "results/challenge/verification.txt",
                "results/challenge/leaderboard.md")  # fmt: skip
    folder = project.root / "results/challenge"
    assert "verified" in (folder / "verification.txt").read_text(encoding="utf-8")
    told = load_manifest(ChallengeFolder(folder))["augmentation"]
    assert told == Augmentation.of(SMALL).describe()
    assert load_record(folder / "attacks/oracle/record.json").recovered_set.mean > 0.2
