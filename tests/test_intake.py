"""Taking in submissions: nothing is lost or scored twice, and what is wrong is said."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import boundless
import numpy as np
import pytest
from handedin import TOLD, hand_in, make_inside, recovered, zip_of

from instahide.challenge.folder import load_seed
from instahide.cli import main
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.intake import running
from instahide.intake.halves import draw_halves, rows_of_part
from instahide.intake.log import Log, opened_log
from instahide.intake.metadata import Metadata
from instahide.intake.rules import (
    Rules,
    in_utc,
    largest_file,
    overdrawn,
    parse_time,
    too_large,
    too_late,
)
from instahide.intake.running import open_intake, take_in, watch
from instahide.leaderboard.records import load_record_list
from instahide.notebook import read_leaderboard
from instahide.scoring.score import as_dict, score_file

A, B = "team: A\nattack: one\n", "team: B\nattack: other\n"


@pytest.fixture
def challenge(private, tmp_path):
    return make_inside(tmp_path, private)


@pytest.fixture
def quick(monkeypatch):
    """Score in this process: for tests of everything but limits."""

    def call(function, *given, limits):
        return json.loads(json.dumps(function(*given)))

    monkeypatch.setattr(running, "call_limited", call)


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def told(challenge, name="entries.csv"):
    return (challenge / "submissions/intake" / name).read_text(encoding="utf-8")


def entries(challenge):
    """The lines of the table by file."""
    return {row["file"]: row for row in csv.DictReader(told(challenge).splitlines())}


def log_of(challenge):
    intake = open_intake(challenge)
    return opened_log(intake.folder.log, intake.digest)


# What comes of a file.


def test_a_zip_is_scored_kept_and_told(challenge):
    path = hand_in(challenge, "a.zip")
    content = path.read_bytes()
    (entry,) = take_in(open_intake(challenge))
    assert (entry.name, entry.state, entry.metadata) == (
        "a.zip",
        "scored",
        Metadata("Jane Doe", "mine"),
    )
    assert entry.score["all"] == as_dict(
        score_file(path, challenge / "secret/truth.npz", challenge / "secret/private.npz")
    )
    assert path.read_bytes() == content
    kept = challenge / f"submissions/kept/{entry.sha256}.zip"
    assert kept.read_bytes() == content
    (record,) = load_record_list(challenge / "submissions/intake/records.json")
    assert (record.who, record.attack, record.date) == ("Jane Doe", "mine", entry.day)
    assert record.metrics["max_ssim"].mean == entry.score["public"]["max_ssim"]["mean"]
    assert "counts the public half" in record.note
    assert "| 1 | mine | Jane Doe |" in told(challenge, "leaderboard.md")


def test_only_the_owner_sees_what_is_kept(challenge, quick):
    hand_in(challenge, "a.zip")
    take_in(open_intake(challenge))
    folder = challenge / "submissions"
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (folder / "log.sqlite", folder / "kept", *(folder / "kept").iterdir())
    }
    assert set(modes.values()) == {0o600, 0o700} and modes["kept"] == 0o700
    assert len(modes) == 3  # no lock, nothing half copied


def test_the_second_time_nothing_is_scored_and_the_boards_stay(challenge, quick):
    hand_in(challenge, "a.zip")
    assert len(take_in(open_intake(challenge))) == 1
    before = told(challenge), told(challenge, "teams.md"), told(challenge, "records.json")
    assert take_in(open_intake(challenge)) == []
    assert before == (
        told(challenge),
        told(challenge, "teams.md"),
        told(challenge, "records.json"),
    )


def test_the_same_file_twice_is_scored_once(challenge, quick):
    first = hand_in(challenge, "a.zip", told=A)
    take_in(open_intake(challenge))
    shutil.copy(first, first.with_name("b.zip"))
    (entry,) = take_in(open_intake(challenge))
    assert (entry.name, entry.state, entry.because) == ("b.zip", "refused", "duplicate")
    assert entry.reason.startswith("it is the same file as a.zip, which arrived at 20")
    assert entries(challenge)["b.zip"]["team"] == "A"
    assert len(load_record_list(challenge / "submissions/intake/records.json")) == 1


def test_two_that_arrive_together_with_the_same_content_are_one(challenge, quick):
    shutil.copy(hand_in(challenge, "b.zip"), challenge / "submissions/a.zip")
    states = sorted(entry.state for entry in take_in(open_intake(challenge)))
    assert states == ["refused", "scored"]
    assert {row["team"] for row in entries(challenge).values()} == {"Jane Doe"}


def test_other_content_under_the_same_name_is_another_file(challenge, quick):
    hand_in(challenge, "a.zip", noise=0.5)
    take_in(open_intake(challenge))
    hand_in(challenge, "a.zip", noise=0.1)
    assert [entry.state for entry in take_in(open_intake(challenge))] == ["scored"]
    assert len(list((challenge / "submissions/kept").glob("*.zip"))) == 2


def test_what_is_taken_away_later_stays_in_log_and_boards(challenge, quick):
    hand_in(challenge, "a.zip")
    take_in(open_intake(challenge))
    (challenge / "submissions/a.zip").unlink()
    assert take_in(open_intake(challenge)) == []
    assert entries(challenge)["a.zip"]["state"] == "scored"


REFUSED = {
    "empty.zip": (b"", "empty.zip is no zip; hand in a zip with decryption.npy"),
    "cut.zip": (zip_of(np.zeros((60, 8, 8, 3)))[:-30], "cut.zip is no zip"),
    "plain.npy": (b"\x93NUMPY", "plain.npy is no zip"),
    "silent.zip": (zip_of(np.zeros((60, 8, 8, 3)), None), "has no submission.yaml beside"),
    "odd.zip": (zip_of(np.zeros((60, 8, 8, 3)), "team: [A"), "is no YAML that is read here"),
    "shape.zip": (zip_of(np.zeros((60, 8, 8, 1))), "(60, 8, 8, 3)"),
    "range.zip": (zip_of(np.full((60, 8, 8, 3), 200.0)), "looks like 0 to 255"),
    "nan.zip": (zip_of(np.full((60, 8, 8, 3), np.nan)), "NaN or infinite"),
    "slip.zip": (zip_of([0.0], TOLD, **{"../x": "y"}), "leads out of the archive"),
    "twice.zip": (zip_of([0.0], TOLD, **{"b/decryption.npy": "x"}), "holds 2 files named"),
}


def test_every_refusal_is_a_sentence_for_the_team(challenge, quick):
    for name, (content, _) in REFUSED.items():
        hand_in(challenge, name, content)
    take_in(open_intake(challenge))
    found = entries(challenge)
    assert found.keys() == REFUSED.keys()
    for name, (_, says) in REFUSED.items():
        assert found[name]["state"] == "refused"
        assert says in found[name]["reason"]
        assert (
            "kept" not in found[name]["reason"] and str(challenge) not in found[name]["reason"]
        )
    page = told(challenge, "teams.md")
    assert "## Team not known" in page and "## Jane Doe" in page
    assert page.count("refused: ") == len(REFUSED)


def test_what_has_a_record_beside_it_is_the_organisers(challenge, quick):
    path = hand_in(challenge, "a.zip")
    path.with_suffix(".json").write_text("{}", encoding="utf-8")
    assert take_in(open_intake(challenge)) == []


def test_links_pipes_and_folders_are_left_alone(challenge, quick, caplog):
    secret = challenge / "secret/private.npz"
    folder = challenge / "submissions"
    folder.mkdir()
    (folder / "link.zip").symlink_to(secret)
    os.mkfifo(folder / "pipe.zip")
    (folder / "folder.zip").mkdir()
    assert take_in(open_intake(challenge)) == []
    assert caplog.text.count("is no plain file") == 3
    assert list((folder / "kept").iterdir()) == []


@pytest.mark.parametrize("name", ["a\nb.zip", "a|b.zip", "=1+1.zip", "<b>.zip", b"\xff.zip"])
def test_names_of_strangers_are_shown_as_text(challenge, quick, name):
    (challenge / "submissions").mkdir()
    folder = os.fsencode(challenge / "submissions")
    with open(os.path.join(folder, os.fsencode(name)), "wb") as file:
        file.write(b"PK")
    take_in(open_intake(challenge))
    line = told(challenge).splitlines()[1]
    assert not line.startswith("=") and "PK" not in line and "refused" in line
    page = told(challenge, "teams.md").splitlines()
    assert "<b>" not in page[-2] and page[-2].replace(r"\|", "").count("|") == 6


def test_hostile_texts_are_escaped_on_the_boards(challenge, quick):
    said = json.dumps({"team": "<b>|x|", "attack": "=1+1", "description": "[x](javascript:1)"})
    hand_in(challenge, "a.zip", told=said)
    take_in(open_intake(challenge))
    assert "<b>" not in told(challenge, "leaderboard.html")
    assert "<b>" not in told(challenge, "teams.md") + told(challenge, "leaderboard.md")
    assert "](javascript" not in told(challenge, "leaderboard.md")
    assert entries(challenge)["a.zip"]["attack"] == "'=1+1"


# Limits.


def test_a_file_that_takes_too_much_memory_is_refused_and_others_are_scored(
    challenge, monkeypatch
):
    hand_in(challenge, "a.zip")
    monkeypatch.setattr(running, "score_one", boundless.score_hungrily)
    (entry,) = take_in(open_intake(challenge), Rules(memory_gb=0.25))
    assert (entry.state, entry.because) == ("refused", "limit")
    assert entry.reason == "scoring it took more than 256 MB of memory"
    monkeypatch.undo()
    hand_in(challenge, "b.zip", noise=0.1)
    assert [entry.name for entry in take_in(open_intake(challenge))] == ["b.zip"]


def test_a_file_that_takes_too_long_is_refused(challenge, monkeypatch):
    hand_in(challenge, "a.zip")
    monkeypatch.setattr(running, "score_one", boundless.score_slowly)
    (entry,) = take_in(open_intake(challenge), Rules(minutes=0.05))
    assert entry.reason == "scoring it took more than 3 seconds"


def test_a_fault_of_the_program_is_not_told_to_the_team(challenge, monkeypatch, caplog):
    def fail(*given, limits):
        raise running.FaultError("ValueError: results/challenge/secret")

    monkeypatch.setattr(running, "call_limited", fail)
    first = hand_in(challenge, "a.zip")
    (entry,) = take_in(open_intake(challenge))
    assert (entry.because, entry.reason) == ("fault", running.FAULT)
    assert "ValueError" in caplog.text and "ValueError" not in told(challenge)
    monkeypatch.undo()
    shutil.copy(first, first.with_name("again.zip"))  # that was no scoring
    assert [entry.state for entry in take_in(open_intake(challenge))] == ["scored"]


def test_large_files_are_refused_unread(challenge, quick):
    path = hand_in(challenge, "a.zip", b"")
    os.truncate(path, largest_file((60, 8, 8, 3)) + 1)
    (entry,) = take_in(open_intake(challenge))
    assert (entry.because, entry.sha256) == ("large", "")
    assert "a decryption of shape (60, 8, 8, 3) with its source has" in entry.reason
    assert list((challenge / "submissions/kept").iterdir()) == []
    assert take_in(open_intake(challenge)) == []
    assert too_large(largest_file((4, 4)), (4, 4)) == ""


# Rules.


def test_the_deadline(challenge, quick):
    hand_in(challenge, "a.zip", told=A)
    (entry,) = take_in(open_intake(challenge), Rules(deadline="2020-01-01T00:00:00Z"))
    assert (entry.because, entry.metadata.team) == ("late", "A")
    assert entry.reason == (
        f"it arrived at {entry.arrived}, after the deadline at 2020-01-01T00:00:00Z"
    )
    shutil.copy(challenge / "submissions/a.zip", challenge / "submissions/b.zip")
    (entry,) = take_in(open_intake(challenge), Rules(deadline="2999-01-01T00:00:00Z"))
    assert (entry.name, entry.state) == ("b.zip", "scored")


def test_an_earlier_date_of_a_file_does_not_help(challenge, quick):
    os.utime(hand_in(challenge, "a.zip"), (0, 0))
    (entry,) = take_in(open_intake(challenge), Rules(deadline="2020-01-01T00:00:00Z"))
    assert entry.because == "late"


@pytest.mark.parametrize(
    ("arrived", "late"), [("2026-12-01T00:00:00Z", False), ("2026-12-01T00:00:01Z", True)]
)
def test_the_deadline_itself_is_in_time(arrived, late):
    assert bool(too_late(arrived, Rules(deadline="2026-12-01T00:00Z"))) is late
    assert too_late(arrived, Rules()) == ""


def test_so_many_a_day_for_each_team(challenge, quick):
    for number in range(3):
        hand_in(challenge, f"a{number}.zip", told=A, seed=number)
    hand_in(challenge, "0.zip", zip_of([0.0], A))  # is looked at first, and counts nothing
    hand_in(challenge, "b.zip", told=B)
    take_in(open_intake(challenge), Rules(per_day=2))
    found = entries(challenge)
    states = {name: row["state"] for name, row in found.items()}
    assert states.pop("b.zip") == "scored"
    assert states.pop("0.zip") == "refused"
    assert sorted(states.values()) == ["refused", "scored", "scored"]
    (refused,) = (row for row in found.values() if "a day are allowed" in row["reason"])
    assert "2 files of this team" in refused["reason"]


def test_what_was_refused_or_arrived_on_another_day_does_not_count(tmp_path):
    rules, about = Rules(per_day=1), Metadata("A", "b")
    days = {
        "x": "2026-11-28T23:59:59Z",
        "y": "2026-11-29T00:00:00Z",
        "z": "2026-11-29T10:00:00Z",
    }
    with opened_log(tmp_path / "log.sqlite", "ab") as log:
        numbers = {name: log.add(name, name * 64, 1, when) for name, when in days.items()}
        for number in numbers.values():
            log.tell(number, about)
        assert log.claim(numbers["x"], rules, "me", "now")
        log.finish(numbers["x"], {}, "now")
        assert log.claim(numbers["y"], rules, "me", "now")
        assert not log.claim(numbers["z"], rules, "you", "now")
        assert log.entry(numbers["z"]).state == "waiting"  # until it is known what y counts
        log.refuse(numbers["y"], "content", "no image", "now")
        assert log.claim(numbers["z"], rules, "you", "now")
        log.finish(numbers["z"], {}, "now")
        last = log.add("last", "f" * 64, 1, days["z"])
        log.tell(last, replace(about, team=" a "))
        assert not log.claim(last, rules, "me", "now")
        assert log.entry(last).because == "overdrawn"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"deadline": "tomorrow"}, "no time in UTC"),
        ({"deadline": "2026-12-01"}, "with the Z"),
        ({"deadline": "2026-12-01T00:00:00+02:00"}, "no time in UTC"),
        ({"per_day": 0}, "write 1 or more"),
        ({"memory_gb": 0}, "write more than 0"),
        ({"minutes": float("nan")}, "write more than 0"),
        ({"board": "private"}, "known are public, secret, all"),
    ],
)
def test_rules_that_are_none(given, says):
    with pytest.raises(InstaHideError, match=says):
        Rules(**given)


def test_times_and_counts_are_told():
    assert in_utc(parse_time("2026-12-01T10:20:30Z").timestamp()) == "2026-12-01T10:20:30Z"
    assert overdrawn(1, "2026-12-01", Rules(per_day=1)).startswith("1 file of this team")


# Boards.


def test_each_team_stands_there_with_its_best_and_the_last_is_told(challenge, quick):
    hand_in(challenge, "a.zip", told=A, noise=0.2)
    take_in(open_intake(challenge))
    hand_in(challenge, "b.zip", told=A.replace("A", "a"), noise=0.8)
    hand_in(challenge, "c.zip", told=B, noise=0.4)
    take_in(open_intake(challenge))
    records = load_record_list(challenge / "submissions/intake/records.json")
    assert [record.who for record in records] == ["A", "B"]
    last = float(entries(challenge)["b.zip"]["max_ssim"])
    assert f"best of 2, the last of {records[0].date} has {last:.3f}" in records[0].note
    assert records[0].metrics["max_ssim"].mean > records[1].metrics["max_ssim"].mean > last


def test_while_it_runs_nothing_of_the_secret_half_is_told_and_the_final_board_counts_all(
    challenge, quick
):
    hand_in(challenge, "a.zip")
    (entry,) = take_in(open_intake(challenge))

    def everything():
        folder = challenge / "submissions/intake"
        return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))

    shown = {
        part: str(entry.score[part]["max_ssim"]["mean"])[:11]
        for part in ("public", "all", "secret")
    }
    assert len(set(shown.values())) == 3
    assert [part for part in shown if shown[part] in everything()] == ["public"]
    take_in(open_intake(challenge), Rules(board="all"))
    assert [part for part in shown if shown[part] in everything()] == ["all"]
    assert "counts all images" in told(challenge, "leaderboard.md")
    take_in(open_intake(challenge), Rules(board="secret"))
    assert [part for part in shown if shown[part] in everything()] == ["secret"]


def test_the_final_board_shows_what_was_best_while_it_ran(challenge, quick):
    """Two files, of which each is the better one on one half."""
    good, bad = recovered(challenge, 0.1), recovered(challenge, 0.9)
    plan = load_plan(challenge / "secret/truth.npz")
    halves = draw_halves(load_seed(challenge / "secret/seed"), 20)
    rows = rows_of_part(plan, halves.public)
    one, other = bad.copy(), good.copy()
    one[rows], other[rows] = good[rows], bad[rows]
    hand_in(challenge, "public.zip", zip_of(one, A))
    hand_in(challenge, "all.zip", zip_of(other, A))
    take_in(open_intake(challenge))
    take_in(open_intake(challenge), Rules(board="all"))
    (record,) = load_record_list(challenge / "submissions/intake/records.json")
    found = entries(challenge)
    assert record.metrics["max_ssim"].mean == float(found["public.zip"]["max_ssim"])
    assert float(found["all.zip"]["max_ssim"]) > float(found["public.zip"]["max_ssim"])


def test_without_halves_the_best_is_that_on_all_images(challenge, quick):
    for number in range(4):
        hand_in(challenge, f"{number}.zip", told=A, noise=0.3 + number / 100)
    take_in(open_intake(challenge), Rules(board="all"))
    (record,) = load_record_list(challenge / "submissions/intake/records.json")
    best = max(float(row["max_ssim"]) for row in entries(challenge).values())
    assert record.metrics["max_ssim"].mean == best


def test_notebooks_see_them_too(challenge, quick):
    hand_in(challenge, "a.zip")
    take_in(open_intake(challenge))
    assert [record.who for record in read_leaderboard(challenge)] == ["Jane Doe"]


# Several at once, and ends in the middle.


def count_scorings(challenge):
    """Take in, and leave a mark for each file that is scored."""
    original = running.call_limited

    def call(function, file, *others, limits):
        with open(f"{challenge}/marks", "ab", buffering=0) as marks:
            marks.write(f"{Path(file).stem}\n".encode())
        return original(function, file, *others, limits=limits)

    running.call_limited = call
    take_in(open_intake(challenge))


def test_several_at_once_score_each_file_once(challenge):
    for number in range(5):
        hand_in(challenge, f"{number}.zip", seed=number)
    spawn = get_context("spawn")
    workers = [spawn.Process(target=count_scorings, args=(challenge,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    marks = (challenge / "marks").read_text(encoding="utf-8").split()
    assert len(marks) == len(set(marks)) == 5
    assert {row["state"] for row in entries(challenge).values()} == {"scored"}
    assert len(entries(challenge)) == 5


def score_and_stay(challenge):
    running.score_one = boundless.score_slowly
    take_in(open_intake(challenge))


def wait_for(thing):
    """Wait until something holds."""
    for _ in range(1200):
        if thing():
            return
        time.sleep(0.05)
    raise AssertionError("nothing happens")


def children(parent):
    """The processes that a process has started."""
    place = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(number) for number in place.read_text(encoding="utf-8").split()]


def is_running(process):
    """Whether a process goes on; not where only its exit code is left."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rsplit(")")[-1].split()[0] != "Z"


