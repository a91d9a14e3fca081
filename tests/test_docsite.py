"""The documentation site: what is made of the code is up to date, and the site is whole."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import instahide.notebook

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
has_sphinx = all(map(importlib.util.find_spec, ("sphinx", "myst_parser", "furo", "numpydoc")))
needs_sphinx = pytest.mark.skipif(not has_sphinx, reason="make test-docs has Sphinx")


def of_docs(name):
    """Import one of the programs in docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate, sitelinks, checklinks = map(of_docs, ("generate", "sitelinks", "checklinks"))


def read(path):
    return path.read_text(encoding="utf-8")


def test_the_page_of_commands_is_what_the_commands_are():
    assert read(generate.COMMANDS) == generate.commands_page(), "make keys renews it"


def test_the_page_of_the_configuration_has_the_table_of_keys():
    text = read(generate.CONFIGURATION)
    assert text == generate.configuration_page(text), "make keys renews it"


def test_commands_of_commands_are_told_with_their_options():
    page = generate.commands_page()
    assert "\n## `instahide score`\n" in page and "\n### `instahide attack pool`\n" in page
    assert "| `--k` `K` | images in a mixture (default 6) |" in page
    assert "(here " not in page  # the number of this machine's cores
    assert "--help" not in page.partition("\n## ")[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("`a_b` and a_b", r"`a_b` and a\_b"),
        ("two\n  lines", "two lines"),
        ("<!-- keys -->", r"\<!-- keys --\>"),
    ],
)
def test_help_texts_are_shown_as_they_are(text, shown):
    assert generate.inline(text) == shown


def test_every_public_function_has_its_place():
    page = read(DOCS / "reference/python.md")
    told = re.findall(r":: instahide\.(\w+)$", page, re.MULTILINE)
    assert sorted(told) == sorted(instahide.notebook.__all__)


def test_every_page_is_in_the_navigation():
    reached, waiting = set(), ["index"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for tree in TOCTREE.findall(read(DOCS / f"{name}.md")):
            for line in tree.splitlines():
                entry = re.sub(r".*<(.*)>", r"\1", line)
                if entry and not entry.startswith(":"):
                    page = ((DOCS / name).parent / entry).resolve().relative_to(DOCS.resolve())
                    waiting += {str(page)} - reached
    assert reached == {str(p.relative_to(DOCS).with_suffix("")) for p in DOCS.rglob("*.md")}


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("[a](../README.md)", "[a](/index.md)"),
        ("[`rules`](../workflow/rules)", "`rules`"),
        ("[a](../Snakefile)", "[a](../Snakefile)"),
        ("[`C.md`](../CONTRIBUTING.md)", "{download}`C.md <../CONTRIBUTING.md>`"),
        ("[a](scoring.md#metrics)", "[a](scoring.md#metrics)"),
        ("[a](../docs/pool.md)", "[a](../docs/pool.md)"),
        ("![a](../docs/pool.png)", "![a](../docs/pool.png)"),
    ],
)
def test_links_that_lead_out_of_docs(text, rewritten):
    assert sitelinks.rewritten(text, "attacks", DOCS) == rewritten


def test_signs_of_docstrings_are_kept():
    lines = ["of |x|, ``|y|`` and `|z|`, shape (*places, H), (n, *shape), a * b"]
    sitelinks.keep_signs(None, "", "", None, None, lines)
    assert lines == [r"of \|x\|, ``|y|`` and `|z|`, shape (\*places, H), (n, \*shape), a * b"]


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("instahide.leaderboard.recheck", True),
        ("instahide.scoring.mixed.mixed_images", True),
        ("instahide.scoring.mixed.no_such", False),
        ("instahide.no_such.thing", False),
        ("numpy.ndarray", False),
    ],
)
def test_names_that_docstrings_tell_are_looked_up(name, there):
    assert sitelinks.is_named(name) == there


def faults(folder, **pages):
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return list(checklinks.faults(folder))


def test_a_site_without_faults_passes(tmp_path):
    (tmp_path / "a b.css").write_text("p {background: url(data:image/png;x)}", encoding="utf-8")
    one = '<link rel="stylesheet" href="a%20b.css?v=1"><a id="here"></a><a href="two.html#x">'
    two = '<p id="x"><a href="one.html#here"></a><a href="#x"></a><a href="https://a.org/b">'
    assert faults(tmp_path, one=one, two=two) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('<a href="two.html">', "there is no such file"),
        ('<a href="#nowhere">', "the page has no such place"),
        ('<img src="a.png">', "there is no such file"),
        ('<script src="https://a.org/b.js">', "on another site"),
        ('<script src="//a.org/b.js">', "on another site"),
        ('<link rel="stylesheet" href="https://a.org/b.css">', "on another site"),
    ],
)
def test_every_fault_of_a_site_is_told(tmp_path, text, told):
    (fault,) = faults(tmp_path, one=text)
    assert fault.startswith("one.html: ") and fault.endswith(told)


def test_styles_and_empty_sites_are_looked_at_too(tmp_path):
    assert faults(tmp_path) == [f"{tmp_path} holds no page"]
    style = "@import 'https://a.org/b.css'; p {background: url(https://a.org/c.png)}"
    (tmp_path / "a.css").write_text(style, encoding="utf-8")
    assert len(faults(tmp_path, one="")) == 2


def build(docs, out):
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-d", out.parent / "doctrees"]
    command = [sys.executable, "-m", "sphinx", *options, docs, out]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


@needs_sphinx
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_every_link_leads_somewhere(tmp_path):
    done = build(DOCS, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert list(checklinks.faults(tmp_path / "site")) == []
    assert "instahide.evaluate" in read(tmp_path / "site/reference/python.html")


@needs_sphinx
@pytest.mark.slow
def test_a_link_to_a_page_that_is_not_there_ends_the_build(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("conf.py", "sitelinks.py"):
        shutil.copy(DOCS / name, tmp_path / "docs")
    (tmp_path / "docs/site").mkdir()
    (tmp_path / "docs/site/site.css").touch()
    page = tmp_path / "docs/index.md"
    page.write_text("# A\n\n[b](b.md)\n", encoding="utf-8")
    assert "xref_missing" in build(tmp_path / "docs", tmp_path / "site").stderr
    page.write_text("# A\n\n[b](#a)\n", encoding="utf-8")
    assert build(tmp_path / "docs", tmp_path / "site").returncode == 0
