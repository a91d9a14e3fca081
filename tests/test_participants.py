"""What those who take part get: page, sample submission, the check of a file."""

import html
import json
import re
import shutil
import zipfile
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml

from instahide.challenge.folder import COMPANIONS, ChallengeFolder
from instahide.challenge.manifest import load_manifest, released
from instahide.challenge.verification import compare_release, verify_files
from instahide.cli import main
from instahide.config import check_config
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.files import sha256_of_file
from instahide.participants.checking import check_submission
from instahide.participants.forms import METADATA_SAMPLE
from instahide.participants.notice import LICENCE_UNNAMED, Notice
from instahide.participants.page import glimpses_of, participants_page
from instahide.participants.releasefile import decryption_shape, read_release
from instahide.participants.releasing import save_companions
from instahide.schema import load_schema
from instahide.scoring.submission import read_submission

SHAPE = (60, 8, 8, 3)
TOLD = b"team: Us\nattack: Ours\n"


def run(*arguments):
    """Run the command line; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code


@pytest.fixture
def challenge(files, tmp_path, capsys):
    """A challenge as `instahide encrypt` makes it."""
    private, pool = files
    out, seed = tmp_path / "spring", f"hex:{'5a' * 32}"
    options = ["--rows-per-image", 3, "--seed", seed, "--out", out]
    assert run("encrypt", "--private", private, "--public", pool, *options) == 0
    capsys.readouterr()
    return ChallengeFolder(out)


@pytest.fixture
def alone(challenge, tmp_path):
    """The release, unpacked far from its secrets."""
    with zipfile.ZipFile(challenge.release) as archive:
        archive.extractall(tmp_path / "theirs")
    return ChallengeFolder(tmp_path / "theirs" / "challenge")


def zipped(path, **contents):
    """Write a zip of members by names, `__` for `/` and `_` for `.`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return path


def as_npy(array, tmp_path):
    np.save(tmp_path / "array.npy", array)
    return (tmp_path / "array.npy").read_bytes()


def photos(dtype=np.float32):
    return np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(dtype)


class Page(HTMLParser):
    """The texts, pictures and addresses of a page."""

    def __init__(self, page):
        super().__init__()
        self.text, self.images, self.links, self.tags = "", [], [], set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.add(tag)
        self.images += [named["src"]] if tag == "img" else []
        self.links += [named["href"]] if "href" in named else []

    def handle_data(self, data):
        self.text += data


def test_the_page_tells_every_file_with_shape_type_and_digest(challenge):
    page = Page(challenge.participants.read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    for path in (challenge.encryption, challenge.label, challenge.manifest, challenge.sample):
        assert path.name in text
        assert sha256_of_file(path) in text
    assert "60 × 8 × 8 × 3" in text and "60 × 4" in text and "float32" in text
    assert "(60, 8, 8, 3)" in text  # of a decryption
    assert "The InstaHide challenge “spring”" in text
    assert "20 private images of 8 × 8 pixels in colour, in 4 classes" in text
    assert "two private images with 4 public ones" in text
    assert LICENCE_UNNAMED in text
    assert "check-submission" in text and METADATA_SAMPLE in page.text


def test_the_page_needs_nothing_else_and_runs_nothing(challenge):
    text = challenge.participants.read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.images) == 24 and len(set(page.images)) == 24
    assert all(one.startswith("data:image/png;base64,") for one in page.images)
    assert not page.links and not page.tags & {"script", "link", "iframe", "object"}
    assert "default-src 'none'" in html.unescape(text)


def test_page_and_sample_are_made_of_the_release_alone(challenge, alone):
    """Without secrets they come out the same, byte for byte: they hold none."""
    expected = {name: (challenge.path / name).read_bytes() for name in COMPANIONS}
    for name in COMPANIONS:
        (alone.path / name).unlink()
    assert not alone.seed.exists()
    save_companions(alone, Notice("The InstaHide challenge “spring”"))
    assert {name: (alone.path / name).read_bytes() for name in COMPANIONS} == expected


def test_rules_and_licence_are_shown_and_escaped(challenge):
    notice = Notice("<b>T", "<i>CC BY 4.0", "2026-12-31T23:59:59Z", 2, public_half=True)
    page = participants_page(challenge, notice)
    text = Page(page).text
    assert "<b>T" in text and "<i>CC BY 4.0" in text and LICENCE_UNNAMED not in text
    assert "Hand in until 2026-12-31, 23:59:59 UTC." in text
    assert "2 files are scored" in text and "nobody is told which" in text


