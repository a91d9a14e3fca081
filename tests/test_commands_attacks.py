"""What the commands that attack say while they work and at their end."""

import argparse
import os
import shlex

import numpy as np
import pytest
from smallchallenge import QUICK, make_small

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.cli import main
from instahide.commands import attacks
from instahide.commands.attacks import STAGED


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_small(tmp_path_factory.mktemp("made"))


def test_an_attack_shows_its_steps_and_ends_with_the_command_that_scores_it(
    made, tmp_path, capsys
):
    out = tmp_path / "my results"  # to be quoted
    given = ["attack", "whitened", made[0], "--public-sample", made[2], "--out", out]
    assert run(*given, "--similarity", "whitened,mixtures=2000", *QUICK[2:]) == 0
    said = capsys.readouterr()
    shown = said.err.splitlines()
    assert shown[0].startswith("memory: similarity ")
    steps = [line for line in shown if line.startswith("step ")]
    assert steps[0] == "step 1 of 4: similarity (whitened,mixtures=2000)"
    assert [line[:11] for line in steps] == [f"step {number} of 4" for number in range(1, 5)]
    bars = [line.partition(":")[0] for line in shown if "%" in line and "<" in line]
    assert bars == ["clusters", "pairs", "images and pairs", "last images"]
    command = said.out.splitlines()[-1].partition("can score it: ")[2]
    assert shlex.split(command)[:2] == ["instahide", "score"]
    assert run(*shlex.split(command)[1:]) == 0
    assert "Max_SSIM" in capsys.readouterr().out


def test_decoding_with_the_pool_shows_its_passes(made, tmp_path, capsys):
    given = ["attack", "pool", made[0], "--pool", made[1], "--out", tmp_path / "out", *QUICK]
    assert run(*given, "--finish", "pool,passes=2") == 0
    assert "decoding, at the most: 100%" in capsys.readouterr().err


def test_an_attack_that_needs_too_much_is_refused_with_the_number(
    made, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("INSTAHIDE_MEMORY", "30G")
    out = tmp_path / "out"
    given = ["attack", "whitened", made[0], "--public-sample", made[2], "--out", out]
    assert run(*given, "--memory", "1M") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: similarity 'whitened' on 120 rows of 192 pixels")
    assert "of memory at once, and 1 MB are available" in error
    assert run(*given, "--memory", "plenty") == 2
    assert "'plenty' is no size of memory" in capsys.readouterr().err
    assert not out.exists()
    assert os.environ["INSTAHIDE_MEMORY"] == "30G"
    monkeypatch.setenv("INSTAHIDE_MEMORY", "1M")
    assert run(*given) == 2
    assert run(*given, *QUICK, "--memory", "1G") == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--seed", -1, "the attack's seed -1 is negative"),
        ("--similarity", "whitened,mixtures=many", "an option does not suit"),
        ("--similarity", "plain,power=x", "does not suit"),
    ],
)
def test_options_that_suit_no_stage_are_a_sentence(
    made, tmp_path, capsys, option, value, message
):
    given = ["attack", "whitened", made[0], "--public-sample", made[2], *QUICK]
    assert run(*given, "--out", tmp_path / "out", option, value) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error


def test_rows_that_cannot_be_solved_are_a_sentence(made, tmp_path, capsys, monkeypatch):
    def solve(*arguments, **options):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr("instahide.attacks.unmixing.parts.leastsquares.solve", solve)
    given = ["attack", "whitened", made[0], "--public-sample", made[2], *QUICK]
    assert run(*given, "--out", tmp_path / "out") == 2
    assert "assignment (em,rounds=1) finds no solution" in capsys.readouterr().err


def test_every_named_attack_is_a_command():
    assert set(STAGED) == set(NAMED)


def test_commands_tell_attacks_how_images_were_augmented(monkeypatch):
    told = {"crop_padding": 4, "flip": True}
    manifest = {"scheme": {"name": "cross", "k": 6}, "images": 4, "augmentation": told}
    monkeypatch.setattr(attacks, "told_of", lambda challenge: manifest)
    monkeypatch.setattr(
        "instahide.attacks.seen.load_seen", lambda challenge, about, images, **others: about
    )
    seen = attacks.see_published(argparse.Namespace(challenge=None), unmixing())
    assert seen["augmentation"] == told
    assert seen["scheme"]["k"] == 6
