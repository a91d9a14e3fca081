"""A function chosen by name, with options: ``name,option=value,…``.

The name is one of those that a catalogue knows, or ``module:function`` for a function of one's
own; options are its keyword-only arguments. Stages of attacks and encodings are chosen so.

Standard library only: the workflow reads it whenever it is parsed, and nothing is imported
before a function is called.
"""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instahide.errors import InstaHideError

TARGET = re.compile(r"[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*:[a-zA-Z_]\w*")
CHOICE = re.compile(rf"[a-zA-Z0-9_-]+|{TARGET.pattern}")
# Part of a path in which Snakemake looks for braces.
OPTION = re.compile(r"([a-z_]\w*)=([^,/{}\s]+)")


@dataclass(frozen=True)
class Choice:
    """A function and its options, see `choose`.

    Attributes
    ----------
    kind : str
        What it is chosen as, for messages, such as ``"similarity"``.
    text : str
        As it is written; part of the path of what it makes.
    target : str
        Where the function is: ``module:function``.
    """

    kind: str
    text: str
    target: str

    @property
    def options(self) -> dict[str, Any]:
        """The function's keyword arguments."""
        pairs = (OPTION.fullmatch(text).groups() for text in self.text.split(",")[1:])
        return {key: _value(text) for key, text in pairs}

    @property
    def is_own(self) -> bool:
        """Whether it is written as ``module:function``, and not by a name of the project."""
        return ":" in self.text.partition(",")[0]

    def file(self) -> Path:
        """Return the file of the function's module, without importing it."""
        return module_file(self.target)

    def function(self) -> Callable[..., Any]:
        """Return the function, its options checked.

        Raises
        ------
        InstaHideError
            When there is no such module, function or option.
        """
        found, known = load_function(self.target), self.keywords()
        for name in self.options:
            if name not in known:
                raise InstaHideError(
                    f"{self.kind} {self.text!r}: {self.target} has no option {name!r}; it has "
                    f"{', '.join(known) or 'none'}"
                )
        return found

    def keywords(self) -> list[str]:
        """Return the names of the function's options."""
        parameters = inspect.signature(load_function(self.target)).parameters
        return [
            name
            for name, parameter in parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]

    def __call__(self, *arguments: Any, **others: Any) -> Any:
        """Call the function with its options, and with `others` that no text can give."""
        return self.function()(*arguments, **self.options, **others)


def choose(kind: str, text: str, known: Mapping[str, str]) -> Choice:
    """Read a choice.

    Parameters
    ----------
    kind : str
        What is chosen, for messages.
    text : str
        ``name,option=value,…`` or ``module:function,option=value,…``.
    known : mapping of str to str
        ``module:function`` by name.

    Raises
    ------
    InstaHideError
        When the text does not name a function, or no function of the project has that name.

    Examples
    --------
    >>> choose("number", "half,of=3", {"half": "mathematics:halve"}).target
    'mathematics:halve'
    >>> choose("number", "mine:double,of=3", {}).options
    {'of': 3}
    """
    name, *options = text.split(",")
    if not CHOICE.fullmatch(name) or not all(OPTION.fullmatch(option) for option in options):
        raise InstaHideError(
            f"{kind} {text!r} is not of the form name,option=value or "
            "module:function,option=value"
        )
    if ":" not in name and name not in known:
        raise InstaHideError(
            f"{kind} {name!r} is none of {', '.join(known)}; a function of your own is written "
            "module:function"
        )
    return Choice(kind, text, known.get(name, name))


def load_function(target: str) -> Callable[..., Any]:
    """Import ``module:function``; the current folder's modules are found too.

    Raises
    ------
    InstaHideError
        When there is no such module or function.
    """
    module_file(target)
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name, None)
    if not callable(found):
        raise InstaHideError(f"{target}: the module {module} has no function {name}")
    return found


def module_file(target: str) -> Path:
    """Return the file of the module of ``module:function``.

    Raises
    ------
    InstaHideError
        When the text is not of this form, or there is no such module written in Python.
    """
    if not TARGET.fullmatch(target):
        raise InstaHideError(f"{target!r} is not of the form module:function")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    module = target.partition(":")[0]
    path = _source(module)
    if path is None or path.suffix != ".py" or not path.is_file():
        raise InstaHideError(
            f"{target}: there is no module {module} in {os.getcwd()} or among those installed "
            "that is written in Python"
        )
    return path


def _source(module: str) -> Path | None:
    """Return the file of a module; `find_spec` would run the code of packages above it."""
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):  # such as __main__, which has none
        return None
    if spec is None or not rest:
        return Path(spec.origin) if spec and spec.origin else None
    bases = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    files = (file for base in bases for file in (base / "__init__.py", base.with_suffix(".py")))
    return next(filter(Path.is_file, files), None)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