@pytest.mark.parametrize("deadline", ["tomorrow", "2026-12-31", "2026-12-31T10:00:00+01:00"])
def test_a_deadline_that_is_no_time_in_utc_is_refused(challenge, capsys, deadline):
    assert run("release", challenge.path, "--deadline", deadline, "--force") == 2
    assert "no time in UTC" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (Scheme("inside", k=3, rows_per_image=1), "mixed 3 private images"),
        (Scheme("mixup", k=3, rows_per_image=1), "two private images with 1 public one, each"),
        (Scheme("cross", k=2, c1=0.9, rows_per_image=1), "mixed two private images, each"),
    ],
)
def test_other_schemes_have_their_own_words(files, tmp_path, scheme, expected):
    from instahide.challenge.making import make_challenge
    from instahide.randomness.keystream import Key

    private, pool = files
    pool = None if scheme.inside else pool
    made = make_challenge(tmp_path / "x", private, pool, Key.from_seed(1), of_scheme(scheme))
    text = Page(participants_page(made, Notice())).text
    assert expected in text
    assert ("flipped the sign" in text) == scheme.name.startswith(("inside", "cross"))


@pytest.mark.parametrize("shape", [(5, 8, 8, 3), (40, 4, 4, 1)])
def test_encryptions_are_shown_as_they_are_and_without_signs(shape):
    rows = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    found = glimpses_of(rows)
    assert found[0].row == 0 and found[-1].row == shape[0] - 1
    assert len(found) == min(12, shape[0])
    same = glimpses_of(np.abs(rows))
    assert [one.absolute for one in found] == [one.absolute for one in same]
    assert [one.encryption for one in found] != [one.encryption for one in same]


@pytest.mark.parametrize("rows", [np.zeros((9, 16), np.float32), np.zeros((9, 4, 4, 3), int)])
def test_what_is_no_picture_is_not_shown(rows):
    assert glimpses_of(rows) == []


def test_the_release_is_verified_with_and_without_companions(challenge, files):
    from instahide.challenge.folder import load_seed, save_release

    def passed():
        chosen = of_scheme(Scheme(rows_per_image=3))
        return verify_files(challenge, *files, load_seed(challenge.seed), chosen).passed

    names = released(load_manifest(challenge))
    assert passed()
    save_release(challenge, names)  # as releases were
    assert passed()
    save_release(challenge, [*names, *COMPANIONS])
    challenge.participants.write_text("other", encoding="utf-8")
    assert compare_release(challenge, names) == "holds another participants.html"
    challenge.participants.unlink()
    assert "nothing beside it to compare" in compare_release(challenge, names)


def test_a_release_is_made_again_only_when_told_so(challenge, capsys):
    before = challenge.release.read_bytes()
    manifest = challenge.manifest.read_bytes()
    assert run("release", challenge.path) == 0
    assert challenge.release.read_bytes() == before
    assert run("release", challenge.path, "--licence", "CC0") == 2
    assert "--force" in capsys.readouterr().err
    assert run("release", challenge.path, "--licence", "CC0", "--force") == 0
    assert challenge.release.read_bytes() != before
    assert challenge.manifest.read_bytes() == manifest
    assert compare_release(challenge, released(load_manifest(challenge))) == "identical"


# ---- the sample, and the check


def test_the_sample_is_small_grey_and_valid(challenge):
    assert challenge.sample.stat().st_size < 5000
    read = read_submission(challenge.sample, shape=SHAPE)
    assert not read.decryption.any()
    with zipfile.ZipFile(challenge.sample) as archive:
        told = yaml.safe_load(archive.read("submission.yaml"))
    assert told["team"] and told["attack"]
    assert set(told["given"]) == {
        "labels", "images", "public_distribution", "public_pool", "generator"
    }  # fmt: skip
    found = check_submission(challenge.sample, challenge.release)
    assert found.ready and found.told == told
    assert found.range == (0, 0) and len(found.notes) == 1


def test_the_release_is_read_as_zip_and_unpacked(challenge, alone):
    manifest = json.loads(challenge.manifest.read_text(encoding="utf-8"))
    for place in (challenge.release, challenge.path, alone.path, alone.path.parent):
        assert read_release(place) == manifest
    assert decryption_shape(manifest) == SHAPE


