"""`make challenge`: everything goes to a log, and what people wait for is shown."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from instahide.quietly import worth_showing

PRINTED = """Building DAG of jobs...
job      count
total        2

[Tue Nov 24 17:08:26 2026]
Job 5: Write the photos
Reason: Missing output files: a
crops: 50% 10/20 [00:05<00:05, 2.00 photo/s]
crops: 100% 20/20 [00:10<00:00, 2.00 photo/s]
Warning: results/x was made by other.yaml
Finished jobid: 5 (Rule: samples)
1 of 2 steps (50%) done
Job 0: Verify
verification: 1234 rows [00:05, 2.00 rows/s]
2 of 2 steps (100%) done
Complete log(s): /somewhere
"""
SHOWN = [
    "0 of 2 steps done: Write the photos",
    "0 of 2 steps done: crops: 50% 10/20 [00:05<00:05, 2.00 photo/s]",
    "Warning: results/x was made by other.yaml",
    "1 of 2 steps done: Verify",
    "1 of 2 steps done: verification: 1234 rows [00:05, 2.00 rows/s]",
]
SAY = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(int(sys.argv[2]))"


def quietly(log, *command):
    return [sys.executable, "-m", "instahide.quietly", str(log), *map(str, command)]


def say(text, code):
    return (sys.executable, "-c", SAY, text, code)


def test_stages_progress_and_trouble_are_shown_and_trouble_stays():
    shown = list(worth_showing(PRINTED.splitlines()))
    assert [line for line, _ in shown] == SHOWN
    assert [line for line, stays in shown if stays] == SHOWN[2:3]


def test_the_log_holds_everything_and_the_rest_is_quiet(tmp_path):
    log = tmp_path / "logs" / "mine.log"
    done = subprocess.run(quietly(log, *say(PRINTED, 0)), capture_output=True, encoding="utf-8")
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.splitlines() == SHOWN
    assert log.read_text(encoding="utf-8") == PRINTED


def test_a_failure_shows_the_end_of_the_log_and_where_it_is(tmp_path):
    text = "".join(f"line {number}\n" for number in range(100)) + "the reason\n"
    done = subprocess.run(
        quietly(tmp_path / "log", *say(text, 3)), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 3
    *tail, last = done.stderr.splitlines()
    assert tail == [*(f"line {number}" for number in range(71, 100)), "the reason"]
    assert str(tmp_path / "log") in last


def test_on_a_terminal_one_line_changes(tmp_path):
    master, slave = pty.openpty()
    done = subprocess.run(quietly(tmp_path / "log", *say(PRINTED, 0)), stderr=slave)
    os.close(slave)
    text = os.read(master, 100_000).decode()
    os.close(master)
    assert done.returncode == 0
    assert text.count("\n") == 1  # the warning stays
    assert text.endswith("\r\033[K")
    assert "1 of 2 steps done: Verify" in text


@pytest.mark.parametrize(
    ("log", "command", "message"),
    [("file/log", "true", "cannot write"), ("log", "no-such-command", "cannot run no-such")],
)
def test_what_cannot_be_run_or_written_is_said(tmp_path, log, command, message):
    (tmp_path / "file").touch()
    done = subprocess.run(
        quietly(tmp_path / log, command), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command_and_its_last_words_are_kept(tmp_path, number):
    code = (
        "import signal, sys, time\n"
        "def stop(*_): print('last words', flush=True); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, stop); signal.signal(signal.SIGINT, stop)\n"
        "print('Job 1: wait', flush=True); time.sleep(60)"
    )
    command = quietly(tmp_path / "log", sys.executable, "-c", code)
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert b"wait" in process.stderr.readline()
        whom = process.pid if number == signal.SIGTERM else -process.pid
        os.kill(whom, number)
        assert process.wait() == 7
    assert (tmp_path / "log").read_text(encoding="utf-8").endswith("last words\n")
