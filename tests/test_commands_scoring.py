import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.private import load_private, save_private
from instahide.cli import main
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan
from instahide.leaderboard.records import load_record
from instahide.leaderboard.results import save_results
from instahide.photos.listing import bundled_photos
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import METRICS


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture
def folder(private, tmp_path):
    """A challenge without public images, with a seed that cannot be guessed."""
    save_private(tmp_path / "set.npz", private, "256 bits")
    out, key = tmp_path / "challenge", Key(bytes(range(32)), f"hex:{bytes(range(32)).hex()}")
    scheme = Scheme("inside", k=3, rows_per_image=3)
    make_challenge(out, tmp_path / "set.npz", None, key, of_scheme(scheme))
    return ChallengeFolder(out)


@pytest.fixture
def perfect(folder):
    """The first private image of each row."""
    images = load_private(folder.private).images / np.float32(127.5) - 1
    return images[load_plan(folder.truth).members[:, 0]].astype(np.float32)


@pytest.fixture
def submission(perfect, tmp_path):
    """A zip as the rules of 2020 ask for."""
    np.save(tmp_path / "decryption.npy", perfect)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "decryption.npy", "mine/decryption.npy")
        archive.writestr("mine/description.txt", "It was easy.")
        archive.writestr("mine/source/attack.py", "raise SystemExit")
    return tmp_path / "mine.zip"


