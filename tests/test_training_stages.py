"""Trainings as stages: from labelled images to accuracies, and what they leave to attack."""

import copy
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from workflow_project import CONFIG, Project

torch = pytest.importorskip("torch")

from instahide.challenge.folder import ChallengeFolder, save_seed  # noqa: E402
from instahide.challenge.private import load_private  # noqa: E402
from instahide.errors import InstaHideError  # noqa: E402
from instahide.photos.split import load_split, save_split  # noqa: E402
from instahide.photos.splitting import read_split  # noqa: E402
from instahide.randomness.keystream import Key  # noqa: E402
from instahide.training import loop  # noqa: E402
from instahide.training.configured import training_of  # noqa: E402
from instahide.training.recorded import load_recorded, without  # noqa: E402
from instahide.training.running import (  # noqa: E402
    Files,
    check_network,
    load_network,
    load_weights,
    save_training,
)

SHARED = Path(__file__).resolve().parents[2] / "shared/data/cifar-10-binary-batch1.tar.gz"
EASY = {"epochs": 10, "batch": 32, "rate": 0.05, "flip": False}
LAPTOP = "instahide.training.networks:laptop_network"
TABLE = "results/training/table.md"
TRAINING = {
    "none": {"data": "mine", "encoding": "none", "preset": "smoke", "schedule": EASY},
    "cross": {
        "data": "mine",
        "public": "pool",
        "preset": "smoke",
        "schedule": EASY,
        "record": 20,
        "key": 5,
        "attacks": ["mean"],
    },
}
#: Entries of `training` as they are when their defaults are filled in.
GIVEN = {"encoding": "instahide", "scheme": "inside", "k": 2, "c1": 0.65, "c2": 0.3}
GIVEN |= {"preset": "smoke", "schedule": EASY}


