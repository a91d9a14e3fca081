"""An S3 store and the cache between workflows: `make test-storage`."""

import hashlib
import shutil
import socket
import subprocess
import sys
import tarfile
import time

import pytest
import yaml
from workflow_project import CONFIG, Project

from instahide.photos.samples import save_samples

pytestmark = pytest.mark.storage

POOL = "results/public/pool"


@pytest.fixture
def s3(tmp_path, monkeypatch):
    """An empty bucket on a server of this machine."""
    boto3 = pytest.importorskip("boto3", reason="use make test-storage")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", address)
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "name")
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY", "password")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(tmp_path / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port)
        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="name",
            aws_secret_access_key="password",
        )
        client.create_bucket(Bucket="photos")
        yield client
    finally:
        server.kill()
        server.wait()


def wait_for(port):
    end = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < end, "the S3 server does not answer"
            time.sleep(0.2)


def test_photos_come_from_an_s3_store_if_they_have_the_checksum(s3, tmp_path):
    save_samples(tmp_path / "public", tmp_path / "private")
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(tmp_path / "public", ".")
    s3.upload_file(str(tmp_path / "photos.tar"), "photos", "all/photos.tar")
    checksum = hashlib.sha256((tmp_path / "photos.tar").read_bytes()).hexdigest()
    project = pool_of(tmp_path / "s3", {"url": "s3://photos/all/photos.tar"}, "0" * 64)
    refused = project.run("--cores", "2", f"{POOL}/photos.csv", check=False)
    assert refused.returncode != 0
    assert "0" * 64 in refused.stdout + refused.stderr
    assert not list((project.root / "results/downloads").rglob("*.tar"))
    project = pool_of(tmp_path / "s3", {"url": "s3://photos/all/photos.tar"}, checksum)
    project.run("--cores", "2", f"{POOL}/pool.zarr.sha256")
    local = pool_of(tmp_path / "local", {"path": str(tmp_path / "public")})
    local.run("--cores", "2", f"{POOL}/pool.zarr.sha256")
    assert digest(project) == digest(local)
    assert project.stale(f"{POOL}/pool.zarr.sha256") == set()


def test_a_second_workflow_takes_its_pool_from_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(cache))
    cached = ("--cores", "2", "--cache", "--", f"{POOL}/pool.zarr.sha256")
    first = pool_of(tmp_path / "first", {"bundled": True})
    first.run(*cached)
    kept = sorted(path.name for path in cache.iterdir())
    second = pool_of(tmp_path / "second", {"bundled": True})
    second.run(*cached)
    assert digest(second) == digest(first)
    assert sorted(path.name for path in cache.iterdir()) == kept
    assert (second.root / f"{POOL}/pool.zarr/patches").is_symlink()
    # Other crops are other entries, and the old ones stay whole.
    second.edit("config/config.yaml", "- 80", "- 90")
    second.run(*cached)
    assert digest(second) != digest(first)
    shutil.rmtree(second.root)
    first.run("--cores", "2", "results/challenge/verification.txt")


def pool_of(folder, source, checksum=None):
    """Make or change a project with another source of photos."""
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"]["source"] = source
    if checksum:
        source["checksum"] = f"sha256:{checksum}"
    if folder.exists():
        project = Project.__new__(Project)
        project.root = folder
        project.configure(config)
        return project
    folder.mkdir()
    return Project(folder, config)


def digest(project):
    return (project.root / f"{POOL}/pool.zarr.sha256").read_text(encoding="utf-8")
