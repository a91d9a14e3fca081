"""What interrupted runs leave: little, and `instahide clean` finds it and nothing else."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.cli import main
from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.photos.samples import save_samples
from instahide.remains import clean, find_remains
from instahide.temporaries import HIDDEN, beside, final_path, temporary_folder

ROOT = Path(__file__).parents[1]
NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), max_size=40)
DAY = 86400.0


def remains(folder):
    return [remain.path for remain in find_remains(folder)]


def left(folder, name="pool.zarr", kind="new"):
    """Leave a folder with a file in it, as a killed process does."""
    path = beside(folder, name, kind)
    path.mkdir()
    (path / "zarr.json").write_text("{}", encoding="utf-8")
    return path


@settings(deadline=None)
@given(name=NAMES)
def test_hidden_names_tell_what_they_stand_for(name):
    path = beside(Path("results"), name)
    assert HIDDEN.fullmatch(path.name)["name"] == name
    assert final_path(path / "encryption.npy") == Path("results", name, "encryption.npy")


@settings(deadline=None)
@given(name=NAMES)
def test_other_names_are_not_ours(name):
    assert "instahide-" in name or not HIDDEN.fullmatch(name)
    assert not HIDDEN.fullmatch(f".{name}.0a1b2c3d")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path, capsys):
    mine = tmp_path / "deep" / ".mine.1a2b3c4d"
    mine.mkdir(parents=True)
    (tmp_path / ".photos.tar.part").write_bytes(b"half")
    path = left(tmp_path / "deep")
    beside(tmp_path, "set.npz").write_bytes(bytes(10_000))
    (tmp_path / beside(tmp_path, "link").name).symlink_to(mine)
    before = {entry for entry in tmp_path.rglob("*") if not HIDDEN.search(str(entry))}
    with pytest.raises(SystemExit):
        main(["clean", str(tmp_path), "--list"])
    assert path.exists()
    with pytest.raises(SystemExit) as ended:
        main(["clean", str(tmp_path)])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert re.search(r"pool\.zarr\.instahide-new-\w+, \d+\.\d MB: removed", told)
    assert remains(tmp_path) == []
    links = [entry for entry in tmp_path.rglob("*") if entry.is_symlink()]
    assert before | set(links) == set(tmp_path.rglob("*"))
    assert len(links) == 1


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_being_written_is_left(kind, tmp_path):
    writing = {
        "file": lambda: atomic(tmp_path / "a.npy"),
        "folder": lambda: temporary_folder(tmp_path, "a.zarr"),
    }[kind]()
    with writing as path:
        (remain,) = find_remains(tmp_path)
        assert remain.path == path
        assert clean(remain, untouched=0) == "left, it is being written"
        assert path.exists()
    assert remains(tmp_path) == []


def test_what_another_machine_made_is_left_for_some_time(tmp_path):
    path = left(tmp_path)
    number = HIDDEN.fullmatch(path.name)["machine"]
    other = path.with_name(f".pool.zarr.instahide-new-{other_machine(number)}00000000")
    path.rename(other)
    (remain,) = find_remains(tmp_path)
    assert clean(remain, untouched=DAY) == "left, another machine may be writing it"
    assert clean(remain, untouched=float("nan")) == "left, another machine may be writing it"
    for entry in (other / "zarr.json", other):
        os.utime(entry, (remain.touched - 2 * DAY, remain.touched - 2 * DAY))
    (remain,) = find_remains(tmp_path)
    assert clean(remain, untouched=DAY) == "removed"


def other_machine(number):
    return f"{int(number, 16) ^ 1:04x}"


def test_the_only_copy_of_a_store_goes_back(tmp_path):
    """A process was killed between two renames: the old store away, the new one not there."""
    left(tmp_path, kind="old")
    (remain,) = find_remains(tmp_path)
    assert clean(remain, untouched=0) == "put back as pool.zarr"
    assert (tmp_path / "pool.zarr" / "zarr.json").exists()
    left(tmp_path, kind="old")  # this time with a new one in its place
    (remain,) = find_remains(tmp_path)
    assert clean(remain, untouched=0) == "removed"
    assert [entry.name for entry in tmp_path.iterdir()] == ["pool.zarr"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InstaHideError, match="nowhere is not a folder"):
        find_remains(tmp_path / "nowhere")


JOB = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
from instahide.files import atomic
from instahide.jobs import job
with job("job.log"), atomic("results/out.npy") as path:
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.fault("told to end")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_told_to_end_leaves_nothing(number, tmp_path):
    job = start([sys.executable, "-c", JOB], tmp_path)
    assert job.stdout.readline() == b"ready\n"
    assert remains(tmp_path)
    job.send_signal(number)
    assert job.wait(60) == 128 + number
    assert list((tmp_path / "results").iterdir()) == []
    assert "told to end" in (tmp_path / "job.log").read_text(encoding="utf-8")


@pytest.mark.fault("told to end")
def test_a_pool_build_that_is_told_to_end_leaves_nothing(tmp_path):
    save_samples(tmp_path / "public", tmp_path / "private")
    command = [sys.executable, "-m", "instahide", "pool", "public", "--out", "out/pool.zarr"]
    build = start([*command, "--crops-per-photo", "3000"], tmp_path)
    while not list((tmp_path / "out").glob(".*/*")):
        assert build.poll() is None
    build.send_signal(signal.SIGTERM)
    assert build.wait() == 128 + signal.SIGTERM
    assert b"told to end" in build.stderr.read()
    assert list((tmp_path / "out").iterdir()) == []


def start(command, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)
