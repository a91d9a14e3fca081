"""Records laid beside others: of another challenge, edited by hand, kept or not."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.private import load_private, save_private
from instahide.cli import main
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan
from instahide.leaderboard.recheck import kept_beside
from instahide.leaderboard.records import load_record, save_record
from instahide.leaderboard.results import save_results
from instahide.randomness.keystream import Key


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture
def make(private, tmp_path):
    """Make a challenge, by its name and seed."""
    save_private(tmp_path / "set.npz", private)

    def made(name, seed):
        scheme = Scheme("inside", k=3, rows_per_image=2)
        given = (tmp_path / "set.npz", None, Key.from_seed(seed), of_scheme(scheme))
        make_challenge(tmp_path / name, *given)
        return ChallengeFolder(tmp_path / name)

    return made


@pytest.fixture
def folder(make):
    return make("ours", 1)


def hand_in(folder, name="theirs", noise=0.3, suffix=".npy"):
    """Score a decryption as an organiser does, and return its record."""
    images = load_private(folder.private).images / np.float32(127.5) - 1
    good = images[load_plan(folder.truth).members[:, 0]]
    decryption = good + np.random.default_rng(0).uniform(-noise, noise, good.shape)
    place = folder.path / "submissions" / f"{name}.npy"
    place.parent.mkdir(exist_ok=True)
    np.save(place, np.clip(decryption, -1, 1).astype(np.float32))
    if suffix == ".zip":
        with zipfile.ZipFile(place.with_suffix(".zip"), "w") as archive:
            archive.write(place, "decryption.npy")
        place.unlink()
    record = place.with_suffix(".json")
    told = ["--record", record, "--who", name, "--attack", "theirs"]
    assert run("score", place.with_suffix(suffix), folder.path, *told) == 0
    return record


def edit(record, **changes):
    """Change a record by hand; metrics by their name."""
    content = json.loads(record.read_text(encoding="utf-8"))
    for name, value in changes.items():
        if name in content["metrics"]:
            content["metrics"][name] |= value
        else:
            content[name] = value
    record.write_text(json.dumps(content), encoding="utf-8")


def leaderboard(capsys, folder, *records, options=("--recheck",)):
    """Return exit code, what was said and the table."""
    capsys.readouterr()
    out = folder.path / "tables"
    code = run("leaderboard", *records, "--challenge", folder.path, "--out", out, *options)
    table = out / "leaderboard.md"
    return (
        code,
        capsys.readouterr().err,
        table.read_text(encoding="utf-8") if table.exists() else "",
    )


@pytest.mark.parametrize("suffix", [".npy", ".zip"])
def test_what_is_kept_is_scored_again(folder, capsys, suffix):
    record = hand_in(folder, suffix=suffix)
    code, said, table = leaderboard(capsys, folder, record)
    assert (code, said) == (0, "")
    assert "| 1 | theirs |" in table
    assert "rechecked" not in table
    rows = (folder.path / "tables/leaderboard.csv").read_text(encoding="utf-8").splitlines()
    assert rows[1].endswith(",True")


def test_one_decryption_has_one_digest_however_it_is_packed(folder):
    one, other = hand_in(folder, "a"), hand_in(folder, "b", suffix=".zip")
    assert load_record(one).decryption == load_record(other).decryption
    assert load_record(hand_in(folder, "c", 0.2)).decryption != load_record(one).decryption


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_ssim": {"mean": 0.99, "high": 1.0}}, "says that the Max_SSIM is 0.99"),
        ({"max_ssim": {"high": 1.0}}, "says that the high end of Max_SSIM is 1,"),
        ({"min_l2": {"mean": 0.0}}, "says that the Min_L2 is 0,"),
        ({"mean_l2": {"low": 0.0}}, "says that the low end of Mean_L2 is 0,"),
        ({"decryption": "ab" * 32}, "is of another decryption than theirs.npy beside it"),
    ],
)
def test_records_edited_by_hand_are_named(folder, capsys, changes, says):
    record, honest = hand_in(folder), hand_in(folder, "honest")
    edit(record, **changes)
    code, said, table = leaderboard(capsys, folder, honest, record)
    assert code == 2
    assert said.startswith(f"error: {record} {says}")
    assert len(said.splitlines()) == 1
    assert not table


def test_another_decryption_beside_the_record_is_named(folder, capsys):
    record = hand_in(folder)
    shutil.copy(hand_in(folder, "other", 0.1).with_suffix(".npy"), record.with_suffix(".npy"))
    code, said, _ = leaderboard(capsys, folder, record)
    assert code == 2
    assert "is of another decryption than theirs.npy beside it" in said


def test_a_damaged_decryption_is_named(folder, capsys):
    record = hand_in(folder)
    record.with_suffix(".npy").write_bytes(b"\x93NUMPY")
    code, said, _ = leaderboard(capsys, folder, record)
    assert code == 2
    assert "theirs.json cannot be scored again: " in said
    assert "ends too early" in said


def test_what_is_not_kept_is_said_to_be_not_rechecked(folder, capsys, caplog):
    record = hand_in(folder)
    record.with_suffix(".npy").unlink()
    edit(record, note="a note")
    code, _, table = leaderboard(capsys, folder, record)
    assert code == 0
    assert f"{record}: not rechecked, for its decryption is not kept beside it" in caplog.text
    assert "| not rechecked: a note |" in table
    assert "“Not rechecked” marks" in table
    assert "not rechecked: a note" in (folder.path / "tables/leaderboard.html").read_text(
        encoding="utf-8"
    )
    code, _, table = leaderboard(capsys, folder, record, options=("--force",))
    assert code == 0 and "not rechecked" not in table


@pytest.mark.parametrize("options", [(), ("--recheck",)])
def test_records_of_another_challenge_are_refused_by_name(folder, make, capsys, options):
    ours, theirs = hand_in(folder), hand_in(make("other", 2))
    digests = [load_record(record).challenge[:8] for record in (theirs, ours)]
    code, said, table = leaderboard(capsys, folder, ours, theirs, options=options)
    assert code == 2
    assert said.startswith(f"error: {theirs} is a record of another challenge (its")
    assert all(digest in said for digest in digests)
    assert not table


def test_every_wrong_record_is_named(folder, make, capsys):
    edited, foreign = hand_in(folder), hand_in(make("other", 2))
    edit(edited, max_ssim={"mean": 0.99, "high": 1.0})
    _, said, _ = leaderboard(capsys, folder, edited, foreign)
    assert str(edited) in said and str(foreign) in said


def test_a_record_does_not_get_by_as_reported(folder, capsys):
    record = hand_in(folder)
    edit(record, reported=True, challenge=None, decryption=None)
    code, said, _ = leaderboard(capsys, folder, record, options=())
    assert code == 2
    assert f"{record} is 'reported', not measured" in said


def test_old_records_are_to_be_scored_again(folder, capsys):
    record = hand_in(folder)
    content = json.loads(record.read_text(encoding="utf-8"))
    del content["decryption"]
    record.write_text(json.dumps(content), encoding="utf-8")
    assert run("leaderboard", record, "--out", folder.path / "tables") == 2
    assert "theirs.json does not tell the digests" in capsys.readouterr().err


def test_attacks_keep_their_decryption_beside_their_record(folder, capsys):
    attack = folder.path / "attacks/mine"
    attack.mkdir(parents=True)
    shutil.copy(hand_in(folder).with_suffix(".npy"), attack / "decryption.npy")
    save_results(attack, folder)
    record = attack / "record.json"
    assert kept_beside(record) == [attack / "decryption.npy"]
    assert leaderboard(capsys, folder, record)[0] == 0
    edit(record, max_ssim={"mean": 0.99, "high": 1.0})
    assert leaderboard(capsys, folder, record)[0] == 2


@pytest.mark.parametrize(
    ("account", "says"),
    [
        ("[]", "attack.json holds list; an object is expected"),
        ("{", "attack.json is no JSON"),
        ('{"attack": "a", "cpu_seconds": 1e999}', "attack.json is no JSON: 1e999 is too large"),
        ('{"attack": "a", "details": []}', None),
    ],
)
def test_accounts_that_are_none_are_named(folder, capsys, account, says):
    decryption = hand_in(folder).with_suffix(".npy")
    about = folder.path / "attack.json"
    about.write_text(account, encoding="utf-8")
    made = ["--record", folder.path / "made.json", "--who", "me", "--about", about]
    capsys.readouterr()
    assert run("score", decryption, folder.path, *made) == (2 if says else 0)
    assert (says or "") in capsys.readouterr().err


def test_rechecking_needs_the_truth(folder, tmp_path, capsys):
    record = hand_in(folder)
    assert run("leaderboard", record, "--recheck", "--out", tmp_path / "t") == 2
    assert "--recheck needs --challenge" in capsys.readouterr().err
    other = tmp_path / "set.npz"
    folder.private.unlink()
    assert leaderboard(capsys, folder, record)[0] == 2
    assert (
        leaderboard(capsys, folder, record, options=("--recheck", "--private", other))[0] == 0
    )
    folder.truth.unlink()
    code, said, _ = leaderboard(capsys, folder, record)
    assert code == 2 and "only who has the truth can score" in said


def test_that_a_record_was_rechecked_is_no_part_of_it(folder, tmp_path):
    made = load_record(hand_in(folder))
    assert made.rechecked is None
    save_record(tmp_path / "again.json", made)
    assert "rechecked" not in (tmp_path / "again.json").read_text(encoding="utf-8")
