"""The page of an audit as Chromium shows it: widths, keyboard, policy, print."""

import re
import socket

import pytest
from auditresults import audited, pictures
from browser import CHROMIUM, MAY_BE_ABSENT, browser

from instahide.auditing.page import page_of, save_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None and MAY_BE_ABSENT, reason="Chromium is not installed"),
]
SIZES = [(1280, 900), (400, 800)]
FOCUSED = "document.activeElement"
LISTED = """[...document.querySelectorAll("#list tbody tr")].filter(
    (row) => row.offsetParent).map((row) => row.querySelector("bdi").textContent)"""
LONG = "very_long_name" * 18
FILES = (
    "dogs/10.png",
    "dogs/2.png",
    f"cats/{LONG}.png",
    "cats/\u202egnp.png",
    "cats/صورة.png",
    "cats/<b>.png",
)


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pages")
    save_page(made / "leaks.html", audited(files=FILES, title=LONG))
    save_page(made / "nothing.html", audited(files=FILES, noise=(9.0, 9.0, 9.0)))
    alike = pictures(1).repeat(6, axis=0)
    save_page(made / "alike.html", audited(alike, files=FILES, noise=(0.0, 0.0, 0.0)))
    some = pictures(6)
    some[5] = some[4]
    save_page(made / "some.html", audited(some, files=FILES, chance=9.0))
    return made


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["leaks", "nothing", "alike", "some"])
def test_the_first_screen_answers_and_nothing_runs_over(chromium, folder, name, size, dark):
    width, height = size
    chromium.open(folder / f"{name}.html", width, height, dark=dark)
    assert chromium.value("document.documentElement.scrollWidth") <= width
    for part in (".said", ".pairs"):
        bottom = f"document.querySelector('{part}').getBoundingClientRect().bottom"
        assert chromium.value(bottom) <= height
    shown = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    assert chromium.value(shown)
    assert chromium.complaints == []


def contrast(chromium, selector):
    """WCAG's contrast of a text with the page behind it."""

    def light(colour):
        channels = [int(one) / 255 for one in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    text = chromium.value(f"getComputedStyle(document.querySelector('{selector}')).color")
    canvas = chromium.value(
        "(() => { const box = document.createElement('div'); box.style.color = 'Canvas';"
        "document.body.append(box); const found = getComputedStyle(box).color;"
        "box.remove(); return found; })()"
    )
    low, high = sorted([light(text), light(canvas)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_stand_out_from_the_page(chromium, folder, dark):
    chromium.open(folder / "leaks.html", *SIZES[0], dark=dark)
    for selector in ("h1", "p", ".about", "figcaption", ".back span", "dt em", "#status"):
        assert contrast(chromium, selector) >= 4.5, selector


def tab_to(chromium, wanted):
    """Press Tab until what has the focus says so, as somebody without a mouse would."""
    for _ in range(40):
        chromium.press("Tab")
        if wanted in chromium.value(f"({FOCUSED}.closest('label') || {FOCUSED}).textContent"):
            return
    raise AssertionError(f"no Tab leads to {wanted}")


def test_the_list_is_sorted_by_keyboard(chromium, folder):
    chromium.open(folder / "leaks.html", *SIZES[0])
    leaked = chromium.value(LISTED)
    tab_to(chromium, "By file name")
    assert chromium.value(f"getComputedStyle({FOCUSED}).outlineStyle") != "none"
    assert float(chromium.value(f"parseFloat(getComputedStyle({FOCUSED}).outlineWidth)")) >= 2
    chromium.press("Enter")
    by_name = chromium.value(LISTED)
    assert sorted(by_name) == sorted(leaked) and by_name != leaked
    assert by_name.index("dogs/2.png") < by_name.index("dogs/10.png")  # numbers as numbers
    assert chromium.value(f"{FOCUSED}.textContent") == "By file name"
    assert chromium.value("document.querySelector('th.file').ariaSort") == "ascending"
    assert chromium.value("document.querySelectorAll('[aria-pressed=true]').length") == 1
    assert chromium.value("document.querySelector('#status').textContent") == (
        "6 images, by file name."
    )
    tab_to(chromium, "By class")
    chromium.press(" ")
    assert [name[:4] for name in chromium.value(LISTED)] == ["cats"] * 4 + ["dogs"] * 2
    chromium.open(folder / "leaks.html", *SIZES[1])
    tab_to(chromium, "Most leaked first")
    chromium.press("Enter")
    assert chromium.value(LISTED) == leaked
    assert chromium.complaints == []


def test_the_list_is_filtered_by_keyboard(chromium, tmp_path):
    found = audited(files=FILES, noise=(0.4, 0.55, 3.0))
    recognised = {
        file
        for one in found.found.values()
        for file, is_so in zip(found.files, one.recognised, strict=True)
        if is_so
    }
    assert 0 < len(recognised) < 6
    save_page(tmp_path / "some.html", found)
    chromium.open(tmp_path / "some.html", *SIZES[1])
    tab_to(chromium, "Only those")
    chromium.press(" ")
    shown = chromium.value(LISTED)
    assert {name.replace(r"\u202e", "\u202e") for name in shown} == recognised
    said = chromium.value("document.querySelector('#status').textContent")
    assert said.startswith(f"{len(recognised)} of 6 images, most leaked first")
    chromium.press(" ")
    assert len(chromium.value(LISTED)) == 6


def test_without_script_the_list_is_complete_and_has_no_dead_buttons(chromium, folder):
    chromium.open(folder / "leaks.html", *SIZES[0], script=False)
    assert len(chromium.value(LISTED)) == 6
    assert chromium.value("document.querySelector('.tools').offsetParent === null")
    assert chromium.value("document.querySelectorAll('h2').length") >= 6


def test_the_policy_stops_what_is_smuggled_in(chromium, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        image = f"<img src='http://127.0.0.1:{server.getsockname()[1]}/x.png'>"
        smuggled = f"<script>document.title = 'in'</script>{image}"
        page = page_of(audited()).replace("</main>", f"{smuggled}</main>")
        (tmp_path / "page.html").write_text(page, encoding="utf-8")
        chromium.open(tmp_path / "page.html", *SIZES[0])
        assert chromium.value("document.title") == "What leaks from scans"
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()
    told = " ".join(chromium.complaints)
    assert "script-src" in told and "img-src" in told


def test_it_prints_light_and_without_controls(chromium, folder):
    chromium.open(folder / "leaks.html", *SIZES[0], dark=True)
    printed = chromium.pdf()
    assert printed.startswith(b"%PDF-") and printed.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2
    chromium.ask("Emulation.setEmulatedMedia", media="print")
    try:
        assert chromium.value("document.querySelector('.tools').offsetParent === null")
        assert contrast(chromium, "h1") >= 4.5
        row = "getComputedStyle(document.querySelector('#list tbody tr')).breakInside"
        assert chromium.value(row) == "avoid"
        scheme = "getComputedStyle(document.documentElement).colorScheme"
        assert chromium.value(scheme) == "light"
    finally:
        chromium.ask("Emulation.setEmulatedMedia", media="")
