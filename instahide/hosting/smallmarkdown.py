"""Our own pages from Markdown to HTML, for a platform that takes no Markdown.

Only what the templates of this room use: headings, paragraphs, lists, tables, fenced code, and
within lines code, bold and addresses.
"""

import html
import re
from collections.abc import Iterator

_INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<b>\1</b>"),
    (re.compile(r"&lt;(https?://[^\s&]+)&gt;"), r'<a href="\1">\1</a>'),
)


def markdown_as_html(text: str) -> str:
    """Return a page's body as HTML.

    >>> markdown_as_html("# A & b\\n\\nSome `code`.")
    '<h1>A &amp; b</h1>\\n<p>Some <code>code</code>.</p>\\n'
    """
    return "".join(f"{_block(block)}\n" for block in _blocks(text))


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines of each block: what blank lines part, but fenced code whole."""
    block: list[str] = []
    for line in text.splitlines():
        fenced = bool(block) and block[0].startswith("```")
        if fenced and line.startswith("```"):
            yield block
            block = []
        elif fenced or line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _block(lines: list[str]) -> str:
    first = lines[0]
    if first.startswith("```"):
        return f"<pre>{html.escape(chr(10).join(lines[1:]))}</pre>"
    if first.startswith("#"):
        level = len(first) - len(first.lstrip("#"))
        return f"<h{level}>{_line(first.lstrip('# '))}</h{level}>"
    if first.startswith("|"):
        return _table(lines)
    if first.startswith("- "):
        items = re.split(r"(?:^|\n)- ", "\n".join(lines))[1:]
        return "<ul>" + "".join(f"<li>{_line(item)}</li>" for item in items) + "</ul>"
    return f"<p>{_line(chr(10).join(lines))}</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, body = rows[0], rows[2:]
    titles = "".join(f"<th>{_line(cell)}</th>" for cell in head)
    cells = ("".join(f"<td>{_line(cell)}</td>" for cell in row) for row in body)
    return (
        f"<table><tr>{titles}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
    )


def _line(text: str) -> str:
    text = html.escape(re.sub(r"\n\s*", " ", text), quote=False)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text
