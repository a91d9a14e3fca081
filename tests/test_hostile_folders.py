"""Challenge folders that anybody may have made: every ending is an answer or one sentence."""

import itertools
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smallchallenge import QUICK, make_small

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.challenge.manifestform import COMPLETE
from instahide.cli import main
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small challenge with its baselines, its pool, and other photos."""
    found = make_small(tmp_path_factory.mktemp("made"))
    assert run("baselines", found[0]) == 0
    return found


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the challenge to be spoiled, its pool, and other photos."""
    shutil.copytree(made[0], tmp_path / "c")
    return ChallengeFolder(tmp_path / "c"), *made[1:]


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def commands(folder, pool, others):
    """All commands that read a challenge's folder."""
    out = folder.path.parent / f"out{next(NUMBERS)}"
    yield "attack", "whitened", folder.path, "--public-sample", others, "--out", out, *QUICK
    yield "attack", "prng", folder.path, "--seed", 1, "--out", out
    yield "verify", folder.path, "--public", pool
    yield "score", folder.encryption, folder.path, "--assume-range"
    yield "new-challenge-check", folder.path, "--public", pool
    shutil.rmtree(folder.path / "attacks", ignore_errors=True)
    yield "baselines", folder.path


def endings(folder, pool, others, capsys):
    """Run all commands; return their exit codes and what they said at the end."""
    found = {}
    for command in commands(folder, pool, others):
        capsys.readouterr()
        code = run(*command)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        last = said.err.splitlines()[-1] if said.err else ""
        assert code in (0, 1) or (code == 2 and last.startswith("error: ")), said.err
        found[" ".join(command[:2]) if command[0] == "attack" else command[0]] = (code, last)
    return found


def test_an_unspoiled_folder_is_taken_by_all(folder, capsys):
    found = {name: code for name, (code, _) in endings(*folder, capsys).items()}
    assert found.pop("attack prng") == 2  # it is of another generator
    assert set(found.values()) == {0}


WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 4.0, 2**63, 10**30, 10**400, 1e30, -1e308])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=4)
    | st.sampled_from(["cross", "\ud800", "a\nb", "f" * 64, "<b>"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def spoiled(draw, content):
    """A manifest with one value, at any depth, lost, replaced or added."""
    content = json.loads(json.dumps(content))
    at = content
    while True:
        keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
            at = at[key]
            continue
        if draw(st.integers(0, 5)) == 0:
            del at[key]
        elif isinstance(at, dict) and draw(st.integers(0, 5)) == 0:
            at[draw(st.text(max_size=5))] = draw(WILD)
        else:
            at[key] = draw(WILD)
        return content


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoiled_manifest_is_read_whole_or_refused_in_a_sentence(made, tmp_path, data):
    content = json.loads((made[0] / "challenge.json").read_text(encoding="utf-8"))
    content = data.draw(spoiled(content) | WILD)
    folder = ChallengeFolder(tmp_path)
    folder.manifest.write_text(json.dumps(content), encoding="utf-8")
    try:
        manifest = load_manifest(folder)
    except InstaHideError as error:
        assert "\n" not in str(error)
        str(error).encode()  # can be printed anywhere
        assert len(str(error)) < 1000
    else:
        assert set(COMPLETE) <= manifest.keys()
        Scheme(**manifest["scheme"])


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_command_breaks_on_a_spoiled_manifest(made, folder, capsys, data):
    content = json.loads((made[0] / "challenge.json").read_text(encoding="utf-8"))
    folder[0].manifest.write_text(json.dumps(data.draw(spoiled(content))), encoding="utf-8")
    endings(*folder, capsys)


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'{"format_version": NaN}', "NaN is no number"),
        (nested(100_000).encode(), "no JSON"),
        (b'{"format_version": ' + nested(90).encode() + b"}", "format version a list of 1"),
        (b'{"format_version": ' + nested(500).encode() + b"}", "nested more than 100 times"),
        (b'{"format_version": 2, "images": ' + b"9" * 5000 + b"}", "no JSON"),
        (b'{"format_version": 2}', "lacks scheme, images"),
        (b'{"format_version": 1e400}', "too large for a number"),
        (b'{"format_version": true}', "format version True"),
        (b"[" + b"1," * 2**23 + b"1]", "more than 16777216 bytes"),
    ],
)
def test_what_is_no_manifest_is_refused_by_all(folder, capsys, content, message):
    folder[0].manifest.write_bytes(content)
    found = endings(*folder, capsys)
    assert {name for name, (code, _) in found.items() if code != 2} <= {"score", "baselines"}
    assert message in found["attack whitened"][1]


