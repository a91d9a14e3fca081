"""The page that a report opens on."""

import re
import stat

import numpy as np
import pytest
from test_leaderboard import content
from test_overview import ATTACKS, known, record, results  # noqa: F401

from instahide.challenge.folder import ChallengeFolder
from instahide.files import save_npy
from instahide.leaderboard.overview import best_by_knowledge
from instahide.leaderboard.records import parse_record
from instahide.leaderboard.reportpage import (
    found_in_words,
    save_report_page,
)


@pytest.fixture
def page(results, tmp_path):  # noqa: F811
    for name, attacks in ATTACKS.items():
        folder = ChallengeFolder(results / name)
        rows = np.load(folder.encryption)
        for attack in attacks:
            save_npy(results / name / "attacks" / attack / "decryption.npy", rows)
    (tmp_path / "pipeline.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "T.png").write_bytes(b"png")
    out = tmp_path / "report.html"
    pictures = {"Sweep demo": tmp_path / "curves", "pipeline": tmp_path / "pipeline.svg"}
    save_report_page(out, results, ATTACKS, pictures, "workflow.html")
    return out


def test_it_opens_on_what_was_found_and_ends_with_the_pipeline(page):
    text = page.read_text(encoding="utf-8")
    places = [
        text.index(what)
        for what in (
            "This page shows private images",
            "Without any of the public images that were mixed in, the attack top",
            'id="board-1"',
            "Sweep demo: T",
            'id="images-1"',
            'id="pipeline"',
            'href="workflow.html"',
        )
    ]
    assert places == sorted(places)
    assert "only baselines" in text  # of the second challenge


def test_only_its_maker_may_read_it_and_nothing_comes_from_elsewhere(page):
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text(encoding="utf-8")
    assert "<b>theirs</b>" not in text and "&lt;b&gt;theirs&lt;/b&gt;|x" in text
    assert all(
        source.startswith("data:image/") for source in re.findall(r'src="([^"]*)"', text)
    )
    assert all('alt="' in image for image in re.findall(r"<img [^>]*>", text))


def test_every_picture_of_a_row_is_explained(page):
    text = page.read_text(encoding="utf-8")
    assert "on top stands the one that is most like what was recovered" in text
    for word in ("private", "recovered", "encryption"):
        assert f"<small>{word}</small>" in text


def test_sentences_say_what_each_attacker_reached():
    pool = known("coefficients") | {"public_pool": True}
    given = [
        content(0.3, attack="mean", baseline=True),
        content(0.9, attack="whitened", given=known("coefficients")),
        content(0.5, attack="weaker", given=known("coefficients")),
        content(1.0, attack="pool", given=pool),
    ]
    found = [parse_record(one, "record") for one in given]
    said = " ".join(found_in_words("c", 100, 5000, found))
    assert "100 private images are hidden in 5,000 released rows" in said
    assert "the attack whitened recovered the private ones with a Max_SSIM of 0.90" in said
    assert "0.30 is what the mean of all private images gets" in said
    assert "reached 1.00 (pool)" in said
    assert list(best_by_knowledge(found).values()) == [3, 1]
    assert "only baselines" in " ".join(found_in_words("c", 100, 5000, found[:1]))
