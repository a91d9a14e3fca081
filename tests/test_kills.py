"""The workflow killed, starved of disk and started twice: it resumes to the same bytes."""

import os
import random
import secrets
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from disks import small_disk
from workflow_project import CONFIG, Project

pytestmark = pytest.mark.campaign

TARGET = "results/challenge/verification.txt"
POOL, CHALLENGE = "results/public/pool", "results/challenge"
# Each is killed while it works, on the way to its product.
SCRIPTS = {
    "seed": f"{CHALLENGE}/secret/seed",
    "samples": "results/samples/public.sha256",
    "private": "results/private/set/private.npz",
    "photos": f"{POOL}/photos.csv",
    "crops": f"{POOL}/crops/0.zarr.sha256",
    "key_points": f"{POOL}/patches/0.zarr.sha256",
    "pool": f"{POOL}/pool.zarr.sha256",
    "plan": f"{CHALLENGE}/secret/truth.npz",
    "encrypt": f"{CHALLENGE}/encryption.npy",
    "label": f"{CHALLENGE}/label.npy",
    "manifest": f"{CHALLENGE}/challenge.json",
    "sample_submission": f"{CHALLENGE}/sample_submission.zip",
    "participants": f"{CHALLENGE}/participants.html",
    "release": f"{CHALLENGE}/release.zip",
    "verify": TARGET,
}
ENOUGH_SECONDS = 120


@pytest.fixture(scope="module")
def config():
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    del config["challenges"]["inner"]
    return config


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("undisturbed"), config)
    project.run("--cores", "2", TARGET)
    return project.all_digests()


def start(project, target=TARGET):
    """Start a run in a session of its own."""
    return subprocess.Popen(
        project.command("--cores", "2", target),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=project.environment(),
        start_new_session=True,
    )


def processes_of(session):
    """Return process ids and command lines of a session."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_text(encoding="utf-8")
        except OSError:  # it has ended meanwhile
            continue
    return found


def wait_for_script(run, script):
    """Wait until a script's process is there; None if the run has ended without.

    It has the script's name on its command line.
    """
    end = time.monotonic() + ENOUGH_SECONDS
    while run.poll() is None:
        for process, command in processes_of(run.pid).items():
            if f".{script}.py" in command:
                return process
        assert time.monotonic() < end, f"{script} did not start"
        time.sleep(0.02)
    return None


def kill(*processes):
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:  # it has just ended
            continue


def end(run):
    """Wait until nothing of a run is left."""
    run.wait()
    deadline = time.monotonic() + ENOUGH_SECONDS
    while processes_of(run.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def disturb(project, script, victim, draw):
    """Start a run and kill it, a random moment after a script has started."""
    run = start(project, SCRIPTS[script])
    worker = wait_for_script(run, script)
    killed = worker is not None
    time.sleep(draw.uniform(0, 1.5))
    if victim == "worker":
        kill(*[worker] * killed)
        end(run)  # Snakemake lets the others end, and then fails
    elif victim == "snakemake":
        kill(run.pid)  # its jobs go on, and may write beside the next run
        run.wait()
    else:
        kill(*processes_of(run.pid))
        end(run)
    return killed


@pytest.mark.fault("SIGKILL of Snakemake, a job, or both")
@pytest.mark.parametrize("victims", [("worker", "all"), ("snakemake", "worker")])
def test_a_run_killed_in_every_stage_resumes_to_the_same_bytes(
    victims, config, undisturbed, tmp_path, record_property
):
    seed = int(os.environ.get("FAULT_SEED", secrets.randbits(32)))
    print(f"FAULT_SEED={seed} repeats these kills")
    draw, project = random.Random(seed), Project(tmp_path, config)
    kills = 0
    for place, script in enumerate(SCRIPTS):
        kills += disturb(project, script, victims[place % len(victims)], draw)
        project.run("--unlock")
    record_property("tries", kills)
    assert kills >= 10, "too few of the scripts were met at work"
    resume(project)
    assert project.all_digests() == undisturbed
    assert project.stale(TARGET) == set()


def resume(project):
    """Run to the end; jobs that outlived their Snakemake may get in the way once."""
    if project.run("--cores", "2", TARGET, check=False).returncode:
        project.run("--cores", "2", TARGET)


@pytest.mark.fault("second run in the same folder")
def test_a_second_run_in_the_same_folder_is_told_and_harms_nothing(
    config, undisturbed, tmp_path
):
    project = Project(tmp_path, config)
    first = start(project)
    assert wait_for_script(first, "samples")
    second = project.run("--cores", "2", TARGET, check=False)
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout + second.stderr
    assert first.wait() == 0
    assert project.all_digests() == undisturbed


@pytest.mark.fault("full, then read-only disk under the workflow")
def test_a_run_goes_on_when_its_disk_has_room_again(
    config, undisturbed, tmp_path, record_property
):
    project = Project(tmp_path, config)
    with small_disk(tmp_path / "results", kilobytes=4096) as disk:
        full = project.run("--cores", "2", TARGET, check=False)
        assert full.returncode != 0
        assert "No space left on device" in full.stdout + full.stderr
        disk.remount("size=200m")
        disk.remount("ro")
        refused = project.run("--cores", "2", TARGET, check=False)
        assert refused.returncode != 0
        assert "Read-only file system" in refused.stdout + refused.stderr
        disk.remount("rw")
        project.run("--unlock")
        project.run("--cores", "2", TARGET)
        record_property("tries", 2)
        assert project.all_digests() == undisturbed
