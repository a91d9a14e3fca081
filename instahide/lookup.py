"""Whether a function is there, told from its module's source: nothing of it is run.

The workflow asks when it reads the configuration, where importing would take seconds and
would run other people's code before anything has been decided.
"""

import ast
import difflib
import functools
from collections.abc import Iterator
from pathlib import Path

from instahide.choice import Choice, module_file
from instahide.errors import InstaHideError

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def check_choice(choice: Choice) -> None:
    """Refuse a choice whose function, or an option of it, is not there.

    Raises
    ------
    InstaHideError
        When there is no such module, function or option. What the source does not tell, as
        of a function that is imported from elsewhere, is left to the job.
    """
    found = check_function(choice.target)
    if not isinstance(found, FUNCTIONS) or found.decorator_list:
        return
    known = [argument.arg for argument in found.args.kwonlyargs]
    for name in choice.options:
        if name not in known:
            raise InstaHideError(
                f"{choice.kind} {choice.text!r}: {choice.target} has no option {name!r}; it "
                f"has {', '.join(known) or 'none'}"
            )


def check_function(target: str) -> ast.stmt | None:
    """Return the statement that makes ``module:function``, or None where it is hidden.

    Raises
    ------
    InstaHideError
        When there is no such module, its source cannot be read, or it makes no such name.
    """
    path, name = module_file(target), target.partition(":")[2]
    made = _names(path)
    if name in made:
        return made[name]
    if "*" in made or "__getattr__" in made:
        return None
    functions = [known for known, part in made.items() if isinstance(part, FUNCTIONS)]
    close = difflib.get_close_matches(name, functions, n=1)
    raise InstaHideError(
        f"{target}: {path} has no function {name}"
        + (f"; did you mean {close[0]}?" if close else "")
    )


@functools.cache
def _names(path: Path) -> dict[str, ast.stmt]:
    """Return what a module makes at its top level: names, and the statement of each."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InstaHideError(f"{path} cannot be read as Python: {error}") from None
    return {name: part for part in _statements(tree.body) for name in _made_by(part)}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements and those in branches and loops, not those in functions and classes."""
    for part in body:
        yield part
        if not isinstance(part, (*FUNCTIONS, ast.ClassDef)):
            for block in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(part, block, []))
            for handler in getattr(part, "handlers", []):
                yield from _statements(handler.body)


def _made_by(part: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement makes; `*` for all of another module's."""
    if isinstance(part, (*FUNCTIONS, ast.ClassDef)):
        yield part.name
    elif isinstance(part, ast.Import | ast.ImportFrom):
        for alias in part.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(part, ast.Assign | ast.AnnAssign):
        for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
            yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
