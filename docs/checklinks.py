"""Check a built site: `python docs/checklinks.py build/docs`.

Every link to a page, to a place in a page or to a file has to lead there; and whatever a page
loads (scripts, styles, fonts, pictures) has to lie in the site, so that it works from a disk,
and tells nobody that it is read. Links to other sites are not followed.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: What a browser fetches by itself: tag -> its attribute.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
#: Of <link>, what is not fetched.
NOT_LOADED = {"canonical", "index", "search", "next", "prev"}
IN_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Take note of a tag (as `HTMLParser` calls this)."""
        given = dict(attributes)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        target = given.get(LOADED.get(tag, ""))
        if target and not NOT_LOADED & set((given.get("rel") or "").split()):
            self.loaded.append(target)


def faults(site):
    """Yield a sentence for every link that leads nowhere, and all that lies elsewhere.

    Parameters
    ----------
    site : Path
        The folder of a built site.
    """
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    if not pages:
        yield f"{site} holds no page"
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for link in page.links:
            if reason := lost(link, path, pages):
                yield f"{name}: the link {link} leads nowhere: {reason}"
        for target in page.loaded:
            if reason := lost(target, path, pages, elsewhere="it is on another site"):
                yield f"{name}: {target} cannot be loaded from here: {reason}"
    for path in sorted(site.rglob("*.css")):
        for found in IN_STYLE.finditer(path.read_text(encoding="utf-8")):
            target = found[1] or found[2]
            if reason := lost(target, path.resolve(), pages, elsewhere="it is on another site"):
                yield f"{path.relative_to(site)}: {target} cannot be loaded: {reason}"


def lost(link, path, pages, elsewhere=""):
    """Return why a link of a file leads nowhere; empty if it leads somewhere.

    Parameters
    ----------
    elsewhere : str
        What is wrong with a link to another site, if anything is.
    """
    parts = urlsplit(link)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return elsewhere
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "there is no such file"
    if not parts.fragment or target not in pages:
        return ""
    known = unquote(parts.fragment) in pages[target].places
    return "" if known else "the page has no such place"


def main():
    """Print what is wrong with the site that is named; exit with 1 if anything is."""
    found = list(faults(Path(sys.argv[1])))
    for sentence in found:
        print(sentence, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
