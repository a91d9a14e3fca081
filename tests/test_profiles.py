"""Which profile decides what: the one of re-runs must not decide for a cluster."""

import shutil

import pytest
import yaml
from snakemake.cli import parse_args
from workflow_project import ROOT

SLURM = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def merged(tmp_path, monkeypatch):
    """Snakemake's own reading of both profiles, after a change of the default one."""

    def merge(**changes):
        shutil.copytree(ROOT / "profiles", tmp_path / "profiles", dirs_exist_ok=True)
        default = tmp_path / "profiles/default/profile.yaml"
        default.write_text(
            yaml.safe_dump(yaml.safe_load(default.read_text(encoding="utf-8")) | changes),
            encoding="utf-8",
        )
        (tmp_path / "Snakefile").touch()
        monkeypatch.chdir(tmp_path)
        return parse_args(["--profile", "profiles/slurm"])[1]

    return merge


def threads(arguments):
    return {rule: given.value for rule, given in arguments.set_threads.items()}


def test_the_threads_of_a_cluster_are_what_its_profile_says(merged):
    arguments = merged()
    assert arguments.executor == SLURM["executor"]
    assert threads(arguments) == SLURM["set-threads"]
    assert arguments.groups == SLURM["groups"]
    assert {trigger.name for trigger in arguments.rerun_triggers} == {
        *("MTIME", "PARAMS", "INPUT", "SOFTWARE_ENV")
    }


def test_a_default_profile_with_threads_would_win_over_the_cluster(merged):
    """Why profiles/default holds no threads."""
    assert threads(merged(**{"set-threads": {"crops": 1}}))["crops"] == 1


def test_no_key_is_in_both_profiles():
    default = yaml.safe_load(
        (ROOT / "profiles/default/profile.yaml").read_text(encoding="utf-8")
    )
    assert not default.keys() & SLURM.keys()
