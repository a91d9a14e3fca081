"""Bundles for platforms: each is run here the way its platform runs it."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from smallchallenge import make_small, photos

from instahide.challenge.private import load_private
from instahide.cli import main
from instahide.codehash import PACKAGE
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.hosting.codabench import COMMAND
from instahide.hosting.evalai import HTML_PAGES, SPLIT
from instahide.hosting.packing import SCORING_LIBRARIES, program_files
from instahide.hosting.pages import Hosting
from instahide.hosting.program import SHOWN_COLUMNS
from instahide.hosting.smallmarkdown import markdown_as_html
from instahide.images import to_bytes, to_unit_range
from instahide.scoring.submission import read_submission

DATES = ("--start", "2027-01-31", "--end", "2027-02-28 18:00")
WISHES = {
    "codabench": ("--image", "somebody/scoring:1"),
    "evalai": ("--url", "https://example.org/release.zip"),
}
SEED = "hex:" + "4f" * 32
GREY = np.full((1, 8, 8, 3), 9, np.uint8)
#: What a process of the platform has: no path to this checkout.
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C"}


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code


def save(place, content):
    """Write a submission's zip of arrays, texts and bytes by name."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            if isinstance(part, np.ndarray):
                file = io.BytesIO()
                np.save(file, part)
                part = file.getvalue()
            archive.writestr(name, part)
    return place


def unzip(path, place):
    """Unpack as the platforms do."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(place)
    return place


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A challenge, its bundles, and submissions."""
    root = tmp_path_factory.mktemp("hosting")
    challenge, *_ = make_small(root)
    (challenge / "secret/seed").write_text(SEED, encoding="utf-8")  # one that can be found
    for platform, wishes in WISHES.items():
        out = root / f"{platform}.zip"
        assert run("bundle", platform, challenge, "--out", out, *DATES, *wishes) == 0
        unzip(out, root / platform)
    images = load_private(challenge / "secret/private.npz").images
    pairs = load_plan(challenge / "secret/truth.npz").members
    noise = np.random.default_rng(5).normal(0, 0.3, images.shape)
    found = to_bytes((to_unit_range(images) + noise).astype(np.float32))
    save(root / "small.zip", {"images.npy": found, "members.npy": pairs})
    save(root / "bytes.zip", {"mine/decryption.npy": found[pairs[:, 1]], "readme": "me"})
    save(root / "turned.zip", {"decryption.npy": to_unit_range(found)[pairs[::-1, 0]]})
    return root


def expected(made, name, capsys):
    capsys.readouterr()
    assert run("score", made / name, made / "challenge", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    ends = {"low": told["max_ssim"]["low"], "high": told["max_ssim"]["high"]}
    return {key: told[key]["mean"] for key in SHOWN_COLUMNS if key in told} | ends


# Codabench.


def on_codabench(made, place, submission):
    """Lay out the folders of a scoring run and run the command of metadata.yaml in them."""
    bundle, app = made / "codabench", place / "app"
    (app / "output").mkdir(parents=True)
    about = yaml.safe_load((bundle / "competition.yaml").read_text(encoding="utf-8"))
    task = about["tasks"][0]
    unzip(bundle / task["scoring_program"], app / "program")
    unzip(bundle / task["reference_data"], app / "input/ref")
    unzip(submission, app / "input/res")
    command = yaml.safe_load((app / "program/metadata.yaml").read_text(encoding="utf-8"))
    words = [word.replace("/app/", f"{app}/") for word in command["command"].split()]
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=app / "program", env=CLEAN,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    return done, app / "output/scores.json"


@pytest.mark.parametrize("name", ["small.zip", "bytes.zip"])
def test_codabench_scores_what_the_command_line_scores(made, tmp_path, capsys, name):
    done, scores = on_codabench(made, tmp_path, made / name)
    assert done.returncode == 0, done.stderr
    found = json.loads(scores.read_text(encoding="utf-8"))
    assert found == expected(made, name, capsys)
    assert 0.2 < found["max_ssim"] < 1
    about = yaml.safe_load((made / "codabench/competition.yaml").read_text(encoding="utf-8"))
    columns = about["leaderboards"][0]["columns"]
    assert [column["key"] for column in columns] == list(found)
    assert [column["title"] for column in columns][:2] == ["Max_SSIM", "Mean_SSIM"]
    assert [c["key"] for c in columns if c["sorting"] == "asc"] == [
        "min_l2",
        "max_l2",
        "mean_l2",
    ]


def test_a_hint_is_told_and_no_truth(made, tmp_path):
    done, _ = on_codabench(made, tmp_path, made / "turned.zip")
    assert "hint: the rows seem to be in reverse order" in done.stdout
    assert "private_" not in done.stdout and done.stderr == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"readme": "x"}, "no files named decryption.npy"),
        ({"decryption.npy": np.zeros((3, 8, 8, 3), np.uint8)}, "one image is expected for"),
        ({"decryption.npy": np.zeros((120, 8, 8, 3), "O")}, "holds the type"),
        ({"decryption.npy": np.full((120, 8, 8, 3), 0.5)}, "[-1, 1]"),
        ({"images.npy": GREY, "members.npy": np.ones((120, 2), int)}, "images [1, 1] in row 0"),
        ({"mine.zip": b"PK"}, "holds another zip"),
    ],
)  # fmt: skip
def test_a_submission_that_is_none_ends_in_a_sentence(made, tmp_path, content, says):
    done, scores = on_codabench(made, tmp_path, save(tmp_path / "bad.zip", content))
    assert done.returncode == 2 and not scores.exists() and done.stdout == ""
    assert done.stderr.startswith("refused: ") and done.stderr.count("\n") == 1
    assert says in done.stderr


