"""Steps beside others, files that steps write themselves, and what is told of them."""

import json

import numpy as np
import pytest

from instahide.attacks.accounts import account, check_digest, steps_until
from instahide.attacks.protocol import Recovery, Released
from instahide.attacks.recipe import Attack, Step
from instahide.attacks.running import run_steps, save_step
from instahide.attacks.seen import see
from instahide.choice import Choice
from instahide.errors import InstaHideError
from instahide.files import sha256_of_file

SHAPE, ROWS = (4, 4, 3), 6


def look(seen, rng):
    return rng.random((ROWS, 2)).astype(np.float32)


def learn(seen, rng, *, path):
    path.write_bytes(rng.bytes(100))


def combine(seen, features, weights, rng):
    taught = np.frombuffer(weights.read_bytes(), np.uint8)[:ROWS] / 255
    rows = (features.sum(axis=1) + taught + rng.random(ROWS))[:, None, None, None] / 4
    return Recovery(np.broadcast_to(rows, (ROWS, *SHAPE)), None, "O(E)")


def step(function, product, **others):
    name = f"{__name__}:{function.__name__}"
    return Step(function.__name__, Choice("step", name, name), product, **others)


ATTACK = Attack(
    "mine",
    (
        step(look, "features.npy"),
        step(learn, "weights.bin", beside=True),
        step(combine, "decryption.npy"),
    ),
)


@pytest.fixture
def seen():
    rng = np.random.default_rng(1)
    rows = rng.uniform(-1, 1, (ROWS, *SHAPE)).astype(np.float32)
    return see(Released(rows, np.full((ROWS, 2), 0.3, np.float32)), rows[:0], {}, 2)


@pytest.fixture
def files(tmp_path, seen):
    """The files of both steps, made by jobs of their own."""
    for number in (0, 1):
        (file,) = ATTACK.files(number)
        save_step(tmp_path / file, Attack.of(ATTACK.until(number)), [], seen, seed=5)
    return [tmp_path / file for file in ATTACK.left_before(2)]


def end(files, seen):
    out = files[0].parent / "end/decryption.npy"
    save_step(out, Attack.of(ATTACK.until(2)), files, seen, seed=5)
    return np.load(out), json.loads((out.parent / "attack.json").read_text(encoding="utf-8"))


def test_a_step_beside_others_makes_the_same_in_files_and_in_one_process(files, seen):
    assert [path.name for path in files] == ["features.npy", "weights.bin"]
    recovery, watch = run_steps(ATTACK.steps, seen, seed=5)
    decryption, told = end(files, seen)
    np.testing.assert_array_equal(decryption, recovery.decryption.astype(np.float32))
    for stages in (watch.stages, told["stages"]):
        assert [stage["name"] for stage in stages] == ["look", "learn", "combine"]
        assert [stage.get("sha256") for stage in stages] == [
            None, sha256_of_file(files[1]), None,
        ]  # fmt: skip


def test_a_step_beside_others_is_the_same_whatever_stands_before():
    alone = Attack("alone", ATTACK.steps[1:])
    assert alone.files(0) == ATTACK.files(1)
    assert ATTACK.before(1) == [] and ATTACK.before(2) == [0, 1]
    assert "look" in ATTACK.trail(2) and "learn" in ATTACK.trail(2)


@pytest.mark.parametrize("harm", ["short", "other", "untold"])
def test_weights_that_are_not_those_that_were_left_are_refused(files, seen, harm):
    weights = files[1]
    if harm == "short":
        weights.write_bytes(weights.read_bytes()[:50])
    elif harm == "other":
        weights.write_bytes(bytes(100))
    else:
        text = account(weights).read_text(encoding="utf-8").replace("sha256", "digest")
        account(weights).write_text(text, encoding="utf-8")
    with pytest.raises(InstaHideError, match=r"weights\.bin is not what its step has left"):
        end(files, seen)
    assert not (files[0].parent / "end").exists()


def test_arrays_are_not_among_what_is_told_by_digest(files):
    check_digest(files[0], ATTACK.steps[0])
    assert "sha256" not in steps_until(files[:1])[0]


def test_steps_before_parts_are_counted_once(tmp_path):
    """The second step has three parts; each took one second, and the first step ten."""
    first, part = ({"name": x, "peak_memory_bytes": 5} for x in ("first", "part"))
    first |= {"wall_seconds": 10.0, "cpu_seconds": 10.0}
    paths = [tmp_path / f"{number}.bin" for number in range(3)]
    for number, path in enumerate(paths):
        own = part | {"wall_seconds": 1.0, "cpu_seconds": 1.0, "sha256": f"{number}"}
        account(path).write_text(json.dumps({"stages": [first, own]}), encoding="utf-8")
    found = steps_until(paths)
    assert [stage["cpu_seconds"] for stage in found] == [10, 3]
    assert found[1]["sha256"] == ["0", "1", "2"]
