"""The workflow itself, on a small configuration in a copy of the project."""

import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from workflow_project import CONFIG, Project, verifications

FROM_MANIFEST = {"manifest", "sample_submission", "participants", "release", "verify"}
FROM_PLAN = {"plan", "encrypt", "label", *FROM_MANIFEST}
FROM_POOL = FROM_PLAN | {"pool"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    project.run("--cores", "2", *verifications())
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A finished run that the test may spoil; times are kept, as a copy of a disk would."""
    shutil.copytree(finished.root, tmp_path / "project", symlinks=True)
    copy = Project.__new__(Project)
    copy.root = tmp_path / "project"
    return copy


def test_a_run_ends_in_verified_challenges_and_nothing_is_left_to_do(finished):
    for challenge in ("challenge", "inner"):
        text = (finished.root / "results" / challenge / "verification.txt").read_text(
            encoding="utf-8"
        )
        assert "bit for bit" in text
    assert finished.stale() == set()


def test_secrets_are_for_the_owner_only(finished):
    secret = finished.root / "results/challenge/secret"
    assert secret.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in secret.iterdir()} == {0o600}
    assert (finished.root / "results/private/set").stat().st_mode & 0o777 == 0o700
    seed = (finished.root / "results/inner/secret/seed").read_text(encoding="utf-8")
    assert re.fullmatch(r"hex:[0-9a-f]{64}\n", seed)


def test_one_core_and_other_shards_give_the_same_bytes(finished, tmp_path):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"]["shards"] = 3
    config["keep_crops"] = False
    other = Project(tmp_path, config)
    other.run("--cores", "1", "results/challenge/verification.txt")
    assert other.digests() == finished.digests()
    assert not list((tmp_path / "results/public/pool/crops").glob("*.zarr"))
    assert "crops" not in other.stale()


def test_touching_and_checking_out_re_run_nothing(project):
    for path in [
        *project.root.rglob("*.py"),
        *project.root.rglob("*.smk"),
        project.root / "Snakefile",
    ]:
        path.touch()
    for product in (
        "challenge/encryption.npy",
        "challenge/secret/truth.npz",
        "public/pool/photos.csv",
    ):
        (project.root / "results" / product).touch()
    assert project.stale() == set()


def test_comments_and_docstrings_re_run_nothing(project):
    project.edit(
        "instahide/encodings/instahide/plan.py", '"""Who is mixed', '"""About who is mixed'
    )
    project.edit("instahide/pool/crops.py", "import zarr", "import zarr  # a comment")
    project.edit("workflow/scripts/label.py", "Export the labels", "Write the labels")
    assert project.stale() == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "instahide/encodings/labels.py",
            "np.zeros((len(plan)",
            "0 * np.ones((len(plan)",
            {"label", *FROM_MANIFEST},
        ),
        (
            "instahide/pool/keypoints.py",
            "count > more_than",
            "count >= more_than + 1",
            {"key_points", *FROM_POOL},
        ),
        ("workflow/scripts/release.py", "output[0]", "output[ 0 + 0 ]", {"release", "verify"}),
    ],
    ids=["labels", "keypoints", "release"],
)
def test_a_change_of_meaning_re_runs_its_stages_and_what_depends_on_them(
    project, file, old, new, expected
):
    project.edit(file, old, new)
    assert project.stale() == expected


def test_changing_k_re_runs_from_the_plan_on(project):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["challenges"]["challenge"]["k"] = 5
    project.configure(config)
    assert project.stale() == FROM_PLAN


def test_changing_the_crops_re_runs_from_the_crops_on(project):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"]["crop_size"] = [64, 90]
    project.configure(config)
    assert project.stale() == {"crops", "key_points", *FROM_POOL}
    before = project.digests()
    project.run("--cores", "2", "results/challenge/verification.txt")
    after = project.digests()
    assert before["encryption.npy"] != after["encryption.npy"]
    assert before["secret/private.npz"] == after["secret/private.npz"]
    assert project.stale() == set()


@pytest.mark.fault("damaged chunk in a store")
def test_a_lost_chunk_is_noticed_by_verify(project):
    (project.root / "results/public/pool/pool.zarr/patches/c/0/0/0/0").unlink()
    (project.root / "results/challenge/verification.txt").unlink()
    done = project.run("--cores", "2", "results/challenge/verification.txt", check=False)
    assert done.returncode != 0
    assert "lacks chunks of 'patches'" in done.stdout + done.stderr
    assert "Traceback" not in (project.root / "results/challenge/logs/verify.log").read_text(
        encoding="utf-8"
    )


def test_a_killed_run_resumes_to_the_same_bytes(finished, tmp_path):
    other = Project(tmp_path)
    for file in ("public/pool/photos.csv", "public/pool/patches", "challenge/secret/truth.npz"):
        process = subprocess.Popen(
            other.command("--cores", "2", "results/challenge/verification.txt"),
            cwd=other.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not (other.root / "results" / file).exists():
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        other.run("--unlock")
    other.run("--cores", "2", "results/challenge/verification.txt")
    assert other.digests() == finished.digests()


def test_a_misspelt_key_is_named_before_anything_runs(tmp_path):
    project = Project(tmp_path, CONFIG | {"chalenges": {}})
    done = project.run("--dry-run", check=False)
    assert done.returncode != 0
    assert "unknown key 'chalenges' in the top level; did you mean 'challenges'?" in done.stdout


def test_own_photos_and_images_from_folders(finished, tmp_path):
    samples = finished.root / "results/samples"
    shutil.copytree(samples / "public", tmp_path / "photos")
    (tmp_path / "photos" / "broken.jpg").write_text("no photo", encoding="utf-8")
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"] |= {"source": {"path": str(tmp_path / "photos")}}
    config["private"]["set"] |= {"source": {"path": str(samples / "private")}}
    del config["challenges"]["inner"]
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project", config)
    project.run("--cores", "2", *verifications(config))
    report = json.loads(
        (project.root / "results/public/pool/report.json").read_text(encoding="utf-8")
    )
    assert report["skipped_photos"] == {"broken.jpg": "unreadable"}
    digests = project.digests()
    assert digests["encryption.npy"] == finished.digests()["encryption.npy"]
    (tmp_path / "photos" / "broken.jpg").unlink()
    assert project.stale() == {"photos", "crops", "key_points", *FROM_POOL}


@pytest.fixture
def server(tmp_path):
    """A folder that is served on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


@pytest.mark.fault("corrupted download")
def test_archives_and_lists_are_downloaded_and_checked(finished, server, tmp_path):
    folder, address = server
    samples = finished.root / "results/samples"
    with tarfile.open(folder / "private.tar", "w") as archive:
        archive.add(samples / "private", "private")
    for photo in (samples / "public").iterdir():
        shutil.copy(photo, folder)
    lines = [
        f"{address}/{photo.name} {sha256_of(photo)}" for photo in sorted(folder.glob("*.png"))
    ]
    (tmp_path / "photos.txt").write_text("\n".join(lines), encoding="utf-8")
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"]["source"] = {"url_list": str(tmp_path / "photos.txt")}
    source = {"url": f"{address}/private.tar", "checksum": "sha256:" + "0" * 64}
    config["private"]["set"]["source"] = source
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project", config)
    refused = project.run("--cores", "2", "results/private/set/private.npz", check=False)
    assert refused.returncode != 0
    assert "0" * 64 in refused.stdout + refused.stderr
    assert not list((project.root / "results/downloads").rglob("private.tar"))
    source["checksum"] = sha256_of(folder / "private.tar")
    project.configure(config)
    project.run(
        "--cores", "2", "results/public/pool/pool.zarr", "results/private/set/private.npz"
    )
    private = project.root / "results/downloads/private/set"
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "private.tar").stat().st_mode & 0o777 == 0o600
    digest = "results/public/pool/pool.zarr.sha256"
    assert (project.root / digest).read_text(encoding="utf-8") == (
        finished.root / digest
    ).read_text(encoding="utf-8")
    assert project.run("--dry-run", "results/public/pool/pool.zarr").stdout.count(
        "Nothing to be"
    )