def write_easy(folder, count):
    """Write grey images whose class is the half that is bright, by class.

    Grey is 0 on [-1, 1], so that the bright half stands out in magnitudes too.
    """
    generator = np.random.default_rng(0)
    for label, name in enumerate(("above", "below")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = generator.integers(100, 155, (16, 16, 3), np.uint8)
            image[8 * label : 8 * label + 8] += 100
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    config = copy.deepcopy(CONFIG)
    del config["challenges"], config["private"]
    config["data"] = {"mine": {"source": {"path": "mine"}, "train": 200, "test": 80}}
    config["training"] = TRAINING
    project = Project(tmp_path_factory.mktemp("project"), config)
    write_easy(project.root / "mine", 140)
    project.run("--cores", "2", "--", TABLE, "results/training/cross/seen/verification.txt")
    return project


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The files of a training without a workflow."""
    folder = tmp_path_factory.mktemp("data")
    source = write_easy(folder / "mine", 60)
    split = read_split(source, (16, 3), "drawn", (96, None), Key.from_seed(0))
    save_split(folder / "labelled.npz", split)
    save_seed(folder / "seed", Key.from_seed(1))
    return Files(folder / "labelled.npz", folder / "seed")


def accuracy(project, name):
    path = project.root / f"results/training/{name}/0/accuracy.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.workflow
def test_networks_learn_and_the_table_tells(project):
    none, cross = accuracy(project, "none"), accuracy(project, "cross")
    assert none["accuracy"]["plain"] > 0.8  # chance is .5, with a standard error of .056
    assert cross["accuracy"]["plain"] > 0.68 and cross["accuracy"]["largest_10"] > 0.6
    assert none["accuracy"]["encrypted"] is None and cross["recorded"] == 20
    share = 100 * cross["accuracy"]["plain"]
    text = (project.root / TABLE).read_text(encoding="utf-8")
    assert f"| cross | cross, k = 4 | abs | 10 | 1 | {share:.1f} ± " in text


@pytest.mark.workflow
def test_weights_are_their_owners_and_no_checkpoint_is_left(project):
    folder = project.root / "results/training/cross/0"
    assert (folder / "model.pt").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.iterdir()} == {
        "model.pt", "curve.csv", "accuracy.json", "train.log", "accuracy.log"
    }  # fmt: skip
    assert (project.root / "results/data/mine").stat().st_mode & 0o777 == 0o700


@pytest.mark.workflow
def test_what_training_saw_is_a_challenge_of_images_that_train(project):
    folder = ChallengeFolder(project.root / "results/training/cross/seen")
    verified = (folder.path / "verification.txt").read_text(encoding="utf-8")
    assert "verified: the challenge is what these inputs make" in verified
    private = load_private(folder.private)
    split = load_split(project.root / "results/data/mine/labelled.npz")
    trains, tests = (
        {bytes(image) for image in part.images} for part in (split.train, split.test)
    )
    assert {bytes(image) for image in private.images} <= trains - tests
    assert len(without(split.train, private)) == 180
    recorded = load_recorded(folder.path, 20)
    assert len(recorded.encryption) == 10 * 20
    rows, _ = recorded.epoch(9)
    assert np.array_equal(rows.transpose(0, 2, 3, 1), np.load(folder.encryption)[180:])


@pytest.mark.workflow
def test_a_change_re_runs_what_it_must_and_nothing_else(project):
    text = (project.root / "config/config.yaml").read_text(encoding="utf-8")
    seen = "results/training/cross/seen/verification.txt"

    def stale(**changes):
        config = yaml.safe_load(text)
        config["training"]["cross"] |= changes
        project.configure(config)
        return project.stale(TABLE, seen)

    assert stale() == set()
    assert stale(seeds=[0, 3]) == {"train", "accuracy", "training_table"}
    assert stale(input="signed") == {"train", "accuracy", "training_table"}
    assert {"plan", "encrypt", "verify", "train", "accuracy"} <= stale(c1=0.6)
    assert "data" not in stale(c1=0.6)
    project.configure(yaml.safe_load(text))


@pytest.mark.workflow
def test_networks_that_nothing_trains_are_answered(project):
    done = project.run("-n", "results/training/cross/7/model.pt", check=False)
    text = " ".join((done.stderr + done.stdout).split())
    assert done.returncode and "nothing makes results/training/cross/7/model.pt" in text
    assert "there are 0, secret, seen" in text


def trained(folder, data, training, **options):
    folder.mkdir(exist_ok=True)
    save_training(folder / "model.pt", folder / "curve.csv", training, data, **options)
    return torch.load(folder / "model.pt", weights_only=True)


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(data, tmp_path, monkeypatch):
    training = training_of(GIVEN, 3)
    whole = trained(tmp_path / "whole", data, training)
    save, calls = loop._save, []

    def dying(*arguments):
        save(*arguments)
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_save", dying)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", data, training)
    assert not list((tmp_path / "killed").glob("model.pt"))
    assert len(list((tmp_path / "killed").glob(".checkpoint-*.pt"))) == 1
    monkeypatch.setattr(loop, "_save", save)
    epochs = []
    monkeypatch.setattr(loop, "_train_epoch", counting(loop._train_epoch, epochs))
    assert same(trained(tmp_path / "killed", data, training), whole)
    assert len(epochs) == 6  # four of ten were done
    assert not list((tmp_path / "killed").glob(".checkpoint-*"))


def counting(function, calls):
    def counted(*arguments):
        calls.append(1)
        return function(*arguments)

    return counted


@pytest.mark.parametrize("change", ["code", "seed", "training"])
def test_a_checkpoint_of_something_else_is_not_gone_on_from(
    change, data, tmp_path, monkeypatch
):
    training, options = training_of(GIVEN, 3), {"code": "a"}
    monkeypatch.setattr(loop, "_save", interrupted(loop._save))
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, data, training, **options)
    monkeypatch.undo()
    if change == "seed":
        save_seed(tmp_path / "seed", Key.from_seed(9))
        data = replace(data, seed=tmp_path / "seed")
    options |= {"code": "b"} if change == "code" else {}
    training = replace(training, input="signed") if change == "training" else training
    epochs = []
    monkeypatch.setattr(loop, "_train_epoch", counting(loop._train_epoch, epochs))
    trained(tmp_path, data, training, **options)
    assert len(epochs) == EASY["epochs"]


def interrupted(save):
    def saving(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    return saving


def test_keys_and_seeds_make_other_networks(data, tmp_path):
    one = trained(tmp_path / "one", data, training_of(GIVEN, 0))
    assert same(one, trained(tmp_path / "again", data, training_of(GIVEN, 0)))
    assert not same(one, trained(tmp_path / "seed", data, training_of(GIVEN, 1)))


@pytest.mark.workflow
def test_a_trained_network_is_loaded_ready_to_predict(project):
    network = load_network(project.root / "results/training/cross/0")
    split = load_split(project.root / "results/data/mine/labelled.npz")
    rows = torch.from_numpy(split.test.images.transpose(0, 3, 1, 2) / np.float32(127.5) - 1)
    with torch.no_grad():
        right = network(rows).argmax(dim=1).numpy() == split.test.classes
    assert right.mean() == pytest.approx(accuracy(project, "cross")["accuracy"]["plain"])


def test_networks_of_others_are_not_imported_on_the_word_of_a_file(tmp_path):
    told = asdict(training_of(GIVEN)) | {
        "network": {"kind": "a", "text": "b:c", "target": "b:c"}
    }
    about = {"training": told, "classes": ["a"], "image_shape": [8, 8, 3]}
    (tmp_path / "accuracy.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(InstaHideError, match="which is not this project's"):
        load_network(tmp_path)
    told["network"] = {"kind": "a", "text": "laptop,width='x'", "target": LAPTOP}
    (tmp_path / "accuracy.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(InstaHideError, match="does not tell its network"):
        load_network(tmp_path)
    (tmp_path / "accuracy.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InstaHideError, match="does not tell its network"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: 5, "returns int: a torch.nn.Module"),
        (torch.nn.Flatten, "returns Flatten: .* that has parameters"),
        (lambda: torch.nn.Linear(7, 2), "does not take rows"),
        (
            lambda: torch.nn.Conv2d(3, 2, 16),
            r"returns \(2, 2, 1, 1\) for 2 images of 2 classes",
        ),
    ],
)
def test_networks_that_cannot_be_trained_end_in_a_sentence(made, message):
    with pytest.raises(InstaHideError, match=message):
        check_network(made(), "mine", (16, 16, 3), 2)


@pytest.mark.workflow
def test_a_table_is_made_anew_where_a_job_before_it_was_killed(project, tmp_path, monkeypatch):
    monkeypatch.setattr(project, "root", Path(shutil.copytree(project.root, tmp_path / "copy")))
    config = yaml.safe_load((project.root / "config/config.yaml").read_text(encoding="utf-8"))
    config["training"]["none"]["schedule"] = EASY | {"epochs": 2}
    project.configure(config)
    project.run("--cores", "1", "--", "results/training/none/0/model.pt")
    (project.root / "results/training/none/0/accuracy.json").unlink()
    assert project.stale(TABLE) == {"accuracy", "training_table"}


def test_damaged_weights_end_in_a_sentence(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"no weights")
    with pytest.raises(InstaHideError, match="holds no weights of this network"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / "model.pt")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="CIFAR-10 is not here")
def test_the_smoke_preset_is_above_chance(tmp_path):
    split = read_split(SHARED, (32, 3), "drawn", (4000, 1000), Key.from_seed(0))
    save_split(tmp_path / "labelled.npz", split)
    save_seed(tmp_path / "seed", Key.from_seed(1))
    files = Files(tmp_path / "labelled.npz", tmp_path / "seed")
    given = GIVEN | {"encoding": "none", "schedule": {}}
    weights = trained(tmp_path / "out", files, training_of(given))
    network = training_of(given).network(10, signed=True).eval()
    network.load_state_dict(weights)
    pixels = torch.from_numpy(split.test.images.transpose(0, 3, 1, 2) / np.float32(127.5) - 1)
    with torch.no_grad():
        right = network(pixels).argmax(dim=1).numpy() == split.test.classes
    assert right.mean() > 0.3  # chance is .1, with a standard error of .01