def test_a_program_that_fails_says_so_without_a_traceback(made, tmp_path):
    bundle = made / "codabench"
    program = unzip(bundle / "scoring_program.zip", tmp_path / "program")
    broken = program / "instahide/scoring/metrics.py"
    text = broken.read_text(encoding="utf-8")
    text = text.replace(
        "def challenge_scores(", "def challenge_scores(*_):\n    1 / 0\ndef old("
    )
    broken.write_text(text, encoding="utf-8")
    place = [unzip(bundle / "reference_data.zip", tmp_path / "ref")]
    place += [unzip(made / "small.zip", tmp_path / "res"), tmp_path]
    done = subprocess.run(
        [sys.executable, program / "score.py", *place], env=CLEAN,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "failed (ZeroDivisionError, metrics.py line" in done.stderr
    assert "tell the organisers" in done.stderr


BLOCKED = """
import sys
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = {*sys.stdlib_module_names, "instahide", *sys.argv.pop().split(",")} \
            if not hasattr(self, "known") else self.known
        self.known = known
        if top not in known:
            raise ModuleNotFoundError(name, name=top)
sys.meta_path.insert(0, Only())
script = sys.argv[1]
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(script, run_name="__main__")
"""


def run_with(made, tmp_path, modules):
    bundle = made / "codabench"
    program = unzip(bundle / "scoring_program.zip", tmp_path / "program")
    place = [unzip(bundle / "reference_data.zip", tmp_path / "ref")]
    place += [unzip(made / "small.zip", tmp_path / "res"), tmp_path]
    command = [sys.executable, "-c", BLOCKED, program / "score.py", *place, modules]
    return subprocess.run(
        list(map(str, command)), env=CLEAN, capture_output=True, text=True, encoding="utf-8"
    )


def test_the_program_needs_no_library_that_the_image_lacks(made, tmp_path):
    assert SCORING_LIBRARIES == ("numpy", "scipy", "numba", "opencv-python-headless")
    done = run_with(made, tmp_path, "numpy,scipy,numba,llvmlite,cv2")
    assert done.returncode == 0, done.stderr
    text = (made / "codabench/Dockerfile").read_text(encoding="utf-8")
    assert f"numpy=={np.__version__} " in text
    assert all(f" {library}==" in text for library in SCORING_LIBRARIES)


def test_a_missing_library_is_a_sentence(made, tmp_path):
    done = run_with(made, tmp_path, "numpy,scipy")
    assert done.returncode == 1
    assert done.stderr.startswith("scoring lacks a library (") and done.stderr.count("\n") == 1


def test_the_program_carries_this_package_as_it_is():
    files = {name: part for name, part in program_files().items() if name.endswith(".py")}
    del files["score.py"]
    assert "instahide/scoring/score.py" in files
    for name, part in files.items():
        assert part == (PACKAGE.parent / name).read_bytes()
    assert not [name for name in files if "attacks" in name or "leaderboard" in name]


def test_the_competition_names_only_what_is_there(made):
    bundle = made / "codabench"
    about = yaml.safe_load((bundle / "competition.yaml").read_text(encoding="utf-8"))
    assert about["version"] == 2 and about["docker_image"] == "somebody/scoring:1"
    files = [about["image"], about["terms"], *(page["file"] for page in about["pages"])]
    files += [about["phases"][0]["starting_kit"], about["solutions"][0]["path"]]
    for file in files:
        assert (bundle / file).stat().st_size > 100
    phase = about["phases"][0]
    assert phase["accepts_only_result_submissions"] is True
    assert (phase["start"], phase["end"]) == ("2027-01-31 00:00:00", "2027-02-28 18:00:00")
    assert (phase["max_submissions_per_day"], phase["max_submissions"]) == (5, 100)
    assert COMMAND.startswith("python3 /app/program/score.py")


def test_the_starting_kit_has_the_release_and_a_sample_that_scores(made, tmp_path):
    kit = unzip(made / "codabench/starting_kit.zip", tmp_path / "kit")
    released = (made / "challenge/release.zip").read_bytes()
    assert (kit / "release.zip").read_bytes() == released
    assert (kit / "sample_submission.zip").stat().st_size < 2000
    done, scores = on_codabench(made, tmp_path, kit / "sample_submission.zip")
    assert done.returncode == 0, done.stderr
    assert json.loads(scores.read_text(encoding="utf-8"))["max_ssim"] < 0.5


# EvalAI: the worker imports the script as a package, and calls its function.

WORKER = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
module = importlib.import_module("challenge_data.challenge_1")
output = module.evaluate(*sys.argv[2:4], "challenge", submission_metadata={"id": 1})
open(sys.argv[4], "w").write(json.dumps(output))
"""


def on_evalai(made, place, submission):
    bundle, data = made / "evalai", place / "compute/challenge_data"
    about = yaml.safe_load((bundle / "challenge_config.yaml").read_text(encoding="utf-8"))
    unzip(bundle / about["evaluation_script"], data / "challenge_1")
    (data / "__init__.py").touch()
    annotation = bundle / about["challenge_phases"][0]["test_annotation_file"]
    arguments = [place / "compute", annotation, submission, place / "output.json"]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *map(str, arguments)], env=CLEAN, cwd=place,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    return done, json.loads((place / "output.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["small.zip", "bytes.zip"])
def test_evalai_scores_what_the_command_line_scores(made, tmp_path, capsys, name):
    done, output = on_evalai(made, tmp_path, made / name)
    assert done.returncode == 0, done.stderr
    about = yaml.safe_load((made / "evalai/challenge_config.yaml").read_text(encoding="utf-8"))
    titled = {SHOWN_COLUMNS[k]: v for k, v in expected(made, name, capsys).items()}
    assert output["result"] == [{SPLIT: titled}]
    assert about["dataset_splits"][0]["codename"] == SPLIT
    assert about["leaderboard"][0]["schema"]["labels"] == list(titled)


def test_evalai_takes_a_plain_array(made, tmp_path):
    np.save(tmp_path / "mine.npy", to_unit_range(photos(9, 120)))
    _, output = on_evalai(made, tmp_path, tmp_path / "mine.npy")
    assert 0 < output["result"][0][SPLIT]["Max_SSIM"] < 1


def test_evalai_gets_no_result_and_a_sentence_for_what_is_none(made, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04")
    done, output = on_evalai(made, tmp_path, tmp_path / "bad.zip")
    assert done.returncode == 0 and "result" not in output  # EvalAI calls that failed
    assert output["submission_result"].startswith("refused: ")
    assert "damaged zip" in output["submission_result"]
    assert done.stderr.strip() == output["submission_result"]


def test_the_configuration_names_only_what_is_there(made):
    bundle = made / "evalai"
    about = yaml.safe_load((bundle / "challenge_config.yaml").read_text(encoding="utf-8"))
    phase = about["challenge_phases"][0]
    files = [about[key] for key in (*HTML_PAGES, "image", "evaluation_script")]
    for file in [*files, phase["description"], phase["test_annotation_file"]]:
        assert (bundle / file).stat().st_size > 10
    assert "https://example.org/release.zip" in (
        bundle / about["evaluation_details"]
    ).read_text(encoding="utf-8")


# What is secret.


@pytest.mark.parametrize("platform", WISHES)
def test_a_bundle_is_its_owners_and_the_truth_lies_in_one_place(made, platform):
    path = made / f"{platform}.zip"
    assert path.stat().st_mode & 0o777 == 0o600
    truth = (made / "challenge/secret/truth.npz").read_bytes()
    for name, content in everything(path):
        assert SEED[4:].encode() not in content and not name.endswith("seed")
        assert (truth in content) == name.endswith("reference_data.zip/truth.npz")
    with zipfile.ZipFile(path) as archive:
        modes = {e.filename: e.external_attr >> 16 & 0o777 for e in archive.infolist()}
    assert {n for n, mode in modes.items() if mode == 0o600} == {
        name for name in modes if name.endswith("reference_data.zip")
    }


def everything(path, above=""):
    """Yield all files of an archive, and of archives in it; not the packed ones themselves."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".zip"):
                yield from everything(io.BytesIO(content), f"{above}{name}/")
            else:
                yield above + name, content


def test_names_of_the_private_files_stay_at_home(made, tmp_path):
    place = unzip(made / "codabench/reference_data.zip", tmp_path)
    assert sorted(path.name for path in place.iterdir()) == ["private.npz", "truth.npz"]
    with np.load(place / "private.npz") as arrays:
        assert sorted(arrays) == ["class_names", "classes", "images"]


@pytest.mark.parametrize("platform", WISHES)
def test_equal_challenges_give_equal_bundles(made, tmp_path, platform):
    again = tmp_path / "again.zip"
    options = [platform, made / "challenge", "--out", again, *DATES, *WISHES[platform]]
    assert run("bundle", *options) == 0
    assert again.read_bytes() == (made / f"{platform}.zip").read_bytes()


# What is refused.


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("codabench", *DATES), "name it with --image"),
        (("evalai", *DATES), "say --url https://"),
        (("evalai", *DATES, "--url", "javascript:alert(1)"), "is not an address"),
        (("evalai", *DATES, "--url", 'https://x/">'), "is not an address"),
        (("evalai", "--start", "soon", "--end", "2027-01-01"), "'soon' is no date"),
        (("evalai", "--start", "2027-02-01", "--end", "2027-01-01"), "is not after the start"),
        (("evalai", *DATES, "--per-day", "0"), "let it be 1 or more a day"),
        (("evalai", *DATES, "--title", "a\nb"), "is not a line of text"),
    ],
)
def test_wishes_that_no_platform_fulfils(made, tmp_path, capsys, options, says):
    platform, *others = options
    out = tmp_path / "out.zip"
    assert run("bundle", platform, made / "challenge", "--out", out, *others) == 2
    assert says in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("file", ["challenge.json", "release.zip", "secret/truth.npz"])