def change(key, value):
    """Set a key of a manifest; a dot goes into an object."""

    def spoil(folder):
        content = at = json.loads(folder.manifest.read_text(encoding="utf-8"))
        *path, last = key.split("/")
        for part in path:
            at = at[part]
        at[last] = value
        folder.manifest.write_text(json.dumps(content), encoding="utf-8")

    return spoil


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scheme", None, "scheme is None; expected is an object"),
        ("scheme/k", 4.0, "scheme is an object of 5; expected is an object with a name"),
        ("scheme/k", 10**9, "scheme cross takes 2 to 32 images"),
        ("scheme/c1", "high", "scheme is an object"),
        ("scheme/c2", 0.9999, "accept only"),
        ("scheme/name", "Cross", "scheme is an object"),
        ("images", 0, "images is 0; expected is a whole number of 1 or more"),
        ("images", 13, "contradicts itself: encryption.npy is said to have the shape"),
        ("images", 10**15, "contradicts itself"),
        ("image_shape", [8, 8], "image_shape is a list of 2"),
        ("classes", ["a", "a", "b"], "classes is a list of 3; expected is a list of different"),
        ("classes", ["a", "b", "\ud800"], "no JSON"),
        ("classes", ["a", "b", ""], "classes is a list of 3"),
        ("files/label.npy/range", [0, float("1e400")], "Infinity is no number"),
        ("pool", {"sha256": "no"}, "pool is an object of 1"),
        ("commitment/seed", "no", "commitment is an object of 3"),
        ("versions", {"numpy": 2}, "versions is an object of 1"),
        ("surprise", 1, "has a key 'surprise', which no manifest has"),
    ],
)
def test_values_that_no_manifest_has_are_named(folder, capsys, key, value, message):
    change(key, value)(folder[0])
    found = endings(*folder, capsys)
    assert message in found["verify"][1]
    assert found["attack whitened"] == (2, found["verify"][1])


def array(name, change):
    def spoil(folder):
        path = folder.path / name
        np.save(path, change(np.load(path)), allow_pickle=True)

    return spoil


def header(name, shape, dtype="<f4"):
    """A .npy file that claims a shape, and holds next to nothing."""

    def spoil(folder):
        with open(folder.path / name, "wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": dtype, "fortran_order": False, "shape": shape}
            )
            file.write(b"\0" * 64)

    return spoil


def put(value, *place):
    def change(found):
        found[place] = value
        return found

    return change


def content(name, data):
    return lambda folder: (folder.path / name).write_bytes(data)


def instead(name, make):
    def spoil(folder):
        (folder.path / name).unlink()
        make(folder.path / name)

    return spoil


ARRAYS = [
    array("encryption.npy", put(np.nan, 3, 0, 0, 0)),
    array("encryption.npy", put(np.inf, 3)),
    array("encryption.npy", lambda found: found * np.float32(1e30)),
    array("encryption.npy", lambda found: found * 2),
    array("encryption.npy", lambda found: found[:0]),
    array("encryption.npy", lambda found: found[:7]),
    array("encryption.npy", lambda found: found[:, :, :0]),
    array("encryption.npy", lambda found: found.astype(np.float64)),
    array("encryption.npy", lambda found: found.astype(object)),
    array("encryption.npy", lambda found: found.astype("U5")),
    array("encryption.npy", lambda found: found[0, 0, 0, 0]),
    array("label.npy", put(np.nan, 3)),
    array("label.npy", put(-0.1, 3, 0)),
    array("label.npy", put(0.9, 3)),
    array("label.npy", lambda found: found * np.float32(1e30)),
    array("label.npy", lambda found: found[:, :0]),
    array("label.npy", lambda found: found[:, 0]),
    array("label.npy", lambda found: found[:9]),
    header("encryption.npy", (10**9, 8, 8, 3)),
    header("encryption.npy", (2**63, 2**63, 1, 1)),
    header("encryption.npy", (-5, 8, 8, 3)),
    header("label.npy", (120, 10**12)),
    header("label.npy", (True, 3)),
    header("label.npy", (120, 3), "|O"),
    content("label.npy", b""),
    content("label.npy", b"\x93NUMPY\x01\x00\xff\xff{"),
    content("label.npy", b"\x93NUMPY\x09\x00\x02\x00{}"),
    content("label.npy", b"PK\x03\x04"),
    content("encryption.npy", b"not an array at all"),
    instead("label.npy", os.mkdir),
    instead("label.npy", os.mkfifo),
    instead("label.npy", lambda path: path.symlink_to(path.name)),
    instead("label.npy", lambda path: path.symlink_to("/dev/zero")),
    instead("encryption.npy", os.mkfifo),
    instead("encryption.npy", os.mkdir),
    instead("challenge.json", os.mkfifo),
    instead("challenge.json", os.mkdir),
    instead("challenge.json", lambda path: path.symlink_to("gone")),
]