def test_what_a_killed_run_was_scoring_is_scored_by_the_next(challenge, caplog):
    hand_in(challenge, "a.zip")
    worker = get_context("spawn").Process(target=score_and_stay, args=(challenge,))
    worker.start()
    kept = challenge / "submissions/kept"
    wait_for(lambda: list(kept.glob("*.begun")))
    with log_of(challenge) as log:
        assert [entry.state for entry in log.entries()] == ["scoring"]
        (owner,) = log.owners()
    assert take_in(open_intake(challenge)) == []  # somebody is at it
    (child,) = children(worker.pid)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    wait_for(lambda: not is_running(child))
    (entry,) = take_in(open_intake(challenge))
    assert entry.state == "scored"
    assert "1 that an interrupted run was scoring" in caplog.text
    assert not (challenge / f"submissions/kept/{owner}.lock").exists()


def test_what_is_told_to_end_gives_back_what_it_was_scoring(challenge, monkeypatch):
    def interrupt(*given, limits):
        raise KeyboardInterrupt

    hand_in(challenge, "a.zip")
    monkeypatch.setattr(running, "call_limited", interrupt)
    with pytest.raises(KeyboardInterrupt):
        take_in(open_intake(challenge))
    with log_of(challenge) as log:
        assert [entry.state for entry in log.entries()] == ["waiting"]