def test_a_missing_file_is_named(tmp_path, capsys, file):
    challenge, *_ = make_small(tmp_path)
    (challenge / file).unlink()
    options = ["codabench", challenge, "--out", tmp_path / "o.zip", *DATES, "--image", "a/b"]
    assert run("bundle", *options) == 2
    assert f"{file} does not exist" in capsys.readouterr().err


def test_a_truth_of_another_challenge_is_refused(tmp_path, capsys):
    challenge, *_ = make_small(tmp_path)
    truth = challenge / "secret/truth.npz"
    with np.load(truth) as arrays:
        np.savez(truth, **{name: array[:50] for name, array in arrays.items()})
    options = ["codabench", challenge, "--out", tmp_path / "o.zip", *DATES, "--image", "a/b"]
    assert run("bundle", *options) == 2
    assert "truth.npz has 50 rows, and challenge.json 120" in capsys.readouterr().err


def test_another_bundle_is_not_replaced(made, tmp_path, capsys):
    out = tmp_path / "out.zip"
    out.write_bytes(b"mine")
    options = ["evalai", made / "challenge", "--out", out, *DATES, *WISHES["evalai"]]
    assert run("bundle", *options) == 2 and out.read_bytes() == b"mine"
    assert run("bundle", *options, "--force") == 0


