import json
import re
from argparse import Namespace
from dataclasses import asdict

import numpy as np
import pytest

from instahide.cli import main
from instahide.commands.attacks import published
from instahide.encodings.instahide.scheme import Scheme
from instahide.pool.pool import open_pool
from instahide.randomness.keystream import Key


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Samples, pool and private set, made by the commands themselves."""
    folder = tmp_path_factory.mktemp("cli")
    assert run("samples", folder) == 0
    pool, private = folder / "pool.zarr", folder / "set.npz"
    assert (
        run("pool", folder / "public", "--out", pool, "--crops-per-photo", 8, "--seed", 1) == 0
    )
    assert (
        run("private", folder / "private", "--out", private, "--images", 20, "--seed", 2) == 0
    )
    return pool, private


@pytest.fixture
def challenge(made, tmp_path):
    pool, private = made
    out = tmp_path / "challenge"
    given = ["--private", private, "--public", pool, "--rows-per-image", 2]
    assert run("encrypt", *given, "--k", 6, "--seed", 3, "--out", out) == 0
    return out


def test_photos_to_verified_challenge(made, challenge, capsys):
    pool, private = made
    assert run("verify", challenge, "--private", private, "--public", pool, "--seed", 3) == 0
    assert "bit for bit" in capsys.readouterr().out
    assert run("verify", challenge, "--public", pool) == 0  # secrets from the folder


def test_a_challenge_that_differs_is_a_negative_answer(made, challenge, capsys):
    label = np.load(challenge / "label.npy")
    np.save(challenge / "label.npy", label[::-1])
    assert run("verify", challenge, "--public", made[0]) == 1
    assert "first stage that differs is 'label'" in capsys.readouterr().out


def test_verifying_asks_for_the_pool_and_refuses_one_that_nothing_mixes(
    made, challenge, tmp_path, capsys
):
    assert run("verify", challenge) == 2
    assert "name a pool of them with --public POOL" in capsys.readouterr().err
    given = ["--private", made[1], "--scheme", "inside", "--k", 4, "--rows-per-image", 1]
    assert run("encrypt", *given, "--out", tmp_path / "inside") == 0
    assert run("verify", tmp_path / "inside", "--public", made[0]) == 2
    assert "leave out the pool" in capsys.readouterr().err
    assert run("verify", tmp_path / "inside") == 0


def test_without_a_seed_the_system_gives_one(made, tmp_path):
    seeds = set()
    for name in ("a", "b"):
        given = ["--private", made[1], "--scheme", "inside", "--k", 4, "--rows-per-image", 1]
        assert run("encrypt", *given, "--out", tmp_path / name) == 0
        seeds.add(
            Key.parse(
                (tmp_path / name / "secret" / "seed").read_text(encoding="utf-8")
            ).material
        )
    assert len(seeds) == 2


@pytest.mark.parametrize("public_use", ["one-batch", "fresh"])
def test_the_generator_of_2020_is_chosen_by_name(made, tmp_path, capsys, public_use):
    given = ["--private", made[1], "--public", made[0], "--rows-per-image", 2]
    given += ["--generator", "mt19937-2020", "--public-use", public_use]
    out = tmp_path / "challenge"
    assert run("encrypt", *given, "--out", out, "--seed", 7) == 0
    assert (
        json.loads((out / "challenge.json").read_text(encoding="utf-8"))["public_use"]
        == public_use
    )
    assert run("verify", out, "--public", made[0]) == 0
    assert run("encrypt", *given, "--out", tmp_path / "other") == 0
    assert "32 bits of the system's" in capsys.readouterr().out
    assert int((tmp_path / "other" / "secret" / "seed").read_text(encoding="utf-8")) < 2**32
    assert run("encrypt", *given, "--out", tmp_path / "no", "--seed", 2**32) == 2
    assert "from 0 to 4294967295" in capsys.readouterr().err


def test_nothing_of_the_users_is_overwritten(made, challenge, tmp_path, capsys):
    given = [
        "--private",
        made[1],
        "--public",
        made[0],
        "--rows-per-image",
        2,
        "--out",
        challenge,
    ]
    seed = (challenge / "secret" / "seed").read_text(encoding="utf-8")
    assert run("encrypt", *given, "--seed", 4) == 2
    assert "another seed" in capsys.readouterr().err
    assert (challenge / "secret" / "seed").read_text(encoding="utf-8") == seed
    assert run("encrypt", *given, "--seed", 3) == 0  # the same challenge once more
    photos = tmp_path / "public"
    photos.mkdir()
    (photos / "mine.png").write_bytes(b"precious")
    assert run("samples", tmp_path) == 2
    assert run("pool", made[0].parent / "public", "--out", photos, "--crops-per-photo", 1) == 2
    assert [path.name for path in photos.iterdir()] == ["mine.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pool", "EMPTY", "--out", "x.zarr"], "EMPTY"),
        (["pool", "nowhere", "--out", "x.zarr"], "nowhere does not exist"),
        (["private", "EMPTY", "--out", "x.npz"], "EMPTY"),
        (
            ["encrypt", "--private", "SET", "--out", "x"],
            "mixes 4 public images into each encryption, and none are given: .* --public POOL",
        ),
        (
            [
                "encrypt",
                "--private",
                "SET",
                "--public",
                "POOL",
                "--scheme",
                "inside",
                "--out",
                "x",
            ],
            "scheme inside mixes private images only: leave out the pool",
        ),
        (
            ["encrypt", "--private", "SET", "--public", "POOL", "--c1", "0.1", "--out", "x"],
            "c1 = 0.1",
        ),
        (
            ["encrypt", "--private", "SET", "--public", "POOL", "--seed", "x", "--out", "x"],
            "seed",
        ),
        (["encrypt", "--private", "POOL", "--public", "POOL", "--out", "x"], "npz"),
        (["verify", "EMPTY", "--public", "POOL", "--seed", "1"], "does not exist"),
    ],
)
def test_mistakes_end_in_one_sentence(made, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY").mkdir()
    names = {"POOL": made[0], "SET": made[1]}
    assert run(*(names.get(argument, argument) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("error: ")
    assert re.search(message, captured.err)
    assert {path.name for path in tmp_path.iterdir()} == {"EMPTY"}


def test_real_photos_and_cifar10(imagenet_sample, cifar10_archive, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sorted(imagenet_sample.iterdir())[:30]:
        (photos / path.name).write_bytes(path.read_bytes())
    pool, private, out = tmp_path / "p.zarr", tmp_path / "s.npz", tmp_path / "challenge"
    assert run("pool", photos, "--out", pool, "--crops-per-photo", 5) == 0
    assert len(open_pool(pool)) > 20
    assert run("private", cifar10_archive, "--out", private, "--images", 30, "--seed", 1) == 0
    given = ["--private", private, "--public", pool, "--rows-per-image", 2]
    assert run("encrypt", *given, "--out", out) == 0
    assert run("verify", out, "--public", pool) == 0


def test_a_lack_of_memory_is_one_sentence(capsys, monkeypatch):
    def load_schema(path):
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr("instahide.schema.load_schema", load_schema)
    assert run("keys") == 2
    assert capsys.readouterr().err == "error: not enough memory: Unable to allocate 9 GiB\n"


def test_keys_prints_the_table(capsys):
    assert run("keys") == 0
    assert "| `challenges.*.k` | `6` |" in capsys.readouterr().out


def test_what_is_public_of_a_challenge_is_read_from_its_description(tmp_path):
    about = {"format_version": 1, "images": 20, "scheme": asdict(Scheme("mixup", k=4))}
    (tmp_path / "challenge.json").write_text(json.dumps(about), encoding="utf-8")
    known = published(Namespace(challenge=tmp_path, k=None, c1=0.5))
    assert (known["images"], known["name"], known["k"], known["c1"]) == (20, "mixup", 4, 0.5)
    (tmp_path / "challenge.json").unlink()
    assert published(Namespace(challenge=tmp_path))["k"] == 6


LONG = "a" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "x.npy", LONG],
        ["baselines", LONG],
        ["leaderboard", LONG, "--out", "x"],
        ["new-challenge-check", LONG],
        ["verify", LONG],
        ["encrypt", "--private", LONG, "--out", "x"],
        ["pool", LONG, "--out", "x"],
        ["private", LONG, "--images", "4", "--out", "x"],
        ["samples", LONG],
        ["seed-search", LONG],
        ["attack", "whitened", LONG, "--public-sample", "x"],
    ],
    ids=lambda arguments: " ".join(arguments[:2])[:20],
)
def test_paths_that_no_system_takes_end_in_one_sentence(
    arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros(2))
    assert run(*arguments) == 2
    message = capsys.readouterr().err
    assert re.match(r"error: .*aaaa", message)
    assert re.search("File name too long|does not exist", message)
    assert len(message.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
