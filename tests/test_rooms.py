"""The house's order: lower rooms never import higher ones."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "instahide"
# Single modules of the package stand on the ground, but for those that stand on rooms. A room
# imports itself and what is below it: rooms of one level do not know each other.
LEVELS = {
    "ground": 0,
    "randomness": 1,
    "photos": 2,
    "encodings": 3,
    "pool": 4,
    "challenge": 5,
    "attacks": 6,
    "scoring": 6,
    "training": 6,
    "sweeps": 7,
    "leaderboard": 8,
    "auditing": 9,
    "hosting": 9,
    "intake": 9,
    "config": 10,
    "participants": 10,
    "commands": 11,
    "cli": 12,
    "notebook": 12,
    "__main__": 13,
}


def room(parts):
    """Return the room of a module's path below the package."""
    name = parts[0].removesuffix(".py") if parts else "ground"
    return name if name in LEVELS else "ground"


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("instahide."):
                yield room(name.split(".")[1:])


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_room_imports_a_higher_one(path):
    own = room(path.relative_to(PACKAGE).parts)
    others = {name for name in imported_rooms(path) if name != own}
    assert not [name for name in others if LEVELS[name] >= LEVELS[own]]
