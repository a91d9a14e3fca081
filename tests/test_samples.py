"""The photos to start with, on disks that have no room for them."""

import resource
import signal

import pytest
from disks import small_disk

from instahide.errors import InstaHideError
from instahide.photos import samples
from instahide.photos.samples import save_samples
from instahide.placing import files_below, keeping


@pytest.fixture
def short_files():
    """Let no file grow beyond 10 kB, which root has to keep to as well."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_samples_that_cannot_be_written_whole_are_not_there(tmp_path, short_files):
    with pytest.raises(InstaHideError, match=r"cannot write .*File too large"):
        save_samples(tmp_path / "public", tmp_path / "private")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("full disk")
def test_a_full_disk_is_told_and_more_room_heals(tmp_path):
    with small_disk(tmp_path / "disk", kilobytes=1024) as disk:
        with pytest.raises(InstaHideError, match=r"cannot write .*No space left on device"):
            save_samples(disk.path / "public", disk.path / "private")
        assert list(disk.path.iterdir()) == []
        disk.remount("size=64m")
        save_samples(disk.path / "public", disk.path / "private")
        assert len(files_below(disk.path)) == 410


def test_a_photo_that_cannot_be_encoded_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(samples.cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(InstaHideError, match="cannot encode"):
        save_samples(tmp_path / "public", tmp_path / "private")
    assert list(tmp_path.iterdir()) == []


def test_samples_do_not_mix_with_other_photos(tmp_path):
    save_samples(tmp_path / "public", tmp_path / "private")
    with keeping():
        save_samples(tmp_path / "public", tmp_path / "private")
    (tmp_path / "private" / "cat" / "mine.png").write_bytes(b"precious")
    with pytest.raises(InstaHideError, match=r"private holds cat/mine\.png, which is none"):
        save_samples(tmp_path / "public", tmp_path / "private")
