"""What Snakemake is asked for: names that nothing makes, and others' results."""

import re

import pytest
import yaml
from workflow_project import CONFIG, Project

SEED = "results/private/set/seed"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the first file of one private set, and a second configuration."""
    project = Project(tmp_path_factory.mktemp("project"))
    other = CONFIG | {"private": {"set": CONFIG["private"]["set"] | {"images": 30}}}
    (project.root / "config/other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    project.run("--cores", "1", SEED)
    return project


def said(project, *arguments):
    done = project.run("--dry-run", *arguments, check=False)
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("results/chalenge/encryption.npy", "did you mean 'results/challenge/encryption.npy'?"),
        ("results/inner/attacks/oracel/score.json", "attacks/oracle/score.json'?"),
        ("results/public/pool/crops/7.zarr", "nothing makes results/public/pool/crops/7.zarr"),
        ("results/inner/steps/none/odd/features.npy", "nothing makes results/inner/steps"),
        (
            "results/other/release.zip",
            "there are ablation.md, challenge, index.html",
        ),
        ("al", "did you mean 'all'?"),
    ],
)
def test_names_that_nothing_makes_are_answered_with_the_nearest(project, target, answer):
    code, text = said(project, target)
    assert code != 0
    assert f"nothing makes {target} with config/config.yaml: " in text
    assert answer in text


def test_names_that_something_makes_or_somebody_made_pass(project):
    own = project.root / "results/inner/attacks/mine/decryption.npy"
    own.parent.mkdir(parents=True)
    own.touch()
    targets = ["./results/inner/attacks/mine/score.json", "all"]
    targets += [
        "results/public/pool/crops/1.zarr",
        "results/inner/steps/prng/coefficients/search/3/seeds.json",
    ]
    code, text = said(project, *targets)
    assert code == 0, text


def test_results_of_another_configuration_are_not_replaced_without_a_word(project):
    assert "Warning" not in said(project)[1]
    code, text = said(project, "--configfile", "config/other.yaml", "--", SEED)
    assert code == 0
    assert "Warning: results/private/set was made by config/config.yaml, and " in text
    assert "config/other.yaml has other settings for it" in text
    unconcerned = said(project, "--configfile", "config/other.yaml", "--", "samples")[1]
    assert "Warning" not in unconcerned
    project.edit("config/config.yaml", "images: 20", "images: 25")
    assert "Warning" not in said(project, SEED)[1]
    assert project.stale(SEED) == set()  # the record is no input of anything
