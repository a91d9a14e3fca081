"""Finished files get their names: with which rights, and over what."""

import os
import stat

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.errors import InstaHideError
from instahide.files import (
    atomic,
    atomic_folder,
    close_folder,
    filled_folder,
    make_folder,
    save_json,
    save_npy,
    save_npz,
    save_text,
)
from instahide.placing import keeping, refuse_existing
from instahide.pool.stores import put_array, same_store

NAMES = ("a", "b", "deep/a", "deep/b")
TREES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["one", "two"]))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def tree(folder):
    """The content of all files of a folder by their names, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rights", [0o755, 0o775, 0o777, 0o1777])
def test_a_folder_that_is_there_keeps_its_rights(tmp_path, rights):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(rights)
    save_npz(folder / "set.npz", {"a": np.arange(3)}, secret=True)
    make_folder(folder, secret=True)
    assert mode(folder) == rights
    assert mode(folder / "set.npz") == 0o600


def test_a_folder_made_for_a_secret_is_its_owners(tmp_path):
    save_text(tmp_path / "open" / "secret" / "seed", "1\n", secret=True)
    assert mode(tmp_path / "open" / "secret") == 0o700
    assert mode(tmp_path / "open") == 0o777 & ~umask()
    (tmp_path / "ours").mkdir(mode=0o755)
    close_folder(tmp_path / "ours")
    assert mode(tmp_path / "ours") == 0o700


def umask():
    current = os.umask(0)
    os.umask(current)
    return current


def test_the_same_content_is_left_alone_and_other_content_is_kept(tmp_path):
    path = tmp_path / "a.json"
    save_json(path, {"a": 1})
    number = path.stat().st_ino
    with keeping():
        save_json(path, {"a": 1})
        assert path.stat().st_ino == number
        with pytest.raises(InstaHideError, match=r"a\.json exists, .* --force"):
            save_json(path, {"a": 2})
        assert tree(tmp_path) == {"a.json": '{\n  "a": 1\n}\n'}
        save_json(path, {"a": 2}, update=True)
    assert '"a": 2' in path.read_text(encoding="utf-8")
    save_json(path, {"a": 3})  # as a rule of the workflow does
    assert '"a": 3' in path.read_text(encoding="utf-8")


def test_a_secret_that_others_can_read_is_closed_even_if_it_is_the_same(tmp_path):
    path = tmp_path / "seed"
    path.write_text("1\n", encoding="utf-8")
    path.chmod(0o644)
    with keeping():
        save_text(path, "1\n", secret=True)
    assert mode(path) == 0o600


@pytest.mark.parametrize("place", ["/dev/null", "/", "."])
def test_what_is_no_file_is_never_replaced_by_one(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InstaHideError, match="name a file"):
        save_npy(place, np.arange(3))


@settings(deadline=None)
@given(there=TREES, made=TREES)
def test_files_join_a_folder_all_or_none(there, made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    fill(folder, there)
    clash = any(there.get(name, text) != text for name, text in made.items())
    try:
        with keeping(), filled_folder(folder) as temporary:
            fill(temporary, made)
    except InstaHideError:
        assert clash
        assert tree(folder) == there
    else:
        assert not clash
        assert tree(folder) == there | made
    with filled_folder(folder) as temporary:
        fill(temporary, made)
    assert tree(folder) == there | made


def test_folders_that_are_moved_keep_their_rights(tmp_path):
    for name in ("new", "there"):
        (tmp_path / "there").mkdir(exist_ok=True)
        with filled_folder(tmp_path / name) as temporary:
            save_text(temporary / "secret" / "seed", "1\n", secret=True)
        assert mode(tmp_path / name / "secret") == 0o700
        assert mode(tmp_path / name) == 0o777 & ~umask()


def test_an_error_leaves_nothing_but_what_was_there(tmp_path):
    fill(tmp_path, {"mine/a": "one"})
    for make in (atomic, atomic_folder, filled_folder):
        with pytest.raises(ZeroDivisionError), make(tmp_path / "x"):
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), filled_folder(tmp_path / "mine") as temporary:
        fill(temporary, {"b": "two"})
        raise ZeroDivisionError
    assert tree(tmp_path) == {"mine/a": "one"}


def test_what_is_in_the_way_is_named(tmp_path):
    refuse_existing(tmp_path)  # replaces what it likes outside of `keeping`
    with keeping():
        refuse_existing(tmp_path)  # nothing is there
        refuse_existing(tmp_path / "none")
        fill(tmp_path, dict.fromkeys("edcba", "text"))
        with pytest.raises(InstaHideError, match=r"holds a, b, c and 2 more; .*--force"):
            refuse_existing(tmp_path)
        with pytest.raises(InstaHideError, match=r"a exists; .*--force"):
            refuse_existing(tmp_path / "a")


def save_store(path, values, rows):
    with atomic_folder(path, same=lambda *stores: same_store(*stores, ["a"])) as temporary:
        group = zarr.open_group(temporary, mode="w")
        array = group.create_array("a", shape=values.shape, dtype="int64", chunks=(rows,))
        array[:] = values


def test_stores_are_compared_by_what_they_hold(tmp_path):
    path, values = tmp_path / "a.zarr", np.arange(10)
    save_store(path, values, 5)
    with keeping():
        save_store(path, values, 2)  # packed in another way
        with pytest.raises(InstaHideError, match=r"a\.zarr exists, has other content"):
            save_store(path, values[::-1], 5)
        np.testing.assert_array_equal(zarr.open_group(path, mode="r")["a"][:], values)
        next((path / "a" / "c").iterdir()).write_bytes(b"damaged")
        with pytest.raises(InstaHideError, match=r"a\.zarr exists, has other content"):
            save_store(path, values, 5)
    save_store(path, values[::-1], 5)
    np.testing.assert_array_equal(zarr.open_group(path, mode="r")["a"][:], values[::-1])
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


def test_a_store_behind_a_link_stays_where_it_is(tmp_path):
    with atomic_folder(tmp_path / "store") as temporary:
        put_array(zarr.open_group(temporary, mode="w"), "a", np.arange(3))
    (tmp_path / "link").symlink_to(tmp_path / "store")
    save_store(tmp_path / "link", np.arange(4), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "store"]
    assert zarr.open_group(tmp_path / "store", mode="r")["a"].shape == (3,)
