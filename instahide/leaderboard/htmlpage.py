"""Small self-contained HTML pages: escaped text, tables that scroll inside their box."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #6b6b6b; }
@media (prefers-color-scheme: dark) { :root { --soft: #a8a8a8; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 92rem; }
h1 { font-size: 1.5rem; line-height: 1.2; }
p { max-width: 44rem; overflow-wrap: anywhere; }
.box { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: separate; border-spacing: 0; font-size: .8125rem; width: 100%; }
th, td { padding: .4rem .45rem; text-align: left; vertical-align: top; background: Canvas; }
th { white-space: nowrap; border-bottom: 2px solid var(--line); }
tr + tr td { border-top: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.line, .key { white-space: nowrap; }
.key { position: sticky; left: 0; }
.text { min-width: 7.5rem; overflow-wrap: anywhere; }
small { display: block; color: var(--soft); font-size: .71875rem; }
@media (max-width: 40rem) {
  .line, .key { white-space: normal; }
  .key { min-width: 6.5rem; max-width: 8rem; }
}
.muted td { background: color-mix(in srgb, Canvas 94%, CanvasText); }
.passed, .warning, .failed { white-space: nowrap; }
.passed::before { content: "✓ "; color: #1a7f37; font-weight: bold; }
.warning::before { content: "! "; color: #9a6700; font-weight: bold; }
.failed::before { content: "✗ "; color: #cf222e; font-weight: bold; }
"""


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

    def as_html(self) -> str:
        """Return the cell, escaped."""
        below = f"<small>{escape(self.below)}</small>" if self.below else ""
        return f'<td class="{escape(self.style)}">{escape(self.text)}{below}</td>'


def table(titles: Iterable[Cell], rows: Iterable[tuple[str, Iterable[Cell]]]) -> str:
    """Return a table in a box of its own.

    Parameters
    ----------
    titles : iterable of Cell
    rows : iterable of (str, iterable of Cell)
        Each with a class of the row: ``muted`` or nothing.
    """
    head = "".join(
        f'<th class="{escape(cell.style)}">{escape(cell.text)}</th>' for cell in titles
    )
    body = "\n".join(
        f'<tr class="{escape(style)}">{"".join(cell.as_html() for cell in cells)}</tr>'
        for style, cells in rows
    )
    return (
        f'<div class="box" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def paragraph(text: str) -> str:
    """Return a paragraph of unescaped text."""
    return f"<p>{escape(text)}</p>"


def page(title: str, *parts: str) -> str:
    """Return a whole page of a title and parts that are HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )
