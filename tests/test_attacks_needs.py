"""What attacks say beforehand of the memory that they need."""

import os
import re
import tracemalloc
from dataclasses import asdict, replace

import numpy as np
import pytest
from test_attacks_field import smooth_images
from unmixing import unmix

from instahide.attacks import running
from instahide.attacks.catalogue import NAMED, STAGES, choose_stage, prng, unmixing
from instahide.attacks.needs import Size, check_needs, in_time, memory_of, seconds_of, size_of
from instahide.attacks.protocol import Released
from instahide.attacks.recipe import Attack
from instahide.attacks.seen import load_seen, see
from instahide.attacks.unmixing import retrieval
from instahide.attacks.unmixing.parts.rounds import Round
from instahide.attacks.unmixing.problem import make_problem
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

GB = 2**30
#: The challenge of 2020, attacked with 10,000 photos and the pool of the demonstration.
DEFAULT = Size(5000, 3072, 100, 10, 1000, public=10_000, pool=17_000)
FOR_GPUS = ("neural-pairs", "prototypes-stacked")
ALL = [choose_stage(stage, name) for stage, known in STAGES.items() for name in known]


@pytest.fixture(scope="module")
def released():
    """Rows of 16 × 16 pixels, and photos."""
    rng, shape = np.random.default_rng(1), (16, 16, 3)
    private, public = (to_bytes(smooth_images(rng, n, shape) - 0.2) for n in (24, 1500))
    labelled = LabelledImages(private, np.arange(24) // 6, tuple("abcd"))
    scheme = Scheme(k=4, c2=0.4, rows_per_image=40)
    sources = combine(labelled, Pool(public), Key.from_seed(3), of_scheme(scheme))
    plan = sources.plan()
    made = Released(encode_rows(sources, plan, 0), label_rows(plan, labelled))
    return made, public, scheme


@pytest.fixture
def problem(released):
    made, public, scheme = released
    return make_problem(made, to_unit_range(public), scheme, 24, pool=Pool(public))


@pytest.mark.parametrize("choice", ALL, ids=lambda choice: f"{choice.kind}-{choice.text}")
def test_every_stage_says_what_it_needs_and_more_of_more(choice):
    needed = memory_of(choice, DEFAULT)
    assert 10 * 2**20 < needed < 3 * GB
    for part in ("rows", "pixels"):
        larger = replace(DEFAULT, **{part: 4 * getattr(DEFAULT, part)})
        assert memory_of(choice, larger) > needed


def test_memory_grows_with_rows_and_pixels_and_not_with_their_squares():
    large = replace(DEFAULT, rows=1000, pixels=224 * 224 * 3, image_count=20, public=1783)
    many = replace(DEFAULT, rows=50_000, image_count=1000, class_images=100, class_rows=9500)
    none = replace(many, class_images=1000, class_rows=50_000)
    for attack, size, most in (
        ("whitened", large, 10), ("pool", large, 10), ("whitened", many, 6.5),
        ("whitened-classes", many, 6.5), ("whitened-none", none, 6.5),
    ):  # fmt: skip
        for step in unmixing(attack, **NAMED[attack]).steps:
            assert memory_of(step.choice, size) < most * GB, (attack, step.name)


@pytest.mark.parametrize("choice", ALL, ids=lambda choice: f"{choice.kind}-{choice.text}")
def test_every_stage_says_how_long_it_takes_and_more_of_more(choice):
    told = seconds_of(choice, DEFAULT)
    assert 0 < told < (1000 if choice.text not in FOR_GPUS else np.inf)
    for part in ("rows", "pixels"):
        larger = replace(DEFAULT, **{part: 4 * getattr(DEFAULT, part)})
        assert 1.02 * told < seconds_of(choice, larger) < 8 * told


#: Processor seconds of whole attacks, one BLAS thread: n, rows, pixels.
MEASURED = {("whitened", 100, 5000, 3072): 37, ("whitened", 100, 5000, 12288): 187} | {
    ("whitened", 400, 20_000, 3072): 190,
    ("whitened-none", 100, 5000, 3072): 34,
}


@pytest.mark.parametrize("case", MEASURED, ids=str)
def test_times_told_are_those_measured_within_a_factor_of_two(case):
    attack, images, rows, pixels = case
    known = attack == "whitened"
    share = (images // 10, rows // 5) if known else (images, rows)
    size = Size(rows, pixels, images, *share, public=8600)
    told = sum(seconds_of(s.choice, size) for s in unmixing(attack, **NAMED[attack]).steps)
    assert MEASURED[case] / 2 < told < 2 * MEASURED[case]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (70, "70 s"), (130, "2 min"), (3 * 3600, "3 h"), (1000, "17 min")],
)
def test_times_are_rough(seconds, text):
    assert in_time(seconds) == text