@pytest.mark.parametrize("spoil", ARRAYS)
def test_what_was_never_released_is_refused_by_the_attacks(folder, capsys, spoil):
    spoil(folder[0])
    found = endings(*folder, capsys)
    assert found["attack whitened"][0] == found["attack prng"][0] == 2
    assert found["verify"][0] > 0
    assert found["new-challenge-check"][0] > 0


DEGENERATE = [
    array("encryption.npy", lambda found: found * 0),
    array("encryption.npy", lambda found: found * 0 + 1),
    array("encryption.npy", lambda found: found[::-1]),
    array("encryption.npy", lambda found: np.repeat(found[:1], len(found), axis=0)),
    array("encryption.npy", lambda found: np.sign(found) * np.float32(1e-38)),
    array("label.npy", lambda found: found * 0),
    array("label.npy", lambda found: np.repeat(found[:1], len(found), axis=0)),
    array("label.npy", lambda found: found[::-1]),
    array("label.npy", lambda found: np.full_like(found, 0.3)),
    array("label.npy", lambda found: found * np.float32(1e-30)),
]


@pytest.mark.parametrize("spoil", DEGENERATE)
def test_arrays_of_nonsense_end_in_an_answer_or_a_sentence(folder, capsys, spoil):
    spoil(folder[0])
    assert endings(*folder, capsys)["verify"][0] == 1


def secret(name, **changes):
    def spoil(folder):
        path = folder.seed.parent / name
        with np.load(path) as archive:
            arrays = dict(archive)
        np.savez(path, **{key: change(arrays[key]) for key, change in changes.items()}, **{
            key: value for key, value in arrays.items() if key not in changes
        })  # fmt: skip

    return spoil


SECRETS = [
    secret("truth.npz", pairs=lambda found: found + 10**6),
    secret("truth.npz", pairs=lambda found: found - 10**6),
    secret("truth.npz", pairs=lambda found: found.astype("U3")),
    secret("truth.npz", pairs=lambda found: found[:, 0]),
    secret("truth.npz", pairs=lambda found: found[:3]),
    secret("truth.npz", coefficients=lambda found: found[:, :3]),
    secret("truth.npz", coefficients=lambda found: found.astype(object)),
    secret("private.npz", classes=lambda found: found.astype("U3")),
    secret("private.npz", classes=lambda found: found + 7),
    secret("private.npz", images=lambda found: found[:, :5]),
    secret("private.npz", images=lambda found: found / np.float32(255)),
    secret("private.npz", class_names=lambda found: np.arange(3)),
    secret("private.npz", class_names=lambda found: np.array("one")),
    secret("private.npz", class_names=lambda found: np.array(["a", "b", "\udcff"])),
    content("secret/seed", b""),
    content("secret/seed", b"\xff" * 100),
    content("secret/seed", b"7" * 10**6),
    content("secret/truth.npz", b"PK\x03\x04"),
    *(instead(f"secret/{name}", make) for name in ("seed", "truth.npz", "private.npz")
      for make in (os.mkdir, os.mkfifo)),
    content("release.zip", b"PK\x05\x06" + b"\0" * 18),
    instead("release.zip", os.mkfifo),
    instead("release.zip", os.mkdir),
]  # fmt: skip


@pytest.mark.parametrize("spoil", SECRETS)
def test_spoiled_secrets_and_releases_end_in_a_sentence(folder, capsys, spoil):
    spoil(folder[0])
    found = endings(*folder, capsys)
    assert found["attack whitened"][0] == 0
    assert found["verify"][0] > 0
    assert found["new-challenge-check"][0] > 0
