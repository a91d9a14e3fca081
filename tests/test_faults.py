"""What goes wrong on disks, in stores and in memory: told in a sentence, nothing lost."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from disks import small_disk

from instahide.challenge.encryption import save_encryption
from instahide.challenge.sources import load_sources
from instahide.encodings.plan import save_plan
from instahide.errors import InstaHideError
from instahide.files import atomic_folder, save_text, sha256_of_file
from instahide.photos.listing import bundled_photos
from instahide.pool.build import merge_pool
from instahide.pool.crops import CropSettings, save_crops
from instahide.pool.keypoints import save_patches
from instahide.pool.pool import open_pool
from instahide.pool.stores import POOL_ARRAYS, open_store, store_digest
from instahide.randomness.keystream import Key

SETTINGS = CropSettings(per_photo=2, smallest=64, largest=80)


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crops")
    make_crops(folder)
    return folder / "crops.zarr"


def make_crops(folder):
    photos = bundled_photos()
    save_crops(folder / "crops.zarr", folder / "crops.json", photos, Key.from_seed(0), SETTINGS)


def make_patches(crops, folder):
    save_patches(folder / "patches.zarr", crops, more_than=40, size=32)


def make_pool(crops, folder):
    make_patches(crops, folder.parent)
    reports = [crops.with_suffix(".json")]
    shards = [folder.parent / "patches.zarr"]
    merge_pool(folder / "pool.zarr", folder / "report.json", shards, reports, most_skipped=0.5)


def make_encryption(sources, folder):
    save_encryption(folder / "encryption.npy", sources, sources.plan())


STAGES = {
    "crops": (lambda crops, sources, folder: make_crops(folder), "crops.zarr"),
    "key points": (lambda crops, sources, folder: make_patches(crops, folder), "patches.zarr"),
    "pool": (lambda crops, sources, folder: make_pool(crops, folder), "pool.zarr"),
    "plan": (
        lambda crops, sources, folder: save_plan(
            folder / "truth.npz", sources.encoding.plan(0, 6000)
        ),
        "truth.npz",
    ),
    "encrypt": (
        lambda crops, sources, folder: make_encryption(sources, folder),
        "encryption.npy",
    ),
}


def content(path):
    """The digest of what a file or a store holds."""
    if path.suffix == ".zarr":
        group = zarr.open_group(path, mode="r")
        return store_digest(group, sorted(group.array_keys()))
    return sha256_of_file(path)


@pytest.fixture(params=STAGES)
def stage(request, crops, sources, tmp_path):
    """A stage's work, and the digest of its result where nothing goes wrong."""
    make, name = STAGES[request.param]
    (tmp_path / "undisturbed").mkdir()
    make(crops, sources, tmp_path / "undisturbed")
    expected = content(tmp_path / "undisturbed" / name)
    return lambda folder: make(crops, sources, folder), name, expected


@pytest.mark.fault("full disk")
def test_a_full_disk_is_told_and_more_room_heals(stage, tmp_path):
    make, name, expected = stage
    with small_disk(tmp_path / "disk", kilobytes=4) as disk:
        with pytest.raises(InstaHideError, match=r"cannot write .*No space left on device"):
            make(disk.path)
        assert list(disk.path.iterdir()) == []
        disk.remount("size=64m")
        make(disk.path)
        assert content(disk.path / name) == expected


@pytest.mark.fault("read-only results folder")
def test_a_read_only_folder_is_told_and_keeps_what_it_holds(stage, tmp_path):
    make, name, expected = stage
    with small_disk(tmp_path / "disk", kilobytes=65536) as disk:
        make(disk.path)
        disk.remount("ro")
        with pytest.raises(InstaHideError, match=r"cannot write .*Read-only file system"):
            make(disk.path)
        assert content(disk.path / name) == expected
        disk.remount("rw")
        make(disk.path)
        assert content(disk.path / name) == expected


DAMAGES = {
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "one byte less": lambda data: data[:-1],
    "one wrong bit": lambda data: data[:-20] + bytes([data[-20] ^ 4]) + data[-19:],
}


@pytest.mark.fault("damaged chunk in a store")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("reader", ["key points", "pool", "encrypt"])
def test_a_damaged_chunk_is_found_by_whoever_reads_it(reader, damage, crops, files, tmp_path):
    _, pool = files
    (tmp_path / "work").mkdir()
    make_crops(tmp_path / "work")
    make_patches(crops, tmp_path / "work")
    store, array = {
        "key points": (tmp_path / "work/crops.zarr", "crops"),
        "pool": (tmp_path / "work/patches.zarr", "patches"),
        "encrypt": (pool, "patches"),
    }[reader]
    chunk = next(path for path in (store / array / "c").rglob("*") if path.is_file())
    chunk.write_bytes(DAMAGES[damage](chunk.read_bytes()))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(InstaHideError, match=rf"{store.name} has a damaged chunk .* remove it"):
        if reader == "key points":
            make_patches(store, out)
        elif reader == "pool":
            report = tmp_path / "work/crops.json"
            merge_pool(out / "pool.zarr", out / "r.json", [store], [report], most_skipped=0.5)
        else:
            open_pool(store).read(np.arange(10))
    assert list(out.iterdir()) == []


@pytest.mark.fault("damaged chunk in a store")
def test_a_lost_chunk_is_found_when_a_store_is_opened(files):
    _, pool = files
    next(path for path in (pool / "patches/c").rglob("*") if path.is_file()).unlink()
    with pytest.raises(InstaHideError, match="lacks chunks of 'patches'"):
        open_store(pool, POOL_ARRAYS)


@pytest.mark.fault("damaged array file")
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_array_file_is_named(share, files):
    private, _ = files
    data = private.read_bytes()
    private.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InstaHideError, match=r"set\.npz is not a readable"):
        load_sources(private, None, Key.from_seed(1), None)


LITTLE_MEMORY = """
import resource, sys
from instahide.files import save_npy
from instahide.jobs import job
import numpy as np

limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 50_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
with job("job.log"):
    save_npy("out.npy", np.ones(10**8))
"""


@pytest.mark.fault("out of memory")
def test_a_job_without_memory_ends_in_a_sentence_and_leaves_what_was_there(tmp_path):
    save_text(tmp_path / "out.npy", "from before")
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stderr == "error: not enough memory; give this job more\n"
    assert (tmp_path / "job.log").read_text(encoding="utf-8") == done.stderr
    assert (tmp_path / "out.npy").read_text(encoding="utf-8") == "from before"


@pytest.mark.fault("killed while it writes")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new_content(kind, tmp_path):
    seen, steps, ended = set(), 0, False
    while not ended:
        path = tmp_path / str(steps) / "out"
        write(kind, path, "old")
        ended = killed_before_step(steps, lambda path=path: write(kind, path, "new"))
        # A folder has no name for the moment between two renames, a file always has one.
        if kind == "file" or path.exists():
            seen.add(
                (path / "zarr.json" if kind == "folder" else path).read_text(encoding="utf-8")
            )
        steps += 1
    assert seen == {"old", "new"}
    assert steps > 4


def write(kind, path, text):
    if kind == "file":
        save_text(path, text)
    else:
        with atomic_folder(path) as folder:
            (folder / "zarr.json").write_text(text, encoding="utf-8")


def killed_before_step(step, work):
    """Work in a child that is killed before its change number `step`; True: it got through."""
    child = os.fork()
    if not child:
        changes = itertools.count()

        def watch(event, _):
            if event in CHANGES and next(changes) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
