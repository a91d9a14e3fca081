"""What `import instahide` offers, and its examples."""

import doctest
import os
import pydoc
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import instahide
from instahide import notebook
from instahide.errors import InstaHideError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that the examples and tests of this module share."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("place")
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def challenge(place):
    return instahide.example_challenge("example")


def test_the_tour_runs(place):
    assert doctest.testmod(instahide).failed == 0
    assert doctest.testmod(instahide).attempted >= 5


@pytest.mark.parametrize("name", notebook.__all__)
def test_every_example_runs(name, challenge):
    thing = getattr(instahide, name)
    names = vars(notebook) | {"instahide": instahide}
    finder, failed, tried = doctest.DocTestFinder(), 0, 0
    for test in finder.find(thing, name, globs=dict(names)):
        result = doctest.DocTestRunner().run(test)
        failed, tried = failed + result.failed, tried + result.attempted
    assert failed == 0
    assert tried or name in ("Audit", "Evaluation", "Leaderboard")


def test_nothing_is_imported_before_it_is_asked_for():
    program = (
        "import sys, instahide, instahide.notebook\n"
        "dir(instahide)\n"
        "instahide.evaluate\n"
        "heavy = {'numpy', 'zarr', 'cv2', 'scipy', 'numba', 'dask'} & sys.modules.keys()\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


def test_help_is_a_tour():
    text = pydoc.plain(pydoc.render_doc(instahide))
    assert "A tour" in text
    for name in notebook.__all__:
        assert name in text
    assert set(notebook.__all__) <= set(dir(instahide))
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        _ = instahide.evaluat


def test_attacks_by_name_by_path_and_as_functions_agree(challenge, place, monkeypatch):
    (place / "own_of_tests.py").write_text("def half(seen, rng):\n"
        "    from instahide.attacks.protocol import Recovery\n"
        "    return Recovery(seen.released.encryption / 2, None, '')\n", encoding="utf-8",
    )  # fmt: skip
    monkeypatch.syspath_prepend(place)
    by_path = instahide.evaluate("own_of_tests:half", challenge)
    by_call = instahide.evaluate(lambda seen, rng: seen.released.encryption / 2, challenge)
    np.testing.assert_array_equal(by_path.recovery.decryption, by_call.recovery.decryption)
    assert by_path.metrics == by_call.metrics
    assert "Max_SSIM" in repr(by_call)


def test_attacks_get_what_they_are_said_to_be_given(challenge):
    seen = []

    def look(what, rng):
        seen.append(what)
        return 0 * what.released.encryption

    instahide.recover_images(look, challenge, labels="none")
    assert seen[0].label.shape[1] == 1 and len(seen[0].public) > 100
    assert seen[0].secrets is None


def test_the_oracle_is_a_bound(challenge):
    oracle = instahide.evaluate("oracle", challenge)
    mean = instahide.evaluate("mean", challenge)
    assert oracle.metrics["max_ssim"].mean > mean.metrics["max_ssim"].mean


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("whitenned", "did you mean 'whitened'"),
        (lambda seen, rng: seen.released.encryption[:5], r"returned shape \(5,"),
        (lambda seen, rng: None, "Recovery is expected"),
        ("nowhere_at_all:f", "no module nowhere_at_all"),
    ],
)
def test_mistakes_are_named(attack, message, challenge):
    with pytest.raises(InstaHideError, match=message):
        instahide.evaluate(attack, challenge)


def test_an_attack_that_learns_from_photos_asks_for_them(challenge):
    alone = instahide.load_challenge("example/challenge")
    with pytest.raises(InstaHideError, match="give a pool of them"):
        instahide.evaluate("whitened", alone)


def test_options_of_instahide_are_refused_with_others(place):
    with pytest.raises(InstaHideError, match="write options of dp-instahide behind its name"):
        instahide.new_challenge("x", "example/set.npz", encoding="dp-instahide", k=4)
    with pytest.raises(InstaHideError, match=r"challenge\.json does not exist"):
        instahide.load_challenge("nowhere")


def test_a_challenge_may_be_given_by_its_folder(challenge):
    by_folder = instahide.evaluate("mean", "example/challenge")
    assert by_folder.metrics == instahide.evaluate("mean", challenge).metrics
    assert instahide.verify_challenge("example/challenge").passed
    score = instahide.score_decryption(by_folder.recovery.decryption, Path("example/challenge"))
    assert score.summary == by_folder.metrics


def test_the_attack_that_knows_the_pool_is_given_the_challenges_own(challenge):
    seen = instahide.evaluate("pool", challenge)
    own = instahide.evaluate("pool", challenge, public="example/pool.zarr")
    assert seen.metrics == own.metrics
    assert seen.given.public_pool


def test_without_the_truth_no_attack_is_begun(challenge, place):
    shutil.copytree("example/challenge", "released", ignore=lambda *_: {"secret"})
    begun = []
    with pytest.raises(InstaHideError, match=r"truth\.npz does not exist"):
        instahide.evaluate(lambda seen, rng: begun.append(1), "released")
    assert not begun
    with pytest.raises(InstaHideError, match="give the challenge's own pool"):
        shutil.copytree("released", "alone/released")
        instahide.recover_images("pool", "alone/released")


def test_records_of_another_challenge_are_refused(challenge):
    instahide.evaluate("mean", challenge, out="kept")
    sources = "example/set.npz", "example/pool.zarr"
    instahide.new_challenge("other", *sources, seed=9, rows_per_image=2)
    Path("other/submissions").mkdir()
    shutil.copy("kept/record.json", "other/submissions/foreign.json")
    with pytest.raises(InstaHideError, match=r"foreign\.json"):
        instahide.read_leaderboard("other")


def test_what_an_attack_would_not_heed_is_refused(challenge):
    with pytest.raises(InstaHideError, match="leave labels out"):
        instahide.evaluate("whitened", challenge, labels="none")
    with pytest.raises(InstaHideError, match="did you mean 'rows_per_image'"):
        instahide.new_challenge("x", "example/set.npz", rows_per_imag=3)
