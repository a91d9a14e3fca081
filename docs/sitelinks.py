"""Links of the pages that lead out of docs/, as the site needs them: a Sphinx extension.

In the repository a page links to the file that it speaks of. On the site a file becomes a
download; the README is the first page of the site, and folders have none, so
that only their name is left. Names in docstrings that have no page on the site stay as they
are, if the package has them.
"""

import importlib
import importlib.util
import re
from pathlib import Path

#: A link of Markdown that climbs out of the folder of its page.
OUTWARD = re.compile(r"(?<!!)\[([^\]]*)\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)")
#: Files of the repository that are pages of the site -> their pages.
PAGES = {"README.md": "index.md"}


def setup(app):
    """Let Sphinx call `rewrite` for every page that it reads."""
    app.connect("source-read", rewrite)
    app.connect("autodoc-process-docstring", keep_signs, priority=1)
    app.connect("missing-reference", without_page)
    return {"version": "1", "parallel_read_safe": True}


def rewrite(app, docname, source):
    """Rewrite the links of a page, in place, as Sphinx asks for."""
    source[0] = rewritten(source[0], docname, Path(app.srcdir))


def rewritten(text, docname, docs):
    """Return a page with its outward links as the site has them.

    Parameters
    ----------
    text : str
        Markdown.
    docname : str
        The page's name, such as ``how-to/sweep``.
    docs : Path
        The folder of all pages; the repository is the folder above it.
    """
    here = (docs / docname).parent

    def replaced(match):
        words, target, anchor = match[1], match[2], match[3] or ""
        place = (here / target).resolve()
        if place.is_relative_to(docs.resolve()):
            return match[0]
        if place.is_dir():
            return words
        name = str(place.relative_to(docs.parent.resolve()))
        page = PAGES.get(name + anchor, PAGES.get(name))
        if page is not None:
            return f"[{words}](/{page})"
        # of Markdown Sphinx would want a page
        plain = words.replace("`", "")
        return f"{{download}}`{plain} <{target}>`" if target.endswith(".md") else match[0]

    return OUTWARD.sub(replaced, text)


def keep_signs(app, what, name, obj, options, lines):
    """Escape |x| and (n, *shape) in docstrings, which mean something else to Sphinx."""
    lines[:] = ["".join(_escaped(line)) for line in lines]


def _escaped(line):
    """Yield the parts of a line, signs escaped outside of ``code``."""
    for number, part in enumerate(re.split(r"(``.*?``|`[^`]*`)", line)):
        yield part if number % 2 else _plain(part)


def _plain(text):
    return re.sub(r"\||(?<=[(])\*|(?<=, )\*", r"\\\g<0>", text)


def without_page(app, env, node, contnode):
    """Leave a name of the package that has no page as it stands; warn of what is none."""
    return contnode if is_named(node.get("reftarget", "")) else None


def is_named(target):
    """Say whether the package has a module, or something in a module, of this name."""
    if target.partition(".")[0] != "instahide":
        return False
    module, _, name = target.rpartition(".")
    if not is_module(module):
        return False
    return hasattr(importlib.import_module(module), name) or is_module(target)


def is_module(target):
    """Say whether there is a module of this name."""
    try:
        return importlib.util.find_spec(target) is not None
    except ModuleNotFoundError:  # what stands before the last dot is no package
        return False
