import json
from html.parser import HTMLParser

import pytest
from test_leaderboard import content

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import save_private
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.leaderboard.of2020 import is_like_2020, reported_beside
from instahide.leaderboard.overview import save_overview
from instahide.leaderboard.records import encryption_digest
from instahide.leaderboard.sweepcolumns import manifest_cells
from instahide.randomness.keystream import Key


@pytest.fixture
def results(private, tmp_path):
    """Two challenges: one with an attack, another that knows more, and a submission."""
    save_private(tmp_path / "set.npz", private)
    for seed, name in enumerate(("first", "a b")):
        given = Scheme("inside", k=3, rows_per_image=2)
        out = tmp_path / "results" / name
        make_challenge(out, tmp_path / "set.npz", None, Key.from_seed(seed), of_scheme(given))
    record(
        tmp_path, "first", "attacks/weak/record.json", 0.4, attack="weak", given=known("none")
    )
    record(
        tmp_path, "first", "attacks/good/record.json", 0.6, attack="good", given=known("none")
    )
    record(tmp_path, "first", "attacks/top/record.json", 0.9, attack="top")
    record(tmp_path, "first", "attacks/mean/record.json", 0.95, attack="mean", baseline=True)
    theirs = "<b>theirs</b>|x"
    record(tmp_path, "first", "submissions/t.json", 0.7, attack=theirs, given=known("none"))
    record(tmp_path, "a b", "attacks/mean/record.json", 0.2, attack="mean", baseline=True)
    return tmp_path / "results"


ATTACKS = {"first": ["weak", "good", "top", "mean"], "a b": ["mean"]}


def known(labels):
    return content()["given"] | {"labels": labels, "public_distribution": True}


def record(folder, challenge, place, score, **others):
    path = folder / "results" / challenge / place
    path.parent.mkdir(parents=True, exist_ok=True)
    made = ChallengeFolder(folder / "results" / challenge)
    digest = encryption_digest(load_manifest(made))
    path.write_text(json.dumps(content(score, challenge=digest, **others)), encoding="utf-8")


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for key, value in attributes if key == "href"]

    def handle_data(self, data):
        self.text += data


def test_each_challenge_has_a_row_with_its_best_attacks(results):
    save_overview(results, ATTACKS)
    page = Links((results / "index.html").read_text(encoding="utf-8"))
    assert page.found == [
        "first/leaderboard.html",
        "first/attacks/top/gallery.png",
        "first/leaderboard.html",
        "first/attacks/top/gallery.png",
        "first/challenge.json",
        "a%20b/leaderboard.html",
        "a%20b/leaderboard.html",
        "a%20b/challenge.json",
    ]
    assert "photos of the same kind, no labels" in page.text
    assert "0.900" in page.text and "0.700" in page.text
    for beaten in ("weak", "good", "0.950"):
        assert beaten not in page.text
    assert "no attack yet, baselines only" in page.text
    assert "<b>theirs</b>|x" in page.text  # as text: it was escaped


def test_the_markdown_tells_the_same(results):
    save_overview(results, ATTACKS)
    lines = (results / "index.md").read_text(encoding="utf-8").splitlines()
    row = next(line for line in lines if line.startswith("| [first]"))
    assert "[top](first/attacks/top/gallery.png) 0.900 (0.000–1.000): no photos" in row
    assert "&lt;b&gt;theirs&lt;/b&gt;\\|x 0.700" in row
    assert row.replace("\\|", "").count("|") == 6
    assert "| 1 |" in row


def test_sweeps_are_listed_with_what_there_is(results):
    for name in ("rows.csv", "rows/curves/max_ssim-by-T.png", "rows/plane.png"):
        path = results / "sweeps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    save_overview(results, {}, ["rows"])
    page = Links((results / "index.html").read_text(encoding="utf-8"))
    assert page.found == [
        "sweeps/rows.csv",
        "sweeps/rows/curves/max_ssim-by-T.png",
        "sweeps/rows/plane.png",
    ]
    for name in ("index.html", "index.md"):
        assert "no challenges besides" in (results / name).read_text(encoding="utf-8")


def test_records_of_another_challenge_are_refused(results):
    path = results / "first/submissions/t.json"
    path.write_text(json.dumps(content(0.99)), encoding="utf-8")
    with pytest.raises(InstaHideError, match="is a record of another challenge"):
        save_overview(results, ATTACKS)
    assert not (results / "index.html").exists()


# ---- what was reported in 2020

LIKE = {
    "scheme": {"name": "cross", "k": 6, "c1": 0.65, "c2": 0.3, "rows_per_image": 50},
    "generator": "aes256-ctr",
    "images": 100,
    "image_shape": [32, 32, 3],
    "pool": {"patches": 9000, "sha256": "ab" * 32},
}


def test_reported_results_stand_beside_their_like():
    assert [record.attack for record in reported_beside(LIKE)] == [
        "Carlini et al. ver.1",
        "Carlini et al. ver.2",
        "PRNG attack",
    ]
    assert len(reported_beside(LIKE | {"generator": "mt19937-2020"})) == 3
    assert len(reported_beside(LIKE | {"augmentation": {"flip": False, "fill": "black"}})) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"scheme": LIKE["scheme"] | {"k": 4}},
        {"scheme": LIKE["scheme"] | {"rows_per_image": 20}},
        {"scheme": LIKE["scheme"] | {"name": "mixup"}},
        {"images": 99},
        {"image_shape": [32, 32, 1]},
        {"image_shape": [32, 30, 3]},
        {"pool": None},
        {"augmentation": {"flip": True}},
        {"treatment": "gaussian=0.1"},
    ],
)
def test_they_do_not_stand_elsewhere_but_where_asked_for(other):
    assert not is_like_2020(manifest_cells(LIKE | other))
    assert reported_beside(LIKE | other) == []
    assert len(reported_beside(LIKE | other, asked=True)) == 3


def test_other_encodings_are_not_that_of_2020():
    other = {key: LIKE[key] for key in ("images", "image_shape", "pool")}
    other["encoding"] = {"name": "dp-instahide", "options": {"k": 6, "rows_per_image": 50}}
    assert reported_beside(other) == []
    told = manifest_cells(other)
    assert (told["T"], told["k"], told["encoding"]) == (50, 6, "dp-instahide")
