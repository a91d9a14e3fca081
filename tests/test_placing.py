"""Finished files get their names: with which rights, and over what."""

import os
import stat

import numpy as np
import pytest

from instahide.files import close_folder, make_folder, save_npz, save_text


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


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
