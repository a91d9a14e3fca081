"""The tutorial about training runs from top to bottom."""

import pytest
from pagecode import run_page

pytest.importorskip("torch")


@pytest.mark.slow
def test_train_on_encryptions(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names = run_page("tutorials/train.md", tmp_path)
    assert (names["row"] == names["challenge"].encryption[7]).all()
    assert names["result"].metrics["max_ssim"].mean > 0.9