def test_an_end_between_copy_and_log_loses_nothing(challenge, quick, monkeypatch):
    hand_in(challenge, "a.zip")

    def end(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Log, "add", end)
    with pytest.raises(KeyboardInterrupt):
        take_in(open_intake(challenge))
    monkeypatch.undo()
    assert [entry.state for entry in take_in(open_intake(challenge))] == ["scored"]


def test_a_missing_copy_is_told_and_waits(challenge, quick, caplog):
    path = hand_in(challenge, "a.zip")
    intake = open_intake(challenge)
    with log_of(challenge) as log:
        log.add("b.zip", "ab" * 32, 1, "2026-11-29T00:00:00Z")
    assert [entry.name for entry in take_in(intake, None, [path])] == ["a.zip"]
    assert "its copy" in caplog.text and "is missing; put it back" in caplog.text


# Watching.


class Ended(Exception):
    pass


def test_a_file_is_watched_until_it_stays_the_same(challenge, quick, monkeypatch):
    seen, content = [], zip_of(recovered(challenge))
    looks = iter([content[:100], content[:200], content, None, None, None])

    def next_look(seconds):
        if (part := next(looks, b"end")) == b"end":
            raise Ended
        if part is not None:
            hand_in(challenge, "a.zip", part)

    monkeypatch.setattr(running.time, "sleep", next_look)
    with pytest.raises(Ended):
        watch(open_intake(challenge), None, 1, seen.extend)
    assert [(entry.name, entry.state) for entry in seen] == [("a.zip", "scored")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watching_ends_when_it_is_told_to(challenge, number):
    hand_in(challenge, "a.zip")
    command = [sys.executable, "-m", "instahide", "intake", str(challenge), "--watch", "0.2"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # Who runs in the background of a script ignores SIGINT, and so would the child.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert lines[0].startswith("looking into")
    assert lines[1].startswith("a.zip: Max_SSIM 0.") and lines[2] == "1 scored, 0 refused\n"
    assert said.endswith("told to end; what was being scored waits for the next time\n")


# The command, and the log.


def test_the_command_takes_in_once(challenge, quick, capsys):
    hand_in(challenge, "a.zip")
    hand_in(challenge, "b.zip", b"no zip")
    assert run("intake", challenge) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("a.zip: Max_SSIM 0.")
    assert said[1].startswith("b.zip: refused, b.zip is no zip")
    assert said[2] == "1 scored, 1 refused"
    assert run("intake", challenge, "--final") == 0
    assert "counts all images" in told(challenge, "leaderboard.md")


def test_what_the_options_say_is_remembered(challenge, quick):
    options = ["--deadline", "2999-01-01T00:00:00Z", "--per-day", 3, "--memory", "1.5G"]
    assert run("intake", challenge, *options, "--minutes", 2) == 0
    assert run("intake", challenge) == 0
    rules = Rules("2999-01-01T00:00:00Z", 3, 1.5, 2.0)
    with log_of(challenge) as log:
        assert log.rules() == rules
    assert run("intake", challenge, "--deadline", "none", "--per-day", "0") == 0
    with log_of(challenge) as log:
        assert log.rules() == replace(rules, deadline=None, per_day=None)


@pytest.mark.parametrize(
    "options",
    [
        ("--deadline", "soon"),
        ("--per-day", "-1"),
        ("--memory", "much"),
        ("--minutes", "0"),
        ("--watch", "0"),
    ],
)
def test_wrong_options_end_in_a_sentence(challenge, quick, capsys, options):
    assert run("intake", challenge, *options) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_who_has_no_truth_takes_nothing_in(challenge, quick, capsys):
    (challenge / "secret/truth.npz").unlink()
    assert run("intake", challenge) == 2
    assert "only who has the truth can take in" in capsys.readouterr().err


def test_the_log_of_another_challenge_is_refused(challenge, private, quick, capsys, tmp_path):
    take_in(open_intake(challenge))
    (tmp_path / "other").mkdir()
    other = make_inside(tmp_path / "other", private, seed=2)
    shutil.copytree(challenge / "submissions", other / "submissions")
    assert run("intake", other) == 2
    assert "is the log of another challenge" in capsys.readouterr().err


def test_a_damaged_log_and_one_of_a_later_format_are_refused(challenge, quick, capsys):
    log = challenge / "submissions/log.sqlite"
    take_in(open_intake(challenge))
    content = log.read_bytes()
    log.write_bytes(b"x" * 5000)
    assert run("intake", challenge) == 2
    assert "cannot be used as the log of submissions" in capsys.readouterr().err
    log.write_bytes(content)
    connection = sqlite3.connect(log)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    assert run("intake", challenge) == 2
    assert "has format 9, and this program reads 1" in capsys.readouterr().err
