"""Attacks made of stages: a name for each, and where its function is.

An attack is a line of configuration that chooses one function for each of four stages:

==========  ========================================================  ======================
stage       a function of (problem, …, rng, options)                  returns
==========  ========================================================  ======================
similarity  ``similarity(problem, rng)``                              features, (E, anything)
assignment  ``assignment(problem, features, rng)``                    `Assignment`
retrieval   ``retrieval(problem, assignment, rng)``                   `State`
finish      ``finish(problem, state, rng)``                           `Recovery`
==========  ========================================================  ======================

A choice is written ``name`` or ``name,option=value,…``. The name is one of `STAGES`, or
``module:function`` for a function of one's own; options are its keyword arguments.

Standard library only: the workflow reads it whenever it is parsed.
"""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from instahide.errors import InstaHideError

#: stage -> name -> where its function is
STAGES = {
    "similarity": {
        "whitened": "instahide.attacks.unmixing.similarity:whitened",
        "plain": "instahide.attacks.unmixing.similarity:plain",
    },
    "assignment": {
        "em": "instahide.attacks.unmixing.assignment:em",
        "free": "instahide.attacks.unmixing.blindassignment:assign_blindly",
        "places": "instahide.attacks.unmixing.insideassignment:assign_inside",
    },
    "retrieval": {
        "field": "instahide.attacks.unmixing.retrieval:field",
        "free": "instahide.attacks.unmixing.blindretrieval:retrieve_blindly",
        "places": "instahide.attacks.unmixing.insideretrieval:retrieve_inside",
    },
    "finish": {
        "local": "instahide.attacks.unmixing.finish:local",
        "none": "instahide.attacks.unmixing.finish:none",
        "pool": "instahide.attacks.knownpool.finish:decode_with_pool",
    },
}
#: Attacks that are always there: what each changes of the defaults.
NAMED = {
    "whitened": {},
    "whitened-classes": {"labels": "classes", "assignment": "free", "retrieval": "free"},
    "whitened-none": {"labels": "none", "assignment": "free", "retrieval": "free"},
    "whitened-inside": {"assignment": "places", "retrieval": "places", "finish": "none"},
    "pool": {"public": "pool", "finish": "pool"},
}
TARGET = re.compile(r"[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*:[a-zA-Z_]\w*")
NAME = re.compile(rf"[a-zA-Z0-9_-]+|{TARGET.pattern}")
# Part of a path in which Snakemake looks for braces.
OPTION = re.compile(r"([a-z_]\w*)=([^,/{}\s]+)")


@dataclass(frozen=True)
class Choice:
    """A function for a stage, and its options.

    Attributes
    ----------
    stage : str
        One of `STAGES`.
    text : str
        As it is written; part of the path of what the stage makes.

    Raises
    ------
    InstaHideError
        When the text does not name a function, or no stage of the project has that name.
    """

    stage: str
    text: str

    def __post_init__(self):
        name, *options = self.text.split(",")
        if not NAME.fullmatch(name) or not all(OPTION.fullmatch(text) for text in options):
            raise InstaHideError(
                f"{self.stage} {self.text!r} is not of the form name,option=value or "
                "module:function,option=value"
            )
        if ":" not in name and name not in STAGES[self.stage]:
            known = ", ".join(STAGES[self.stage])
            raise InstaHideError(
                f"{self.stage} {name!r} is none of {known}; a function of your own is written "
                "module:function"
            )

    @property
    def target(self) -> str:
        """Where the function is: ``module:function``."""
        name = self.text.split(",")[0]
        return STAGES[self.stage].get(name, name)

    @property
    def options(self) -> dict[str, Any]:
        """The function's keyword arguments."""
        pairs = (OPTION.fullmatch(text).groups() for text in self.text.split(",")[1:])
        return {key: _value(text) for key, text in pairs}

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
                    f"{self.stage} {self.text!r}: {self.target} has no option {name!r}; it has "
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

    def memory(self, size: Any) -> float | None:
        """Return the bytes that the function needs for a problem of this size.

        None where its module does not say, see `instahide.attacks.needs`.
        """
        load_function(self.target)
        module, _, name = self.target.partition(":")
        estimate = getattr(sys.modules[module], f"{name}_needs", None)
        return None if estimate is None else estimate(size)

    def __call__(self, *arguments: Any, **others: Any) -> Any:
        """Call the function with its options, and with `others` that no text can give."""
        return self.function()(*arguments, **self.options, **others)


@dataclass(frozen=True)
class Stages:
    """The four choices of an attack, as they are written; the defaults are `whitened`."""

    similarity: str = "whitened"
    assignment: str = "em"
    retrieval: str = "field"
    finish: str = "local"

    def __post_init__(self):
        for part in fields(self):
            self.choice(part.name)

    def choice(self, stage: str) -> Choice:
        """Return the choice for a stage."""
        return Choice(stage, getattr(self, stage))


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
