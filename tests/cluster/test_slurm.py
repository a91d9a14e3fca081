"""The workflow on a real SLURM: `make test-slurm`."""

import shutil
import subprocess
import threading
import time

import pytest
import slurm
import yaml
from workflow_project import CONFIG, Project

from instahide.leaderboard.points import read_points

pytestmark = pytest.mark.slurm

# As on a cluster without accounting; ask often, since the jobs here take seconds.
PROFILE = (
    *("--profile", "profiles/slurm", "--slurm-no-account"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
)
# Attacks say how long they took, and so does what quotes them.
TIMED = {"attack.json", "record.json", "check.html"}


@pytest.fixture(autouse=True)
def cluster():
    assert "slurmd" in slurm.running(), "there is no SLURM for tests: use make test-slurm"


@pytest.fixture
def config():
    config = yaml.safe_load(yaml.safe_dump(CONFIG)) | {"keep_crops": False}
    del config["challenges"]["inner"]
    config["challenges"]["challenge"]["attacks"] = ["mean", "oracle"]
    return config


def run_here(config, folder, *targets):
    """Run on this machine, without SLURM."""
    folder.mkdir()
    project = Project(folder, config)
    project.run("--cores", "2", *targets)
    return project


def run_on_slurm(project, *arguments):
    """Run on SLURM and give it up after a while; a plain end would wait for all jobs."""
    project.prefix = ["timeout", "-k", "30", "900"]
    return project.run(*PROFILE, *arguments)


def untimed(project):
    """Digests of all results but those that hold times."""
    return {
        name: digest
        for name, digest in project.all_digests().items()
        if name.rpartition("/")[2] not in TIMED and "leaderboard" not in name
    }


def test_a_run_on_slurm_gives_the_bytes_of_a_local_run(config, tmp_path):
    local = run_here(config, tmp_path / "local")
    project = Project(tmp_path, config)
    done = run_on_slurm(project)
    assert untimed(project) == untimed(local)
    assert not list((tmp_path / "results/public/pool/crops").glob("*.zarr"))
    # samples, private, photos, pool, two shards, challenge, four attacks' scores, leaderboard
    assert done.stderr.count("has been submitted with SLURM jobid") == 12
    assert project.stale() == set()


def test_points_of_a_sweep_are_jobs_of_the_cluster(config, tmp_path):
    del config["challenges"]
    config["sweeps"] = {
        "rows": {
            "base": {"private": "set", "scheme": "inside", "k": 4, "n": 20},
            "grid": {"T": [2, 4], "seeds": [1]},
            "attacks": ["mean"],
        }
    }
    target = "results/sweeps/rows.csv"
    local = run_here(config, tmp_path / "local", target)
    project = Project(tmp_path, config)
    done = run_on_slurm(project, "--", target)
    tables = [read_points(one.root / target) for one in (local, project)]
    found = [[line["max_ssim"] for line in table.lines] for table in tables]
    assert found[0] == found[1] and len(found[0]) == 2
    # Besides what all share, each point is encrypted, attacked and scored by jobs of its own.
    submitted = done.stderr.count("has been submitted with SLURM jobid")
    assert submitted >= 2 * 3, done.stderr
    assert project.stale(target) == set()


@pytest.mark.fault("out of memory, out of time, cancelled (SLURM)")
def test_jobs_without_memory_or_time_or_cancelled_are_tried_again(
    config, tmp_path, record_property
):
    record_property("tries", 4)
    project = Project(tmp_path, config)
    # The first attempt at a shard hangs until its minute is over.
    project.edit(
        "workflow/scripts/crops.py",
        "with job(",
        "import pathlib, time\n\n"
        "tried = pathlib.Path(snakemake.output.report).with_suffix('.tried')\n"
        "if not tried.exists():\n"
        "    tried.touch()\n"
        "    time.sleep(600)\n"
        "with job(",
    )
    project.edit("workflow/scripts/private.py", "with job(", CANCELLED)
    canceller = threading.Thread(target=cancel, args=(tmp_path / "cancel-me",), daemon=True)
    canceller.start()
    targets = ["results/public/pool/pool.zarr.sha256", "results/private/set/private.npz"]
    done = run_on_slurm(
        project,
        *("--set-resources", "crops:runtime=attempt", "key_points:runtime=1"),
        *("pool:mem_mb=60 * attempt ** 4", "--", *targets),
    )
    logs = [
        path.read_text(encoding="utf-8")
        for path in (tmp_path / ".snakemake/slurm_logs").rglob("*.log")
    ]
    for reason in ("DUE TO TIME LIMIT", "exceeded memory limit", "CANCELLED AT"):
        assert any(reason in log for log in logs), reason
    assert done.stderr.count("Trying to restart") >= 4
    local = run_here(config, tmp_path / "local", *targets)
    for name in targets:
        assert (project.root / name).read_bytes() == (local.root / name).read_bytes()


CANCELLED = """import os, pathlib, time

order = pathlib.Path("cancel-me")
if not order.exists():
    order.write_text(os.environ["SLURM_JOB_ID"])
    time.sleep(600)
with job("""


def cancel(order):
    """Cancel the job that asks for it."""
    while not order.exists() or not order.read_text(encoding="utf-8"):
        time.sleep(0.1)
    subprocess.run([shutil.which("scancel"), order.read_text(encoding="utf-8")], check=True)
