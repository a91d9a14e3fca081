"""The conformance kit finds every fault that was met, and none in what is right."""

import importlib.util

import numpy as np
import pytest
from otherinstahides import ALSO, FAULTS, Other, flat, right, unprepared

from instahide.cli import main
from instahide.encodings.instahide.scheme import SCHEMES, Scheme
from instahide.errors import InstaHideError
from instahide.training.conformance import check, largest_agreement
from instahide.training.probes import LABELS_OF_PROBES, probe_images, read_probes
from instahide.training.transform import InstaHide

BOTH = [
    False,
    pytest.param(
        True,
        marks=pytest.mark.skipif(
            importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
        ),
    ),
]


@pytest.mark.parametrize("torch", BOTH)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found_and_named(fault, torch):
    faults = set(check(lambda public: Other(public, fault), torch=torch).faults)
    assert faults >= FAULTS[fault]
    assert faults <= FAULTS[fault] | ALSO.get(fault, set())


@pytest.mark.parametrize("torch", BOTH)
def test_what_is_right_passes(torch):
    report = check(right, torch=torch)
    assert report.passed, str(report)


@pytest.mark.parametrize("torch", BOTH)
@pytest.mark.parametrize("key", [None, 7])
@pytest.mark.parametrize("name", SCHEMES)
def test_our_own_passes(name, key, torch):
    def make(public):
        return InstaHide(10, scheme=name, public=public, key=key)

    report = check(make, Scheme(name, k=4), torch=torch)
    assert report.passed, str(report)


@pytest.mark.parametrize("key", range(6))
def test_our_own_passes_whatever_the_key_and_k(key):
    scheme = Scheme("cross", k=4 + key % 3, c1=0.5)

    def make(public):
        return InstaHide(10, k=scheme.k, c1=0.5, public=public, key=key)

    assert check(make, scheme, torch=False, batches=20).passed


@pytest.mark.parametrize("inputs", ["unit", "uint8"])
def test_inputs_are_what_an_implementation_wants(inputs):
    assert check(lambda public: InstaHide(10, public=public), inputs=inputs).passed


def test_another_k_than_said_is_found():
    found = check(right, Scheme("cross", k=5), torch=False).faults
    assert {"partners", "coefficients"} <= set(found)


def test_what_a_fault_hides_is_not_called_right():
    report = check(lambda public: Other(public, "signs inside"), torch=False)
    assert "signs" in report.skipped and not any(v.name == "signs" for v in report.verdicts)
    assert "not looked at" in str(report)


def test_probes_tell_their_coefficients():
    """Mixtures with known coefficients, against which the reader is held."""
    images = np.concatenate(probe_images()) / 127.5 - 1
    weights = np.zeros((32, 128))
    rng = np.random.default_rng(4)
    for row in weights:
        row[rng.choice(128, 5, replace=False)] = rng.dirichlet(np.ones(5))
    masks = rng.choice([-1.0, 1.0], (32, 3, 32, 32))
    rows = masks * np.einsum("bk,kchw->bchw", weights, images)
    read = read_probes([rows], [np.zeros((32, 10))])
    np.testing.assert_allclose(read.weights, weights, atol=3e-5)
    assert read.are_mixtures.all() and (read.signs == masks.reshape(32, -1)).all()
    assert len(LABELS_OF_PROBES) == 32


def test_agreement_looks_at_the_scopes_it_is_asked_for():
    signs = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, -1, 1, -1]], np.float32)
    scopes = np.array([0, 0, 1])
    assert largest_agreement(signs, signs, scopes, scopes, within=True) == 1.0
    assert largest_agreement(signs, signs, scopes, scopes, within=False) == 0.5


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (flat, {}, "the transform returns"),
        (unprepared, {}, "the transform returns ndarray: give"),
        (right, {"batches": 3}, "batches = 3"),
        (right, {"inputs": "grey"}, "inputs = 'grey'"),
        (right, {"scheme": Scheme("cross", k=20, c2=0.05)}, "k = 20"),
    ],
)
def test_what_cannot_be_checked_ends_in_a_sentence(make, options, message):
    with pytest.raises(InstaHideError, match=message):
        check(make, torch=False, **options)


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["conformance", *arguments])
    return stopped.value.code


def test_the_command_prints_a_table_and_says_by_its_code(capsys):
    assert run("otherinstahides:right", "--arrays", "numpy") == 0
    assert "ok     signs" in capsys.readouterr().out
    assert run("otherinstahides:fixed_points", "--arrays", "numpy") == 1
    told = capsys.readouterr().out
    assert "FAULT  partners" in told and "mixed with itself" in told


def test_the_command_refuses_what_is_not_there(capsys):
    assert run("otherinstahides:nothing") == 2
    assert "has no function nothing" in capsys.readouterr().err
    assert run("otherinstahides:right", "--k", "1") == 2
    assert "k = 1" in capsys.readouterr().err
