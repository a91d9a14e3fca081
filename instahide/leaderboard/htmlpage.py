"""Small self-contained HTML pages from templates: escaped text, tables that scroll in a box.

The templates lie in `templates/` of this room or of the one that asks, whose pages may extend
those here; what is put into them is escaped by Jinja2, and a name that a template asks for and
does not get is an error.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

_ROOM = "instahide.leaderboard"
#: Shown above a table where the page is narrower than that.
MORE_TO_THE_SIDE = "→ The table goes on to the right: swipe it, or use the arrow keys in it."


@dataclass(frozen=True)
class Cell:
    """A cell of a table, unescaped: a text, a smaller one below it, how it is set.

    Attributes
    ----------
    style : str
        Classes of the page's style sheet: ``number``; ``line`` or, staying in view,
        ``key``, which are one line; ``text``.
    """

    text: str
    below: str = ""
    style: str = "line"


def render(template: str, *, room: str = _ROOM, **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        Name of a file in `templates/`, such as ``"leaderboard.html.j2"``.
    room : str
        Package whose `templates/` are looked into first.
    values
        What it asks for, unescaped; ``title`` always.
    """
    return _environment(room).get_template(template).render(values)


@cache
def _environment(room: str) -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys([room, _ROOM])]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