@pytest.mark.slow
def test_what_stages_need_is_what_they_say(problem, monkeypatch):
    monkeypatch.setattr(retrieval, "FIRST_ROUNDS", (Round(4, 0.3, turn=False),))
    monkeypatch.setattr(retrieval, "FIELD_ROUNDS", (Round(4, 0.2, 3),))
    chosen = unmixing(similarity="whitened,mixtures=2000", finish="pool,passes=1")
    before, size = (), size_of(problem)
    for number, step in enumerate(chosen.steps):
        tracemalloc.start()
        before = (running.run_step(step, problem, before, running.step_rng(number, 0)),)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 0.8 * peak < memory_of(step.choice, size) < 3 * peak, step.name


def test_too_much_is_refused_before_anything_is_done(problem):
    stages = [step.choice for step in unmixing().steps]
    said = check_needs(stages, DEFAULT, 8 * GB)
    assert said.startswith("memory: similarity ") and "; 8.0 GB are available; " in said
    assert re.search(
        r"processor time: about \d+ s \(similarity \d+ s, .*, finish \d+ s\)$", said
    )
    large = replace(DEFAULT, pixels=500_000)
    with pytest.raises(
        InstaHideError, match=r"similarity 'whitened' .* about 9\.\d GB .* 8\.0 GB"
    ):
        check_needs(stages, large, 8 * GB)


def test_functions_of_ones_own_may_say_what_they_need(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "def silent(problem, rng): ...\ndef loud(problem, rng): ...\n"
    text += "def loud_needs(size): return size.rows * 2**20\n"
    (tmp_path / "own_needs.py").write_text(text, encoding="utf-8")
    silent, loud = (
        choose_stage("similarity", f"own_needs:{name}") for name in ("silent", "loud")
    )
    assert "unknown" in check_needs([silent], DEFAULT, GB)
    with pytest.raises(InstaHideError, match=r"own_needs:loud.* about 4\.9 GB"):
        check_needs([loud], DEFAULT, GB)


def test_attacks_and_steps_are_refused_alike(problem, released, tmp_path, monkeypatch):
    monkeypatch.setenv("INSTAHIDE_MEMORY", "1M")
    with pytest.raises(InstaHideError, match="similarity 'whitened"):
        unmix(problem)
    made, public, scheme = released
    seen = see(made, to_unit_range(public), {"scheme": asdict(scheme)}, 24)
    first = Attack.of(unmixing().until(0))
    with pytest.raises(InstaHideError, match="similarity 'whitened"):
        running.save_step(tmp_path / "features.npy", first, [], seen)
    assert not os.listdir(tmp_path)


def test_reading_too_much_is_refused(released, tmp_path, monkeypatch):
    made, _, _ = released
    np.save(tmp_path / "encryption.npy", made.encryption)
    np.save(tmp_path / "label.npy", made.label)
    load_seen(tmp_path, {}, 24)
    monkeypatch.setenv("INSTAHIDE_MEMORY", "1M")
    with pytest.raises(InstaHideError, match=r"reading .* needs about 3 MB"):
        load_seen(tmp_path, {}, 24)


def test_the_attack_through_the_generator_says_it_too():
    choices = [step.choice for step in prng().steps]
    with pytest.raises(InstaHideError, match=r"step 'solve' on .* needs about"):
        check_needs(choices, DEFAULT, 2**20)


def test_more_private_images_than_rows_are_refused(released):
    made, public, scheme = released
    for images in (0, -1, 961, 10**30):
        with pytest.raises(InstaHideError, match=f"{images} private images"):
            make_problem(made, to_unit_range(public), scheme, images)


def test_named_attacks_are_made_of_stages_that_say_what_they_need():
    for chosen in NAMED.values():
        parts = {stage: text for stage, text in chosen.items() if stage in STAGES}
        choices = [step.choice for step in unmixing(**parts).steps]
        assert "unknown" not in check_needs(choices, DEFAULT, 2**50)


def test_more_views_need_more_memory_and_time():
    few, many = (replace(DEFAULT, reach=reach, flip=True) for reach in (4, 8))
    assert (few.views(), many.views()) == (162, 578)
    for stage in ("assignment", "retrieval"):
        choice = choose_stage(stage, "views")
        assert memory_of(choice, many) > 1.5 * memory_of(choice, few)
        assert seconds_of(choice, many) > 1.5 * seconds_of(choice, few)
