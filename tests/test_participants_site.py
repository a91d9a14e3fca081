"""The public site: what is in it, what is not, and how Chromium shows it."""

import os
import shutil
import stat
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from browser import CHROMIUM, browser
from test_overview import record
from test_participants import run

from instahide.challenge.folder import COMPANIONS, ChallengeFolder, save_release
from instahide.challenge.manifest import load_manifest, released
from instahide.challenge.private import save_private
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.participants.site import save_site, with_links

ATTACKS = {"good": 0.6, "other": 0.4, "very-long-name-of-an-attack-" * 3: 0.2}
PUBLIC = {
    "challenge.json",
    "leaderboard.csv",
    "leaderboard.html",
    "participants.html",
    "release.zip",
}
GALLERY = b"a picture of private images"
SIZES = [(1280, 900), (400, 800)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two challenges with boards, one with a gallery."""
    root = tmp_path_factory.mktemp("made")
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    private = LabelledImages(images, np.arange(20) // 5, ("cat", "dog", "frog", "ship"))
    save_private(root / "set.npz", private)
    for name in ("first", "a b"):
        out = root / "results" / name
        scheme = ["--scheme", "inside", "--k", 3, "--rows-per-image", 2]
        assert run("encrypt", "--private", root / "set.npz", *scheme, "--out", out) == 0
        for attack, score in ATTACKS.items():
            record(root, name, f"attacks/{attack}/record.json", score, attack=attack)
        records = sorted(out.glob("attacks/*/record.json"))
        options = ["--challenge", out, "--out", out, "--title", f"Leaderboard of {name}"]
        assert run("leaderboard", *records, *options) == 0
    (root / "results/first/attacks/good/gallery.png").write_bytes(GALLERY)
    return root / "results"


@pytest.fixture
def results(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


def names_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class Addresses(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found += [value for key, value in attributes if key in ("href", "src")]


def check_links(site):
    """Every address leads to a file of the site, from wherever that lies."""
    for page in site.rglob("*.html"):
        found = Addresses(page.read_text(encoding="utf-8")).found
        assert found or page.name == "participants.html"
        for address in found:
            if not address.startswith("data:"):
                assert not address.startswith("/") and ":" not in address
                place = (page.parent / unquote(address)).resolve()
                assert place.is_file() and place.is_relative_to(site.resolve()), address


def test_the_site_holds_what_is_public_and_its_links_lead_there(results, tmp_path, capsys):
    site = tmp_path / "site"
    assert run("site", site, results / "first", results / "a b") == 0
    told = capsys.readouterr().out
    assert "galleries, which show private images, were left out" in told
    expected = {f"{name}/{file}" for name in ("first", "a b") for file in PUBLIC}
    assert names_below(site) == {"index.html", ".nojekyll"} | expected
    check_links(site)
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "first/participants.html" in index and "a%20b/leaderboard.html" in index
    assert "<b>0.600</b>" in index and "gallery" not in index


def test_nothing_secret_is_in_it(results, tmp_path):
    site = tmp_path / "site"
    save_site(site, [results / "first"])
    folder = ChallengeFolder(results / "first")
    seed = folder.seed.read_text(encoding="utf-8").strip().removeprefix("hex:")
    secrets = [seed.encode(), bytes.fromhex(seed), GALLERY]
    secrets += [path.read_bytes()[:64] for path in (folder.truth, folder.private)]
    for path in site.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


def test_everybody_may_read_it_whatever_the_umask(results, tmp_path):
    (tmp_path / "site").mkdir(mode=0o755)
    before = os.umask(0o077)
    try:
        save_site(tmp_path / "site", [results / "first"])
        save_site(tmp_path / "new", [results / "first"])
    finally:
        os.umask(before)
    for site in (tmp_path / "site", tmp_path / "new"):
        for path in [site, *site.rglob("*")]:
            expected = 0o755 if path.is_dir() else 0o644
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_galleries_come_along_only_when_asked_for(results, tmp_path, capsys):
    site = tmp_path / "site"
    assert run("site", site, results / "first", "--with-galleries") == 0
    assert "private images" in capsys.readouterr().out
    assert (site / "first/galleries/good.png").read_bytes() == GALLERY
    check_links(site)
    assert run("site", site, results / "first", "--force") == 2
    assert "galleries of an earlier site" in capsys.readouterr().err


def test_releases_can_be_left_out(results, tmp_path):
    save_site(tmp_path / "site", [results / "first"], with_releases=False)
    assert "first/release.zip" not in names_below(tmp_path / "site")
    check_links(tmp_path / "site")


def test_nothing_is_replaced_without_a_word(results, tmp_path, capsys):
    site = tmp_path / "site"
    arguments = ("site", site, results / "first")
    assert run(*arguments) == run(*arguments) == 0  # the same is no replacement
    (site / "index.html").write_text("mine", encoding="utf-8")
    (site / "CNAME").write_text("example.org", encoding="utf-8")
    capsys.readouterr()
    assert run(*arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert (site / "index.html").read_text(encoding="utf-8") == "mine"
    assert run(*arguments, "--force") == 0
    assert "mine" not in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "CNAME").read_text(encoding="utf-8") == "example.org"


def remove(name):
    return lambda folder: (folder.path / name).unlink()


def pack_a_secret(folder):
    save_release(folder, [*released(load_manifest(folder)), *COMPANIONS, "secret/seed"])


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (remove("leaderboard.html"), "has no leaderboard.html; make it"),
        (remove("participants.html"), "run instahide release"),
        (remove("release.zip"), "run instahide release"),
        (remove("challenge.json"), "does not exist"),
        (pack_a_secret, "holds challenge/secret/seed too"),
    ],
    ids=["board", "page", "release", "manifest", "secret"],
)
def test_what_cannot_be_published_is_refused_and_nothing_written(
    results, tmp_path, spoil, expected
):
    spoil(ChallengeFolder(results / "first"))
    with pytest.raises(InstaHideError, match=expected):
        save_site(tmp_path / "site", [results / "first"])
    assert not (tmp_path / "site").exists()


def test_challenges_need_different_names(results, tmp_path):
    shutil.copytree(results / "first", tmp_path / "others" / "first")
    with pytest.raises(InstaHideError, match="two challenges are called first"):
        save_site(tmp_path / "site", [results / "first", tmp_path / "others" / "first"])
    with pytest.raises(InstaHideError, match="no challenge was named"):
        save_site(tmp_path / "site", [])


def test_names_are_escaped_in_links():
    page = with_links("<body>\n", "leaderboard.html", "<script>")
    assert "<script>" not in page and "&lt;script&gt;" in page


# ---- in a browser


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def site(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    save_site(out, [made / "first", made / "a b"])
    return out


def box(chromium, selector):
    """Left and right edge of what is seen of an element."""
    edges = f"document.querySelector('{selector}').getBoundingClientRect()"
    return [chromium.value(f"{edges}.{edge}") for edge in ("left", "right")]


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "page", ["index.html", "first/leaderboard.html", "first/participants.html"]
)
def test_no_page_runs_over_or_asks_for_anything(chromium, site, page, size, dark):
    chromium.open(site / page, *size, dark=dark)
    assert chromium.value("document.documentElement.scrollWidth") <= size[0]
    shown = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    assert chromium.value(shown)
    assert chromium.complaints == []


@pytest.mark.slow
def test_on_a_phone_name_and_score_come_first_and_a_hint_tells_of_the_rest(chromium, site):
    hidden = "document.querySelector('.hint').offsetParent === null"
    chromium.open(site / "first/leaderboard.html", 400, 800)
    assert not chromium.value(hidden)
    for number in (2, 3):  # attack, Max_SSIM
        left, right = box(chromium, f"tbody td:nth-child({number})")
        assert 0 <= left < right <= 400
    titles = "[...document.querySelectorAll('th')].slice(1, 3).map((one) => one.textContent)"
    assert chromium.value(titles) == ["attack", "Max_SSIM"]
    chromium.value("document.querySelector('.box').scrollLeft = 10000")
    left, right = box(chromium, "tbody td.key")  # the name stays in view
    assert 0 <= left < right <= 400
    assert box(chromium, "tbody td:last-child")[1] <= 400
    chromium.open(site / "first/leaderboard.html", 1280, 900)
    assert chromium.value(hidden)


@pytest.mark.slow
def test_somebody_finds_the_way_from_the_overview_to_the_page_and_back(chromium, site):
    chromium.open(site / "index.html", 400, 800)
    for words, expected in [
        ("for participants", "The InstaHide challenge “first”"),
        ("leaderboard", "Leaderboard of first"),
        ("InstaHide challenges", "InstaHide challenges"),
    ]:
        link = f"[...document.links].find((one) => one.textContent === '{words}')"
        chromium.ask("Page.navigate", url=chromium.value(f"{link}.href"))
        chromium._until(lambda one: one.get("method") == "Page.loadEventFired")
        assert chromium.value("document.title") == expected
    assert chromium.complaints == []
