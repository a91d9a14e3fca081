"""No command replaces something finished by other content, unless it is told to."""

import argparse
import hashlib
import json
import stat

import numpy as np
import pytest

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.private import load_private, save_private
from instahide.cli import main, make_parser
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan
from instahide.randomness.keystream import Key

OUTPUTS = {"out", "record", "per_row", "into"}
RENEWS = {"keys"}  # a part of a text, between marks


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def parsers(parser, name=""):
    """All commands with their parsers, attacks too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from parsers(inner, f"{name} {word}".strip())
            return
    yield name, parser


def test_every_command_that_writes_can_be_told_to_replace():
    seen = set()
    for name, parser in parsers(make_parser()):
        options = {action.dest for action in parser._actions}
        if (options & OUTPUTS or name in ("samples", "baselines")) and name not in RENEWS:
            assert "force" in options, name
            seen.add(name)
    assert {"pool", "private", "encrypt", "score", "leaderboard", "attack pool"} <= seen


def state(folder):
    """Digest, inode and rights of everything in a folder: unchanged means untouched."""
    return {
        path.relative_to(folder): (
            path.stat().st_ino,
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    assert run("samples", folder) == 0
    return folder


def make_inside(folder):
    scheme = Scheme("inside", k=3, rows_per_image=2)
    sources = folder / "set.npz", None, Key.from_seed(3), of_scheme(scheme)
    return make_challenge(folder / "challenge", *sources)


@pytest.fixture
def challenge(private, tmp_path):
    """A challenge without public images, and its private set."""
    save_private(tmp_path / "set.npz", private)
    folder = make_inside(tmp_path)
    images = load_private(folder.private).images / np.float32(127.5) - 1
    first = load_plan(folder.truth).members[:, 0]
    np.save(tmp_path / "good.npy", images[first].astype(np.float32))
    np.save(tmp_path / "bad.npy", np.zeros_like(images[first], np.float32))
    return folder.path


def refused(command, *expected, capsys, folder):
    """Run a command that is to change nothing; return what it says."""
    before = state(folder)
    assert run(*command) == 2
    assert state(folder) == before
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    for text in expected:
        assert text in error
    return error


def test_samples_twice_are_the_same(photos, tmp_path, capsys):
    assert run("samples", tmp_path / "photos") == 0
    before = state(tmp_path)
    assert run("samples", tmp_path / "photos") == 0
    assert state(tmp_path) == before
    changed = tmp_path / "photos" / "public" / "cat.png"
    changed.write_bytes(b"touched up")
    command = ("samples", tmp_path / "photos")
    refused(command, "public/cat.png exists", "--force", capsys=capsys, folder=tmp_path)
    assert run(*command, "--force") == 0
    assert changed.read_bytes() == (photos / "public" / "cat.png").read_bytes()
    (tmp_path / "photos" / "public" / "mine.png").write_bytes(b"precious")
    refused([*command, "--force"], "mine.png", capsys=capsys, folder=tmp_path)


def test_a_pool_is_replaced_by_the_same_or_on_demand(photos, tmp_path, capsys):
    pool = ["pool", photos / "public", "--out", tmp_path / "pub.zarr", "--crops-per-photo", 4]
    assert run(*pool, "--seed", 1) == 0
    before = state(tmp_path)
    assert run(*pool, "--seed", 1) == 0
    assert state(tmp_path) == before
    refused([*pool, "--seed", 2], "pub.zarr", "--force", capsys=capsys, folder=tmp_path)
    assert run(*pool, "--seed", 2, "--force") == 0
    assert state(tmp_path) != before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious", encoding="utf-8")
    elsewhere = ["pool", photos / "public", "--out", tmp_path / "full", "--force"]
    refused(elsewhere, "no store of ours", capsys=capsys, folder=tmp_path)


def test_private_sets_are_replaced_by_the_same_or_on_demand(photos, tmp_path, capsys):
    private = ["private", photos / "private", "--out", tmp_path / "set.npz", "--images", 10]
    assert run(*private, "--seed", 1) == 0
    before = state(tmp_path)
    assert run(*private, "--seed", 1) == 0
    assert state(tmp_path) == before
    other = [*private, "--seed", 2]
    refused(other, "set.npz", "--force", capsys=capsys, folder=tmp_path)
    refused(private, "set.npz exists; ", "--force", capsys=capsys, folder=tmp_path)
    assert run(*other, "--force") == 0
    assert state(tmp_path) != before


def test_the_readmes_command_leaves_folders_as_they_are(photos, tmp_path, monkeypatch, capsys):
    """`--out set.npz` used to lock everybody else out of the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    for folder, rights in ((tmp_path, 0o755), (tmp_path / "shared", 0o1777)):
        folder.chmod(rights)
        out = folder / "set.npz"
        command = ["private", photos / "private", "--images", 10, "--seed", 1]
        assert run(*command, "--out", out.relative_to(tmp_path)) == 0
        assert stat.S_IMODE(folder.stat().st_mode) == rights
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("note: ") and "set.npz is secret" in told
        assert told.endswith(str(folder))
    (tmp_path / "shared").chmod(0o700)
    assert run(*command, "--out", out) == 0
    assert "note" not in capsys.readouterr().err


