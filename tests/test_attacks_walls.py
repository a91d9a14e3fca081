"""Walls between the stages of attacks: what stands behind one re-runs alone."""

import pytest

from instahide.codehash import PACKAGE, reachable

ATTACKS = PACKAGE / "attacks"
SHARED = {"__init__.py", "problem.py", "state.py"}
STAGES = {path for path in (ATTACKS / "unmixing").glob("*.py") if path.name not in SHARED}
NEURAL = ATTACKS / "neural"
STAGES |= {
    NEURAL / f"{name}.py"
    for name in (
        "training",
        "similarity",
        "prototypetraining",
        "cliques",
        "prototypes",
        "retrieval",
        "finish",
    )
}
#: It attacks challenges of its own with all stages, so it is to re-run with each of them.
WHOLE = {NEURAL / "errorfinish.py"}
FILES = [
    path
    for room in ("unmixing", "knownpool", "neural")
    for path in sorted((ATTACKS / room).rglob("*.py"))
    if path not in WHOLE
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ATTACKS)))
def test_a_change_of_one_stage_is_a_change_of_no_other(path):
    assert STAGES
    assert not (reachable(path) - {path}) & STAGES
