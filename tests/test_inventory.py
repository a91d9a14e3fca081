import os
import shutil
import subprocess
import sys

import pytest

from instahide.errors import InstaHideError
from instahide.photos.inventory import inventory, walk_files


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "photos"
    for name, size in {"a/1.jpg": 3, "a/b/2.png": 5, "z.txt": 0}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(bytes(size))
    return root


def test_files_are_found_with_their_sizes(tree):
    assert sorted(walk_files(tree)) == [("a/1.jpg", 3), ("a/b/2.png", 5), ("z.txt", 0)]


def test_hidden_files_and_links_are_left_out(tree, tmp_path):
    before = inventory(tree)
    (tree / ".hidden").write_bytes(b"1")
    (tree / ".folder").mkdir()
    (tree / ".folder" / "3.jpg").write_bytes(b"1")
    (tree / "loop").symlink_to(tree)
    (tree / "outside.jpg").symlink_to("/etc/passwd")
    (tree / "again.jpg").symlink_to(tree / "a" / "1.jpg")
    os.mkfifo(tree / "pipe.jpg")
    assert inventory(tree) == before


def test_times_and_places_do_not_count(tree, tmp_path):
    before = inventory(tree)
    os.utime(tree / "a" / "1.jpg", (1, 1))
    copy = shutil.copytree(tree, tmp_path / "elsewhere")
    assert inventory(tree) == inventory(copy) == inventory(str(copy)) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "a/1.jpg").write_bytes(bytes(4)),
        lambda tree: (tree / "a/1.jpg").rename(tree / "a/3.jpg"),
        lambda tree: (tree / "a/1.jpg").unlink(),
        lambda tree: (tree / "new.jpg").write_bytes(b""),
    ],
    ids=["size", "name", "fewer", "more"],
)
def test_every_change_of_names_or_sizes_counts(tree, change):
    before = inventory(tree)
    change(tree)
    assert inventory(tree) != before


def test_a_file_is_known_by_name_and_size(tmp_path):
    archive, other = tmp_path / "photos.tar", tmp_path / "other.tar"
    archive.write_bytes(b"12")
    other.write_bytes(b"12")
    before = inventory(archive)
    assert before != inventory(other)
    archive.write_bytes(b"34")
    assert inventory(archive) == before
    archive.write_bytes(b"345")
    assert inventory(archive) != before


def test_names_that_are_not_utf8_count_too(tree):
    before = inventory(tree)
    with open(os.path.join(os.fsencode(tree), b"\xff.jpg"), "wb"):
        pass
    assert inventory(tree) != before


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(InstaHideError, match=r"nowhere does not exist"):
        inventory(tmp_path / "nowhere")


def test_what_is_neither_folder_nor_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InstaHideError, match="pipe is not a regular file"):
        inventory(tmp_path / "pipe")


def test_nothing_heavy_is_imported():
    code = (
        "import instahide.photos.inventory, sys;"
        "print('numpy' in sys.modules, 'cv2' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert result.stdout.split() == ["False", "False"]