def test_what_was_understood_is_said(alone, tmp_path, capsys):
    mine = zipped(
        tmp_path / "mine.zip",
        decryption_npy=as_npy(photos(np.float64), tmp_path),
        submission_yaml="team: AB\nattack: Ours\ncost: {cpu_seconds: 5}\n",
    )
    assert run("check-submission", mine, alone.path) == 0
    told = capsys.readouterr().out
    assert "decryption.npy: float64, 60 × 8 × 8 × 3" in told
    assert "team: AB\n" in told and "cost: cpu_seconds 5\n" in told
    assert re.search(r"values: -0\.99\d+ to 0\.99\d+\n", told)
    assert "can be handed in" in told and "note:" not in told


def test_a_bare_array_is_understood_but_not_ready(alone, tmp_path, capsys):
    np.save(tmp_path / "mine.npy", photos(np.float16))
    assert run("check-submission", tmp_path / "mine.npy", alone.path) == 1
    told = capsys.readouterr().out
    assert "mine.npy: float16" in told and "submission.yaml" in told
    nameless = zipped(tmp_path / "mine.zip", decryption_npy=as_npy(photos(), tmp_path))
    assert run("check-submission", nameless, alone.path) == 1


@pytest.mark.parametrize(
    ("array", "others", "expected"),
    [
        (photos()[:, :, :, :1], {"submission_yaml": TOLD}, "shape"),
        (photos()[:5], {"submission_yaml": TOLD}, "one image is expected for each of the 60"),
        ((photos() + 1) / 2, {"submission_yaml": TOLD}, "looks like 0 to 1"),
        (photos() * np.nan, {"submission_yaml": TOLD}, "NaN"),
        (photos(), {"submission_yaml": b"attack: Ours"}, "lacks team"),
        (photos(), {"submission_yaml": b"team: 5\nattack: Ours"}, "not of type 'string'"),
        (photos(), {"submission_yaml": TOLD + b"colour: red"}, "unknown key 'colour'"),
        (photos(), {"submission_yaml": b"- team"}, "not of type 'object'"),
        (photos(), {"submission_yaml": b""}, "lacks team, attack"),
        (photos(), {"submission_yaml": b"team: [\n"}, "no YAML"),
        (photos(), {"submission_yaml": b"team: \xff"}, "UTF-8"),
        (photos(), {"submission_yaml": b"team: &a b\nattack: *a"}, "alias"),
        (photos(), {"submission_yaml": b"#" * 20_000}, "bytes; shorten"),
        (photos(), {"other__submission_yaml": TOLD}, "not beside the array"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(alone, tmp_path, capsys, array, others, expected):
    mine = zipped(tmp_path / "mine.zip", decryption_npy=as_npy(array, tmp_path), **others)
    assert run("check-submission", mine, alone.path) == 2
    said = capsys.readouterr()
    assert expected in said.err and said.err.startswith("error: ") and said.out == ""
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b"PK nothing"), "is no release"),
        (lambda path: zipped(path, a_txt="x"), "is it a release?"),
        (lambda path: zipped(path, challenge__challenge_json="{}"), "format version"),
        (lambda path: zipped(path, challenge__challenge_json="{"), "no JSON"),
        (lambda path: zipped(path, challenge__challenge_json=b" " * 2**25), "bytes; shorten"),
    ],
)
def test_what_is_no_release_is_refused(challenge, tmp_path, capsys, spoil, expected):
    release = shutil.copy(challenge.release, tmp_path / "copy.zip")
    spoil(release)
    assert run("check-submission", challenge.sample, release) == 2
    assert expected in capsys.readouterr().err


# ---- the configuration


def configured(**keys):
    challenge = {"private": "set", "scheme": "inside", "k": 4} | keys
    private = {"set": {"source": {"bundled": True}, "images": 20}}
    given = {"image": {"size": 16}, "private": private, "challenges": {"one": challenge}}
    return check_config(given, load_schema())


def test_a_licence_is_a_line_of_text():
    given = configured(licence="CC BY 4.0")["challenges"]["one"]
    assert given["licence"] == "CC BY 4.0"
    for wrong in ("", "a\nb", 5):
        with pytest.raises(InstaHideError, match="licence"):
            configured(licence=wrong)


def test_a_licence_makes_no_other_challenge():
    from instahide.configurations import things
    from instahide.sweeps.naming import content_of

    plain, named = configured(), configured(licence="CC0")
    assert things(plain) == things(named)
    assert content_of(plain["challenges"]["one"]) == content_of(named["challenges"]["one"])