def test_json_is_all_that_is_printed(submission, folder, capsys):
    assert run("score", submission, folder.path, "--json") == 0
    score = json.loads(capsys.readouterr().out)
    assert tuple(score) == METRICS
    assert all(set(value) == {"mean", "low", "high"} for value in score.values())
    assert score["max_ssim"]["mean"] == pytest.approx(1, abs=1e-6)
    assert score["min_l2"]["mean"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_option_makes_numbers_of_what_are_none(value, perfect, folder, tmp_path, capsys):
    perfect[7, 0, 0, 0] = value
    np.save(tmp_path / "a.npy", perfect)
    asked = ["score", tmp_path / "a.npy", folder.path, "--assume-range", "--json"]
    assert run(*asked, "--record", tmp_path / "r.json", "--who", "me", "--attack", "a") == 2
    captured = capsys.readouterr()
    assert "NaN or infinite, the first of them in row 7" in captured.err
    assert not captured.out
    assert not (tmp_path / "r.json").exists()


def test_an_attacks_folder_keeps_the_hint(perfect, folder, caplog):
    attack = folder.path / "attacks" / "turned"
    attack.mkdir(parents=True)
    np.save(attack / "decryption.npy", perfect[::-1])
    save_results(attack, folder)
    kept = json.loads((attack / "score.json").read_text(encoding="utf-8"))["hint"]
    assert kept.startswith("the rows seem to be in reverse order")
    assert kept in caplog.text


def test_rows_in_the_wrong_order_are_hinted_at(perfect, folder, tmp_path, capsys):
    np.save(tmp_path / "a.npy", perfect[::-1])
    told = ["--record", tmp_path / "r.json", "--who", "me", "--attack", "a"]
    assert run("score", tmp_path / "a.npy", folder.path, "--json", *told) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("hint: the rows seem to be in reverse order")
    score = json.loads(captured.out)
    assert f"hint: {score.pop('hint')}\n" == captured.err
    assert tuple(score) == METRICS
    assert load_record(tmp_path / "r.json").metrics["max_ssim"].mean < 0.5


def test_a_submission_gets_to_the_leaderboard(submission, folder, tmp_path, capsys):
    made, table = tmp_path / "mine.json", tmp_path / "tables"
    told = ["--record", made, "--who", "me", "--attack", "easy"]
    assert run("score", submission, folder.path, *told) == 0
    assert "Max_SSIM     1.0000" in capsys.readouterr().out
    assert run("baselines", folder.path) == 0
    records = sorted(folder.path.glob("attacks/*/record.json"))
    assert len(records) == 4
    assert run("leaderboard", made, *records, "--reported", "--out", table) == 0
    lines = (table / "leaderboard.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("1,easy,me,")
    assert len(lines) == 1 + 1 + 4 + 3


def test_rows_on_request(submission, folder, tmp_path):
    rows = tmp_path / "rows.csv"
    assert run("score", submission, folder.path, "--per-row", rows) == 0
    assert len(rows.read_text(encoding="utf-8").splitlines()) == 1 + 60


def test_private_sets_may_lie_elsewhere(submission, folder, tmp_path, capsys):
    folder.private.unlink()
    assert run("score", submission, folder.path) == 2
    assert run("score", submission, folder.path, "--private", tmp_path / "set.npz") == 0


def test_unsigned_encryptions_need_a_word(folder, tmp_path, capsys):
    np.save(tmp_path / "a.npy", abs(np.load(folder.encryption)))
    assert run("score", tmp_path / "a.npy", folder.path) == 2
    assert "looks like 0 to 1" in capsys.readouterr().err
    assert run("score", tmp_path / "a.npy", folder.path, "--assume-range") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "none.zip", "CHALLENGE"], "none.zip does not exist"),
        (["score", "SUBMISSION", "nowhere"], "only who has the truth can score"),
        (["score", "SUBMISSION", "CHALLENGE", "--record", "r.json"], "--record needs --who"),
        (["leaderboard", "none.json", "--out", "x"], "cannot read none.json"),
        (["baselines", "nowhere"], "does not exist"),
        (["new-challenge-check", "nowhere"], "is this a challenge"),
    ],
)
def test_mistakes_end_in_one_sentence(
    arguments, message, submission, folder, tmp_path, monkeypatch, capsys
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    names = {"SUBMISSION": submission, "CHALLENGE": folder.path}
    assert run(*(names.get(argument, argument) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("error: ")
    assert message in captured.err
    assert not captured.out
    assert not list((tmp_path / "here").iterdir())


def check(folder, capsys):
    code = run("new-challenge-check", folder.path)
    lines = capsys.readouterr().out.splitlines()
    return code, {line.split()[0] for line in lines[:-1]}, "\n".join(lines)


def test_a_challenge_is_ready_when_nothing_is_missing(folder, tmp_path, capsys):
    code, _, text = check(folder, capsys)
    assert code == 1
    assert "missing: absolute, mean, random, oracle" in text
    run("baselines", folder.path)
    capsys.readouterr()
    code, statuses, text = check(folder, capsys)
    assert code == 0
    assert statuses == {"passed"}
    assert text.endswith("Ready to be published.")
    page = tmp_path / "page.html"
    assert run("new-challenge-check", folder.path, "--out", page) == 0
    assert "oracle" in page.read_text(encoding="utf-8")


def lose_label(folder):
    folder.label.unlink()


def change_label(folder):
    np.save(folder.label, np.load(folder.label)[::-1])


def pack_the_seed(folder):
    with zipfile.ZipFile(folder.release, "a") as archive:
        archive.write(folder.seed, "challenge/seed")


def tell_the_seed(folder):
    manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
    manifest["classes"][0] = bytes(range(32)).hex()
    folder.manifest.write_text(json.dumps(manifest), encoding="utf-8")


def open_the_secrets(folder):
    folder.truth.chmod(0o644)


def lose_the_seed(folder):
    folder.seed.unlink()


def spoil_a_row(folder):
    encryption = np.load(folder.encryption)
    encryption[7] = 0
    np.save(folder.encryption, encryption)


def score_another_challenge(folder):
    path = folder.path / "attacks/oracle/record.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"challenge": "ab" * 32}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lose_label, "missing: label.npy"),
        (change_label, "label.npy is not the one challenge.json tells of"),
        (pack_the_seed, "release.zip holds challenge/seed too"),
        (tell_the_seed, "challenge.json holds the seed"),
        (open_the_secrets, "others may read truth.npz"),
        (lose_the_seed, "missing, so nothing can be scored: seed"),
        (spoil_a_row, "the first stage that differs is 'encrypt'"),
        (score_another_challenge, "missing: oracle"),
    ],
)
def test_what_is_wrong_before_publishing_is_found(folder, capsys, spoil, message):
    run("baselines", folder.path)
    spoil(folder)
    capsys.readouterr()
    code, statuses, text = check(folder, capsys)
    assert code == 1
    assert "failed" in statuses
    assert message in text


def test_guessable_seeds_are_warned_of(private, tmp_path, capsys):
    save_private(tmp_path / "set.npz", private)
    scheme = Scheme("inside", k=3, rows_per_image=2)
    made = (tmp_path / "set.npz", None, Key.from_seed(7), of_scheme(scheme))
    make_challenge(tmp_path / "c", *made)
    run("baselines", tmp_path / "c")
    capsys.readouterr()
    code, statuses, text = check(ChallengeFolder(tmp_path / "c"), capsys)
    assert code == 0
    assert "warning" in statuses
    assert "an integer can be guessed" in text
    assert text.endswith("not ready to be published before the warnings are settled.")


@pytest.mark.parametrize(
    ("seed", "status", "message"),
    [
        ("7", "warning", "selected with an integer, which can be guessed"),
        (str(10**79), "warning", "selected with an integer, which can be guessed"),
        ("hex:" + "5a" * 32, "passed", "selected with 256 bits"),
        (None, "warning", "its file does not say whether the seed"),
    ],
)
def test_a_private_set_that_can_be_selected_again_is_warned_of(
    private, tmp_path, capsys, seed, status, message
):
    own = tmp_path / "set.npz"
    if seed is None:  # as it was kept before it was told
        save_private(own, private)
    else:
        photos = write_photos(tmp_path / "photos", private)
        assert (
            run("private", photos, "--images", 12, "--size", 8, "--seed", seed, "--out", own)
            == 0
        )
    out = tmp_path / "challenge"
    given = ["--private", own, "--scheme", "inside", "--k", 3, "--rows-per-image", 4]
    assert run("encrypt", *given, "--out", out) == 0
    assert run("baselines", out) == 0
    capsys.readouterr()
    code, statuses, text = check(ChallengeFolder(out), capsys)
    assert code == 0
    assert status in statuses
    assert message in text
    assert text.endswith("Ready to be published.") == (status == "passed")


def write_photos(folder, private):
    for number, (image, kind) in enumerate(zip(private.images, private.classes, strict=True)):
        (folder / private.class_names[kind]).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / private.class_names[kind] / f"{number}.png"), image)
    return folder


def test_bundled_photos_are_nobodys_secret(folder, capsys):
    manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
    manifest["classes"] = [Path(photo.name).stem for photo in bundled_photos()]
    manifest["files"]["label.npy"]["shape"][1] = len(manifest["classes"])
    folder.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    assert "everybody has them" in check(folder, capsys)[2]