def test_a_challenge_is_not_mixed_with_what_is_there(challenge, tmp_path, capsys):
    given = ["encrypt", "--private", tmp_path / "set.npz", "--scheme", "inside", "--k", 3]
    again = [*given, "--rows-per-image", 2, "--out", challenge]
    (challenge / "notes.txt").write_text("mine", encoding="utf-8")
    assert run(*again, "--seed", 3, "--force") == 0  # with what helps to take part
    before = state(tmp_path)
    assert run(*again, "--seed", 3) == 0
    assert state(tmp_path) == before
    refused(again, "another seed", capsys=capsys, folder=tmp_path)
    refused([*again, "--force"], "another seed", capsys=capsys, folder=tmp_path)
    other = [*given, "--rows-per-image", 4, "--out", challenge, "--seed", 3]
    refused(other, "challenge.json", "--force", capsys=capsys, folder=tmp_path)
    assert run(*other, "--force") == 0
    assert run("verify", challenge) == 0
    assert (challenge / "notes.txt").read_text(encoding="utf-8") == "mine"
    work = tmp_path / "work"
    work.mkdir()
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (work / name).write_text("mine", encoding="utf-8")
    fresh = [*given, "--rows-per-image", 2, "--out", work]
    refused(fresh, "holds a.txt, b.txt, c.txt and 1 more", capsys=capsys, folder=tmp_path)
    assert run(*fresh, "--force") == 0
    assert len(list(work.glob("*.txt"))) == 4
    assert stat.S_IMODE((work / "secret").stat().st_mode) == 0o700


def test_a_challenge_whose_secrets_were_moved_away_is_kept(challenge, tmp_path, capsys):
    """The released files of a challenge cannot be made again without them."""
    (challenge / "secret").rename(tmp_path / "safe")
    given = ["encrypt", "--private", tmp_path / "set.npz", "--scheme", "inside", "--k", 3]
    command = [*given, "--out", challenge]
    refused(command, "holds challenge.json", "--force", capsys=capsys, folder=tmp_path)


def test_a_secret_folder_that_was_left_open_is_closed(challenge, tmp_path):
    folder = ChallengeFolder(challenge)
    folder.seed.parent.chmod(0o755)
    make_inside(tmp_path)
    assert stat.S_IMODE(folder.seed.parent.stat().st_mode) == 0o700


def test_scores_are_not_replaced(challenge, tmp_path, capsys):
    good = ["score", tmp_path / "good.npy", challenge]
    bad = ["score", tmp_path / "bad.npy", challenge, "--assume-range"]
    rows, record = ["--per-row", tmp_path / "rows.csv"], ["--record", tmp_path / "r.json"]
    told = [*record, "--who", "me", "--attack", "easy"]
    assert run(*good, *rows, *told) == 0
    assert stat.S_IMODE((tmp_path / "rows.csv").stat().st_mode) == 0o600
    capsys.readouterr()
    assert run(*good, *rows) == 0  # the same rows
    refused([*bad, *rows], "rows.csv", "--force", capsys=capsys, folder=tmp_path)
    refused([*bad, *told], "r.json exists; ", "--force", capsys=capsys, folder=tmp_path)
    assert run(*bad, *rows, *told, "--force") == 0
    made = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert made["metrics"]["max_ssim"]["mean"] < 0.9


def test_tables_and_pages_are_not_replaced(challenge, tmp_path, capsys):
    assert run("baselines", challenge) == 0
    made = [challenge / "attacks" / name / "record.json" for name in ("mean", "random")]
    board = ["leaderboard", made[0], "--out", tmp_path / "tables"]
    assert run(*board) == 0
    assert run(*board) == 0
    board = ["leaderboard", *made, "--out", tmp_path / "tables"]
    refused(board, "leaderboard.md", "--force", capsys=capsys, folder=tmp_path)
    assert run(*board, "--force") == 0
    page = ["new-challenge-check", challenge, "--out", tmp_path / "page.html"]
    assert run(*page) == 0
    assert run(*page) == 0
    (tmp_path / "page.html").write_text("mine", encoding="utf-8")
    refused(page, "page.html", "--force", capsys=capsys, folder=tmp_path)


def test_attacks_and_baselines_are_refused_before_they_begin(challenge, tmp_path, capsys):
    mine = tmp_path / "out"
    mine.mkdir()
    (mine / "decryption.npy").write_bytes(b"days of work")
    for command in (
        ["attack", "whitened-inside", challenge, "--public-sample", "none", "--out", mine],
        ["attack", "prng", challenge, "--out", mine],
    ):
        refused(command, "out holds decryption.npy", capsys=capsys, folder=tmp_path)
        assert run(*command, "--force") in (1, 2)  # for another reason
        assert "holds" not in capsys.readouterr().err
    out = challenge / "attacks" / "random"
    out.mkdir(parents=True)
    (out / "attack.json").write_text("{}", encoding="utf-8")
    refused(["baselines", challenge], "random holds", capsys=capsys, folder=tmp_path)
    assert run("baselines", challenge, "--force") == 0


def test_keys_renew_their_part_of_a_text(tmp_path):
    text = tmp_path / "README.md"
    text.write_text("mine\n<!-- keys -->\nold\n<!-- /keys -->\nmine\n", encoding="utf-8")
    assert run("keys", "--into", text) == 0
    renewed = text.read_text(encoding="utf-8")
    assert "challenges.*.k" in renewed and renewed.count("mine") == 2