# Pages.


def test_pages_are_html_without_what_others_wrote():
    text = "# A <b>\n\n- one `x<y`\n  goes on\n- **two**\n\n"
    text += "| a | b |\n| --- | --- |\n| <i> | 2 |\n"
    assert markdown_as_html(text) == (
        "<h1>A &lt;b&gt;</h1>\n"
        "<ul><li>one <code>x&lt;y</code> goes on</li><li><b>two</b></li></ul>\n"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>&lt;i&gt;</td><td>2</td></tr></table>\n"
    )
    fenced = markdown_as_html("```\na\n\n<b>\n```\n\nSee <https://x.org/a>.")
    assert fenced == (
        '<pre>a\n\n&lt;b&gt;</pre>\n<p>See <a href="https://x.org/a">https://x.org/a</a>.</p>\n'
    )


def test_the_snippet_of_the_pages_makes_a_submission(made, tmp_path, monkeypatch):
    page = (made / "codabench/pages/evaluation.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path("description.txt").write_text("me", encoding="utf-8")
    images = to_unit_range(photos(4, 12))
    members = np.arange(240).reshape(120, 2) % 12
    exec(page.split("```")[1], {"images": images, "members": members})
    found = read_submission("submission.zip", shape=(120, 8, 8, 3)).decryption
    np.testing.assert_array_equal(found, images[members[:, 0]])


def test_dates_are_kept_in_one_form():
    assert Hosting("a", "2027-01-31", "2027-01-31 00:01").end == "2027-01-31 00:01:00"
    with pytest.raises(InstaHideError, match="is no date"):
        Hosting("a", "2027-02-30", "2028-01-01")
