"""The page, the table and the JSON of an audit, without a browser."""

import base64
import csv
import hashlib
import io
import json
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from auditresults import ATTACKERS, SETTINGS, audited, pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from instahide import __version__
from instahide.auditing import words
from instahide.auditing.alike import alike_another
from instahide.auditing.curve import HEIGHT, LINE, TOP, counts_up, draw_curve
from instahide.auditing.page import leaked_first, page_of, rank_attackers, save_page
from instahide.auditing.protections import PROTECTIONS, measured_augmentations
from instahide.auditing.result import Point
from instahide.auditing.tables import save_audit_csv, save_told, table_of
from instahide.embedding import LOSSLESS, WAYS, Way, choose_way, data_uri
from instahide.errors import InstaHideError
from instahide.leaderboard.protection import read_protection
from instahide.ssim import ssim

ROOT = Path(__file__).parents[1]
EMPTY = {"img", "meta", "br", "input", "line", "polyline", "circle"}


class Page(HTMLParser):
    """A page as a browser would see it: elements with their attributes and texts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), len(self.texts)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    def all(self, tag, **wanted):
        return [
            attrs
            for name, attrs, _ in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in wanted.items())
        ]

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


def first_screen(page):
    """What stands before the list of all images."""
    return Page(page.partition('<section class="meaning"')[0] + "</div></main></body></html>")


def heading(page):
    return re.search(r"<h1>(.*?)</h1>", page)[1]


@pytest.fixture(scope="module")
def result():
    return audited()


@pytest.fixture(scope="module")
def page(result):
    return page_of(result)


def test_the_answer_counts_what_the_strongest_attacker_recognised(result, page):
    strongest = max(result.found.values(), key=lambda one: one.recognised.sum())
    assert strongest is result.found["pool"]
    assert heading(page) == (
        "All 6 of your images came back recognisably to an attacker who knows the public "
        "images too."
    )
    text = first_screen(page).text
    shares = [text.index(f"Attacker {number} ") for number in (1, 2, 3)]
    assert shares == sorted(shares)
    counts = [int(result.found[one].recognised.sum()) for one in ("pool", "photos", "blind")]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 3


def test_of_attackers_to_whom_as_many_came_back_the_first_is_named():
    equal = audited(noise=(0.1, 0.05, 0.1))
    assert [one.attacker for one in rank_attackers(equal)] == list(ATTACKERS)
    assert heading(page_of(equal)).endswith("who knows nothing but photos of the same kind.")


def test_the_first_screen_has_no_number_but_counts_and_no_jargon(result, page):
    screen = first_screen(page)
    for word in ("SSIM", "row", "pool", "scheme", "baseline"):
        assert not re.search(rf"\b{word}", screen.text)
    total = len(result.images)
    numbers = re.findall(r"[\d.]*\d", re.sub(r"Attacker \d|cats/\d.png", "", screen.text))
    counts = {int(one.recognised.sum()) for one in result.found.values()} | {total}
    assert {float(one) for one in numbers} <= counts
    assert words.PRIVATE in screen.text


def test_the_worst_pairs_stand_beside_the_answer(result, page):
    screen = first_screen(page)
    found = result.found["pool"]
    worst = sorted(range(6), key=lambda one: -found.ssim[one])[:3]
    alternatives = [one["alt"] for one in screen.all("img")]
    assert alternatives == [
        text
        for number in worst
        for text in (
            f"original of cats/{number}.png",
            f"what came back of cats/{number}.png to attacker 1: recognisable",
        )
    ]


def test_pictures_are_the_images(result, page):
    pictured = Page(page).all("img", alt="original of cats/2.png")
    assert len(pictured) >= 1
    for one in pictured:
        data = base64.b64decode(one["src"].removeprefix("data:image/png;base64,"))
        assert (np.asarray(Image.open(io.BytesIO(data))) == result.images[2]).all()
    back = Page(page).all("img", alt="what came back of cats/2.png to attacker 1: recognisable")
    data = base64.b64decode(back[-1]["src"].partition(",")[2])
    assert (np.asarray(Image.open(io.BytesIO(data))) == result.found["pool"].images[2]).all()


def test_every_image_is_listed_the_most_leaked_first(result, page):
    listed = re.findall(r'<th role="rowheader"[^>]*>(.*?)<(?:small|/th)>', page, re.S)
    listed = [re.sub(r"</?bdi[^>]*>|\n", "", one) for one in listed]
    assert listed == [result.files[one] for one in leaked_first(result)]
    assert sorted(listed) == sorted(result.files)
    recognised = np.sum([one.recognised for one in result.found.values()], axis=0)
    ordered = recognised[leaked_first(result)]
    assert (np.diff(ordered) <= 0).all() and ordered[0] > ordered[-1]
    leaking = page.count('<tr role="row" data-leaked>')
    assert leaking == (recognised > 0).sum()


def test_the_page_is_well_formed_and_lets_nothing_in(page):
    seen = Page(page)
    assert seen.all("html") == [{"lang": "en"}]
    policy = seen.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    script = re.search("<script>(.*)</script>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy
    assert all(one["src"].startswith("data:image/") for one in seen.all("img"))
    assert all(one["href"].startswith("#") for one in seen.all("a"))
    assert not [one for one in seen.elements if one[0] in ("link", "iframe", "form", "object")]
    assert not re.search(r"https?://|url\(|@import|\bon[a-z]+=", page)


def test_headings_are_in_order_and_names_unique(page):
    seen = Page(page)
    levels = [int(tag[1]) for tag, _, _ in seen.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs, _ in seen.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    pointed = [
        attrs[key].removeprefix("#")
        for _, attrs, _ in seen.elements
        for key in ("aria-labelledby", "href")
        if key in attrs
    ]
    assert set(pointed) <= set(ids)


NASTY = "<script>alert(1)</script>&amp;\"'`{{ 7*7 }}<img src=x onerror=alert(1)>"


def test_names_and_texts_are_escaped_wherever_they_stand():
    count = len(pictures(6))
    nasty = audited(
        files=tuple(f"{NASTY}{number}" for number in range(count)),
        classes=(NASTY,) * count,
        title=NASTY,
        reading=(NASTY,),
        unreadable=((NASTY, NASTY),),
        settings=SETTINGS | {"public": NASTY, NASTY: NASTY},
    )
    plain = audited(  # with as many slashes in its names
        files=tuple(f"x/{number}" for number in range(count)),
        classes=("cats",) * count,
        unreadable=(("x/y", "z"),),
        settings=SETTINGS | {"public": "x", "other": "x"},
    )
    seen = Page(page_of(nasty))
    assert [one[0] for one in seen.elements] == [
        one[0] for one in Page(page_of(plain)).elements
    ]
    assert "".join(seen.texts).count(NASTY) >= 2 * count + 6
    assert any(NASTY in one["alt"] for one in seen.all("img"))


def test_names_cannot_turn_what_stands_around_them():
    files = ("\u202egnp.exe", "صورة.png", "扫描.png", "a\nb", "x" * 300, "\udcff.png")
    page = page_of(audited(files=files))
    assert "\u202e" not in page and r"\u202egnp.exe" in page
    for name in ("صورة.png", "扫描.png"):
        assert f'<bdi dir="ltr"><bdi dir="ltr">{name}</bdi></bdi>' in page
    assert "x" * 300 in page
    page.encode("utf-8")


def test_nothing_that_came_back_proves_nothing():
    page = page_of(audited(noise=(9.0, 9.0, 9.0)))
    assert heading(page) == (
        "None of your 6 images came back recognisably to any of the three attackers."
    )
    assert words.NO_PROOF in first_screen(page).text
    assert "What came nearest to their originals" in first_screen(page).text
    assert "data-leaked>" not in page.partition("<script>")[0]


def test_images_that_are_all_alike_are_not_said_to_be_safe():
    page = page_of(audited(np.repeat(pictures(1), 5, axis=0), noise=(0.0, 0.0, 0.0)))
    screen = first_screen(page)
    assert heading(page) == "Your 5 images could not be told apart."
    assert words.NOT_TOLD_APART in screen.text
    assert "none of" not in screen.text and screen.text.count("cannot be told") == 3
    assert page.count("not told apart") >= 15
    assert "not recognisable" not in page


def test_some_images_that_are_alike_are_told_of():
    images = pictures(6)
    images[5] = images[0]
    page = page_of(audited(images, noise=(0.05, 0.05, 0.05)))
    assert heading(page).startswith("4 of your 6 images came back recognisably")
    assert "2 of your 6 images are so much like another of yours" in first_screen(page).text


def test_what_chance_gives_as_well_is_not_held_against_it():
    assert "Chance alone gives as many" in first_screen(page_of(audited(chance=7.0))).text
    assert "Chance alone gives as many" not in page_of(audited(chance=0.3))


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_few_images_and_grey_ones(count, channels):
    page = Page(page_of(audited(pictures(count, channels=channels))))
    assert len(page.all("th", role="rowheader")) == count
    assert "1 images" not in page.text and "of your 1 " not in page.text


def test_one_attacker_and_one_number_of_encryptions_are_enough():
    points = (Point("photos", 10, 6, 0.9, 1.0),)
    page = page_of(audited(attackers=ATTACKERS[:1], points=points))
    assert "<svg" not in page and "Attacker 2" not in page
    assert "Attacker 1 recognised all 6 from 10 encryptions of each image." in page
    Page(page_of(audited(points=())))


def test_why_an_attack_found_nothing_is_said():
    points = (Point("photos", 2, 0, 0.1, 0.0, "whitened", "2 rows <are> too few"),)
    page = page_of(audited(attackers=ATTACKERS[:1], points=points))
    assert "could not be run to its end: 2 rows &lt;are&gt; too few." in page


def test_equal_results_give_equal_bytes(result, page, tmp_path):
    assert page_of(audited()) == page
    save_page(tmp_path / "page.html", result)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600


def test_what_cannot_be_written_ends_in_one_sentence(result, tmp_path):
    (tmp_path / "page.html").mkdir()
    with pytest.raises(InstaHideError, match=r"page\.html is a folder"):
        save_page(tmp_path / "page.html", result)


def test_the_page_tells_settings_files_and_version(page):
    text = Page(page).text
    for told in ("bundled photos", "notes.txt: it is no image", "cropped to its square"):
        assert told in text
    assert "0.6 or more" in text and "a lead of at least 0.05" in text and __version__ in text
    for sentence in (*words.ADVICE, *words.LIMITS):
        assert sentence in text


# Words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recognised", "total", "begins"),
    [
        (47, 50, "47 of your 50 images came back"),
        (1, 50, "1 of your 50 images came back"),
        (50, 50, "All 50 of your images came back"),
        (2, 2, "Both of your images came back"),
        (1, 1, "Your one image came back"),
        (1200, 1500, "1,200 of your 1,500 images came back"),
    ],
)
def test_verdicts(recognised, total, begins):
    told = words.verdict(recognised, total, "knows much")
    assert told == f"{begins} recognisably to an attacker who knows much."


def test_verdicts_of_nothing():
    assert words.verdict_of_nothing(2, 2).startswith("Neither of your two images")
    assert words.verdict_of_nothing(500, 1).endswith("recognisably to the attacker.")


@given(st.integers(1, 600), st.floats(0, 600))
def test_chance_is_said_in_counts(total, chance):
    told = words.chance_words(min(chance, total), total)
    assert not re.search(r"\b1 images|\.\d", told)


@given(st.text())
def test_printed_names_are_in_one_line_and_turn_nothing(name):
    shown = words.printed(name)
    assert "\n" not in shown and not re.search("[\u202a-\u202e\u2066-\u2069]", shown)
    shown.encode("utf-8")


# What would have protected ----------------------------------------------------------------


@pytest.mark.parametrize("one", PROTECTIONS, ids=lambda one: one.what)
def test_figures_stand_in_the_documentation(one):
    told = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in one.sources)
    flat = re.sub(r"\s+", " ", told)
    assert one.quoted
    for text in one.quoted:
        assert re.sub(r"\s+", " ", text) in flat


def test_likenesses_that_are_said_are_quoted():
    for one in PROTECTIONS:
        said = re.findall(r"(?<![\d.])0\.(\d\d)\b", one.words)
        quoted = re.findall(r"(?<!\d)\.(\d+)", " ".join(one.quoted))
        rounded = {f"{float('0.' + digits):.2f}"[2:] for digits in quoted}
        assert set(said) <= rounded, one.what


def test_the_table_of_augmentations_is_what_was_measured():
    ticks, lines = measured_augmentations()
    found = read_protection()
    four = next(line for line in lines if line.augmentation.startswith("crops by 4"))
    assert four.pool[ticks.index(10)] == pytest.approx(np.mean(found["4", True][10]))
    assert measured_augmentations({})[1][0].photos == (None,) * len(ticks)


# The curve --------------------------------------------------------------------------------


@given(st.integers(1, 100_000))
def test_axes_begin_at_nothing_and_end_at_all(total):
    marks = counts_up(total)
    assert marks[0] == 0 and marks[-1] == total and marks == sorted(set(marks))
    assert 2 <= len(marks) <= 7


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_names_of_lines_never_lie_over_each_other(counts):
    names = [f"a{number}" for number in range(len(counts))]
    points = [
        Point(name, rows, count, 0, 0)
        for name, count in zip(names, counts, strict=True)
        for rows in (2, 10)
    ]
    lines = draw_curve(points, names, 50).lines
    heights = sorted(line.label[1] for line in lines)
    assert all(b - a >= LINE - 1e-6 for a, b in pairwise(heights))
    assert heights[0] >= TOP - 1e-6 and heights[-1] <= HEIGHT


def test_the_curve_rises_with_what_was_recognised(result):
    names = [one.attacker.name for one in rank_attackers(result)]
    curve = draw_curve(result.points, names, 6)
    (_, first), (_, second), (_, third) = curve.lines[0].points
    assert first > second > third  # SVG counts downwards
    assert [tick.text for tick in curve.across] == ["2", "5", "10"]
    assert draw_curve(result.points[2:3], names, 6) is None


# Pictures ---------------------------------------------------------------------------------


def test_pictures_lose_nothing_where_there_is_room_for_them():
    assert choose_way([pictures(6)]) == LOSSLESS
    assert LOSSLESS.words == ""


def test_the_best_way_that_fits_is_taken():
    images = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    sizes = [sum(len(data_uri(one, way)) for one in images) for way in WAYS]
    for way, size in zip(WAYS, sizes, strict=True):
        if way.side < 64:
            assert choose_way([images], size) == way
    assert choose_way([images], 1).quality == 75
    assert "compressed" in Way(75, 96).words and "96 pixels" in Way(75, 96).words


def test_shrunk_pictures_keep_their_shape_and_grey_ones_stay_grey():
    image = pictures(1, side=48, channels=1)[0][:, :24]
    data = base64.b64decode(data_uri(image, Way(90, 24)).partition(",")[2])
    shrunk = Image.open(io.BytesIO(data))
    assert shrunk.size == (12, 24)
    assert np.ptp(np.asarray(shrunk, int), axis=2).max() <= 4


# Images that are alike --------------------------------------------------------------------


def test_images_are_alike_where_their_ssim_lacks_less_than_the_margin():
    images = pictures(5, side=40)
    images[3] = np.clip(images[1] + np.random.default_rng(0).normal(0, 4, (40, 40, 3)), 0, 255)
    unit = images / 127.5 - 1.0
    likeness = ssim(unit[[1]], unit[[3]])[0]
    assert 0.5 < likeness < 0.999
    for margin, expected in ((1.01 - likeness, True), (0.99 - likeness, False)):
        assert alike_another(images, margin).tolist() == [
            False,
            expected,
            False,
            expected,
            False,
        ]


def test_a_single_image_is_like_no_other():
    assert alike_another(pictures(1), 0.05).tolist() == [False]


# Tables -----------------------------------------------------------------------------------


def test_the_table_has_a_line_for_each_image_and_attacker(result, tmp_path):
    save_audit_csv(tmp_path / "audit.csv", result)
    with open(tmp_path / "audit.csv", newline="", encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 6 * 3
    for line in lines:
        found, number = result.found[line["attacker"]], result.files.index(line["file"])
        assert line["class"] == "cats"
        assert (line["recognised"] == "yes") == found.recognised[number]
        assert float(line["ssim"]) == pytest.approx(found.ssim[number], abs=1e-6)
    assert stat.S_IMODE((tmp_path / "audit.csv").stat().st_mode) == 0o600


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: "\0" not in name
)


@given(st.lists(NAMES, min_size=2, max_size=2))
@settings(max_examples=50, deadline=None)
def test_any_name_is_read_back_from_the_table_and_none_is_a_formula(names):
    table = table_of(audited(PAIR.images, files=tuple(names), classes=("", "")))
    lines = list(csv.reader(io.StringIO(table, newline="")))
    assert [len(line) for line in lines] == [5] * 7
    for line, name in zip(lines[1:], [names[0]] * 3 + [names[1]] * 3, strict=True):
        assert line[0].removeprefix("'") == name.removeprefix("'")
        assert line[0].lstrip(" ")[:1] not in ("=", "+", "-", "@", "\t", "\r")


PAIR = audited(pictures(2))


def test_json_holds_what_was_found_and_who_found_it(result, tmp_path):
    save_told(tmp_path / "audit.json", result)
    told = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert told.pop("version") == __version__
    assert told == json.loads(json.dumps(result.told()))
    assert stat.S_IMODE((tmp_path / "audit.json").stat().st_mode) == 0o600


def test_names_that_are_not_utf_8_are_written_all_the_same(tmp_path):
    strange = audited(pictures(1), files=("\udcff.png",))
    save_told(tmp_path / "audit.json", strange)
    save_audit_csv(tmp_path / "audit.csv", strange)
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["files"] == [
        "\udcff.png"
    ]
    assert r"\udcff.png" in (tmp_path / "audit.csv").read_text(encoding="utf-8")


def test_each_part_of_a_path_stands_for_itself():
    files = ("رئة/3.png", *(f"{number}.png" for number in range(5)))
    page = page_of(audited(files=files))
    parts = '<bdi dir="ltr">رئة</bdi>/<bdi dir="ltr">3.png</bdi>'
    assert page.count(f'<bdi dir="ltr">{parts}</bdi>') >= 1


def test_what_attackers_know_is_explained_beside_their_names(page):
    seen = Page(page).text
    for explained in words.EXPLAINED.values():
        assert seen.count(explained) == 2  # on the first screen, and above the list
    assert "(its label)" in first_screen(page).text


def test_the_attack_that_counted_is_named_with_its_time():
    found = audited()
    points = tuple(
        replace(one, attack=f"{one.attacker}-{one.rows_per_image}", cpu_seconds=3.0)
        for one in found.points
    )
    more = replace(points[0], rows_per_image=50, attack="photos-50", cpu_seconds=9.0)
    text = Page(page_of(replace(found, points=(*points, more)))).text
    assert "called photos-10, and took 3 s" in text and "called photos-50" not in text


def test_one_number_of_encryptions_is_no_curve_and_that_is_said():
    found = audited()
    one = tuple(point for point in found.points if point.rows_per_image == 10)
    said = words.only_rows_words(10)
    assert said in Page(page_of(replace(found, points=one))).text
    assert said not in Page(page_of(found)).text


def test_no_likeness_looks_like_the_threshold_and_is_not():
    assert float(words.likeness_words(np.nextafter(0.6, 0) - 1e-6)) < 0.6
    assert words.likeness_words(0.6) == "0.60"
