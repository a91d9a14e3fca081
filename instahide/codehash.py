"""A digest of what a stage's code means, so that Snakemake re-runs what changed.

Snakemake notices neither a change in a module that a script imports, nor that a commented
or freshly checked out script means what it meant before. So every rule has a parameter
``code``: the digest of its script and of all `instahide` modules that the script imports,
directly or not, without comments, docstrings and layout, and of the versions of libraries
whose numbers matter.

Standard library only: it runs whenever the workflow is parsed.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent


def code_digest(script: Path | str, libraries: Iterable[str] = ()) -> str:
    """Return 16 hexadecimal digits for the meaning of a script.

    Parameters
    ----------
    script : path
        A Python file.
    libraries : iterable of str
        Distributions whose installed versions count too.
    """
    digest = hashlib.sha256()
    # A script and a module may share a name, so folders count; where they lie does not.
    for path in sorted(reachable(Path(script)), key=lambda path: path.parts[-2:]):
        digest.update(f"{'/'.join(path.parts[-2:])}\0{meaning(path)}\0".encode())
    for library in sorted(libraries):
        digest.update(f"{library} {version(library)}\0".encode())
    return digest.hexdigest()[:16]


def reachable(script: Path) -> set[Path]:
    """Return a script and all modules of this package that it imports, at any depth."""
    found, open_ = set(), [script]
    while open_:
        path = open_.pop()
        if path not in found:
            found.add(path)
            open_.extend(imported(path))
    return found


def imported(path: Path) -> tuple[Path, ...]:
    """Return the files of the modules of this package that a file imports itself."""
    return read_module(path)[1]


def meaning(path: Path) -> str:
    """Return a file's code without comments, docstrings and layout."""
    return read_module(path)[0]


@functools.cache
def read_module(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Return what a file means, and which files of this package it imports."""
    tree = ast.parse(path.read_bytes())
    parts = list(_statements(tree))
    files = (package_file(name) for name in _imported_names(parts))
    found = tuple(file for file in files if file)
    for node in parts:
        body = getattr(node, "body", None)
        if body and _is_text(body[0]) and not isinstance(node, ast.If):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree), found


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all statements in it, at any depth; handlers and cases as well.

    No expression holds a statement, so none is looked into: most of a file is expressions.
    """
    yield node
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        for inner in getattr(node, name, ()):
            yield from _statements(inner)


def package_file(name: str) -> Path | None:
    """Return the file of a module such as ``instahide.pool.crops``; None if it is no module."""
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*parts[1:])
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def _imported_names(parts: Iterable[ast.AST]) -> Iterator[str]:
    """Yield what statements import; ``from a import b`` as a and a.b."""
    for node in parts:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
