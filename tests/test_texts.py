"""Texts are UTF-8 whatever the locale: what is written, read, named and printed."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.selection import select_private
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.files import sha256_of_file
from instahide.participants.notice import notice_of
from instahide.participants.releasing import release_again
from instahide.photos.listing import list_photos
from instahide.pool.build import build_pool
from instahide.pool.crops import CropSettings
from instahide.randomness.keystream import Key

ROOT = Path(__file__).parents[1]
ROOMS = ("instahide", "workflow", "benchmarks", "docs", "examples", "tests")
TEXT_MODE = re.compile(r"[rwax+t]+")


def depends_on_locale(call):
    """Say whether a call opens a text without telling its encoding."""
    if any(word.arg in ("encoding", None) for word in call.keywords):
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in ("read_text", "write_text"):
        return True
    if name in ("run", "Popen", "check_output"):
        return any(word.arg in ("text", "universal_newlines") for word in call.keywords)
    if name not in ("open", "fdopen"):
        return False
    # `path.open(mode)`, but `open(path, mode)`
    place = 0 if isinstance(call.func, ast.Attribute) and name == "open" else 1
    modes = [word.value for word in call.keywords if word.arg == "mode"]
    modes += call.args[place : place + 1]
    return not modes or any(map(TEXT_MODE.fullmatch, strings(modes[0])))


def strings(node):
    """Return the texts in an expression; none in a variable, which is no mode but a name."""
    return [n.value for n in ast.walk(node) if isinstance(getattr(n, "value", None), str)]


def locale_dependent_lines(source):
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return sorted(call.lineno for call in calls if depends_on_locale(call))


@pytest.mark.parametrize("room", ROOMS)
def test_every_text_is_opened_with_its_encoding(room):
    found = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / room).rglob("*.py")
        if (lines := locale_dependent_lines(path.read_bytes()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("path.read_text()", [1]),
        ("path.read_text(encoding='utf-8')", []),
        ("path.write_text('a')", [1]),
        ("open(path)", [1]),
        ("open(path, 'w')", [1]),
        ("open(path, mode='a')", [1]),
        ("open(path, 'rb')", []),
        ("open(path, 'ab' if start else 'w')", [1]),
        ("open(path, 'ab' if start else 'wb')", []),
        ("open(path, 'w', **options)", []),
        ("path.open()", [1]),
        ("path.open('w')", [1]),
        ("path.open('rb')", []),
        ("archive.open('name.txt')", []),
        ("archive.open(name)", []),
        ("os.open(path, flags)", []),
        ("subprocess.run(command, text=True)", [1]),
        ("subprocess.run(command, text=True, encoding='utf-8')", []),
    ],
)
def test_texts_without_an_encoding_are_seen(source, found):
    assert locale_dependent_lines(source) == found


@pytest.fixture
def photos(tmp_path):
    """Two class folders, one of whose names is no ASCII."""
    images = np.random.default_rng(3).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    for number, image in enumerate(images):
        folder = tmp_path / "photos" / ("Çiğ", "raw")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"şekil {number}.png").write_bytes(cv2.imencode(".png", image)[1])
    return tmp_path / "photos"


def run_in_c_locale(*arguments):
    """Run a command where neither files nor names nor the terminal are UTF-8."""
    plain = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    return subprocess.run(
        [sys.executable, "-m", "instahide", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii:strict"} | plain,
        capture_output=True,
        encoding="utf-8",
    )


def test_a_challenge_is_the_same_in_every_locale(photos, tmp_path):
    key, scheme = Key.from_seed(1), Scheme("inside", k=2, rows_per_image=1)
    select_private(tmp_path / "a.npz", photos, key, count=4, size=32, channels=3)
    make_challenge(tmp_path / "a", tmp_path / "a.npz", None, key, of_scheme(scheme))
    out = tmp_path / "b.npz"
    done = run_in_c_locale("private", photos, "--out", out, "--images", 4, "--seed", 1)
    assert done.returncode == 0, done.stderr
    scheme = ["--scheme", "inside", "--k", 2, "--rows-per-image", 1, "--seed", 1]
    done = run_in_c_locale("encrypt", "--private", out, *scheme, "--out", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    one, other = (ChallengeFolder(tmp_path / name) for name in "ab")
    assert "Çiğ" in one.manifest.read_text(encoding="utf-8")
    assert sha256_of_file(one.manifest) == sha256_of_file(other.manifest)
    release_again(one, notice_of("b"))
    assert sha256_of_file(one.release) == sha256_of_file(other.release)
    done = run_in_c_locale("verify", other.path)
    assert done.returncode == 0, done.stderr


def test_a_pool_is_the_same_in_every_locale(photos, tmp_path):
    """Crops depend on the names of their photos."""
    settings = CropSettings(2, smallest=32, largest=36)
    key, listed = Key.from_seed(1), list_photos(photos)
    build_pool(tmp_path / "a.zarr", listed, key, settings, more_than=-1)
    options = ["--crops-per-photo", 2, "--crop-size", 32, 36, "--key-points", -1, "--seed", 1]
    done = run_in_c_locale("pool", photos, "--out", tmp_path / "b.zarr", *options)
    assert done.returncode == 0, done.stderr
    one, other = (tmp_path / f"{name}.zarr.sha256" for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_a_terminal_that_lacks_a_character_is_no_error(tmp_path):
    done = run_in_c_locale("samples", tmp_path / "Çiğ")
    assert (done.returncode, done.stderr) == (0, "")
    assert "public photos: " in done.stdout
    done = run_in_c_locale("samples", tmp_path / "Çiğ" / "public" / "cat.png")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write ")
