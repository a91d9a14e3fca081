"""One word, one thing: no public name is defined in two modules."""

import ast
from collections import defaultdict

from instahide.codehash import PACKAGE

#: The same part in modules that are called alike.
CONVENTIONS = {
    "add_commands",  # what each topic of the command line is entered by
    "main",  # cli, quietly: what a command line runs
    "read",  # photos/headers: what reads the header of each kind of file
}


def defined(tree):
    """Yield the names that a module defines."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id


def test_no_public_name_is_defined_in_two_modules():
    modules = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for name in defined(ast.parse(path.read_text(encoding="utf-8"))):
            modules[name].add(str(path.relative_to(PACKAGE)))
    public = {name for name in modules if not name.startswith("_")}
    twice = {name for name in public - CONVENTIONS if len(modules[name]) > 1}
    assert {name: modules[name] for name in twice} == {}