def sha256_of(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.long
def test_rows_are_decoded_in_jobs_of_their_own(project):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    pool = config["public"]["pool"] | {"crops_per_photo": 80}
    config["public"]["more"] = pool
    config["challenges"]["once"] = {
        "private": "set",
        "public": "more",
        "rows_per_image": 1,
        "seed": 5,
        "attacks": ["single", "single-labels"],
    }
    project.configure(config)
    project.edit("instahide/attacks/catalogue.py", "ROW_SLICES = 8", "ROW_SLICES = 2")
    project.edit("instahide/attacks/knownpool/single.py", "_AT_ONCE = 500", "_AT_ONCE = 8")
    project.run("--cores", "2", "results/once/leaderboard.md")
    attacks = project.root / "results/once/attacks"
    for name, steps in (("single", ["rows", "join"]), ("single-labels", None)):
        record = json.loads((attacks / name / "attack.json").read_text(encoding="utf-8"))
        assert record["given"]["public_pool"]
        assert steps is None or [stage["name"] for stage in record["stages"]] == steps
    assert (attacks / "single/single.npz").stat().st_mode & 0o777 == 0o600
    assert {path.parent.name for path in project.root.glob("results/once/**/rows.npz")} == {
        "0",
        "1",
    }
    # An edit of what takes mixtures apart decodes no row again.
    apart = "instahide/attacks/knownpool/apart.py"
    project.edit(apart, "ROUNDS = 6", "ROUNDS = 5")
    done = project.run("--dry-run", "results/once/leaderboard.md")
    assert "rows.npz (" not in done.stdout + done.stderr
    assert "state.npz" in done.stdout + done.stderr


@pytest.mark.long
def test_a_challenge_of_the_generator_of_2020_is_broken_from_its_two_files(project):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["challenges"]["old"] = {
        "private": "set",
        "public": "pool",
        "generator": "mt19937-2020",
        "public_use": "fresh",
        "rows_per_image": 25,
        "seed": 4321,
        "attacks": ["prng"],
    }
    project.configure(config)
    # Fewer seeds to try, in fewer jobs.
    steps = "instahide/attacks/prng/steps.py"
    project.edit(steps, "import SEEDS", "import SEEDS as ALL\n\nSEEDS = ALL >> 12")
    project.edit("instahide/attacks/catalogue.py", "SEED_SLICES = 16", "SEED_SLICES = 2")
    project.run("--cores", "2", "results/old/verification.txt", "results/old/leaderboard.md")
    attack = project.root / "results/old/attacks/prng"
    record = json.loads((attack / "attack.json").read_text(encoding="utf-8"))
    assert record["details"]["seed"] == 4321
    assert record["details"]["public_use"] == "fresh"
    assert [stage["name"] for stage in record["stages"]] == ["search", "solve"]
    assert (attack / "private.npy").stat().st_mode & 0o777 == 0o600
    assert attack.stat().st_mode & 0o777 == 0o700
    assert "prng" in (project.root / "results/old/leaderboard.md").read_text(encoding="utf-8")
