import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeptable import CROSS, as_csv, lines_of, scored

from instahide.errors import InstaHideError
from instahide.leaderboard.plane import (
    Place,
    draw_plane,
    plane_as_markdown,
    plane_of,
    save_plane,
    with_frontier,
)
from instahide.leaderboard.points import parse_points
from instahide.leaderboard.sweepviews import Spot

NONE = {"encoding": "none", "n": 100, "size": 32, "channels": 3}
NOISE = NONE | {"encoding": "dp-instahide"}
#: setting -> parameters, accuracy lost, and Max_SSIM by attack
TRAINED = {
    "InstaHide cross, k = 4": (CROSS | {"k": 4}, 0.27, {"whitened": 0.9, "pool": 0.99}),
    "InstaHide cross, k = 6": (CROSS, 0.31, {"whitened": 0.85, "pool": 1.0}),
    "Mixup, k = 4": (CROSS | {"k": 4, "scheme": "mixup"}, 0.15, {"whitened": 0.95}),
    "DP-InstaHide, k = 4, noise = 0.2": (
        NOISE | {"options": "k=4,noise=0.2"}, 0.25, {"whitened": 0.55}
    ),
    "DP-InstaHide, k = 4, noise = 0.4": (
        NOISE | {"options": "k=4,noise=0.4"}, 0.4, {"whitened": 0.57}
    ),
}  # fmt: skip


def trained(seeds=(1, 2, 3)):
    for seed in seeds:
        plain = {"sweep": "mine", "point": f"training/plain-{seed}", "seed": seed}
        plain |= {"training": "plain", "epochs": 30}
        yield plain | NONE | {"accuracy": 0.75, "accuracy_lost": 0}
        for name, (about, lost, attacks) in TRAINED.items():
            told = plain | about | {"point": f"training/{name}-{seed}/seen", "T": 30}
            told |= {"accuracy_lost": lost + 0.01 * (seed - 2)}
            for attack, value in attacks.items():
                yield told | scored(attack, value + 0.001 * (seed - 2))
            yield told | scored("random", 0.09)


@pytest.fixture(scope="module")
def points():
    return parse_points(as_csv(trained()))


def test_each_encoding_stands_where_it_was_measured(points):
    planes = plane_of(points)
    assert list(planes) == [("sample", "coefficients"), ("pool", "coefficients")]
    places = {place.setting: place for place in planes["sample", "coefficients"]}
    assert places.keys() == TRAINED.keys()
    for name, (_, lost, attacks) in TRAINED.items():
        found = places[name]
        assert found.attack == "whitened"
        assert (found.lost.mean, found.leaked.mean) == pytest.approx(
            (lost, attacks["whitened"])
        )
        assert (found.lost.low, found.lost.high) == pytest.approx((lost - 0.01, lost + 0.01))
        assert found.leaked.seeds == 3


def test_who_has_more_may_use_what_needs_less(points):
    best = {place.setting: place for place in plane_of(points)["pool", "coefficients"]}
    assert best["InstaHide cross, k = 6"].attack == "pool"
    assert best["Mixup, k = 4"].attack == "whitened"
    assert best.keys() == TRAINED.keys()


def test_the_frontier_is_what_nothing_beats_in_both(points):
    places = plane_of(points)["sample", "coefficients"]
    assert {place.setting for place in places if place.frontier} == {
        "Mixup, k = 4",
        "DP-InstaHide, k = 4, noise = 0.2",
    }


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_a_frontier_never_rises_and_beats_all_others(pairs):
    def place(number, lost, leaked):
        spots = (Spot(value, value, value, 1) for value in (lost, leaked))
        return Place(f"{number}", "any", "any", *spots)

    places = with_frontier([place(i, *pair) for i, pair in enumerate(pairs)])
    first = sorted((p.lost.mean, p.leaked.mean) for p in places if p.frontier)
    assert first
    assert all(a == b or (a[0] < b[0] and a[1] > b[1]) for a, b in zip(first, first[1:]))  # noqa: B905, RUF007
    for p in places:
        own = p.lost.mean, p.leaked.mean
        beaten = any(a <= own[0] and b <= own[1] and (a, b) != own for a, b in first)
        assert p.frontier != beaten


def test_the_figure_shows_all_points_and_their_names(points):
    figure = draw_plane(points)
    left, right = figure.axes
    assert left.get_title().endswith("labels with coefficients")
    for axes in (left, right):
        texts = {text.get_text() for text in axes.texts}
        assert TRAINED.keys() <= texts
    drawn = {
        (round(bar.lines[0].get_xdata()[0], 6), round(bar.lines[0].get_ydata()[0], 6))
        for bar in left.containers
    }
    assert (27.0, 0.9) in drawn and len(drawn) == len(TRAINED)
    assert "right = the network gets worse" in figure.get_suptitle()


def test_no_name_lies_over_another_or_beyond_the_edge(points):
    figure = draw_plane(points)
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        edge = axes.get_window_extent(renderer)
        names = [text for text in axes.texts if text.get_text() in TRAINED]
        boxes = [text.get_window_extent(renderer) for text in names]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number])
            assert edge.x0 <= box.x0 and box.x1 <= edge.x1
            assert edge.y0 <= box.y0 and box.y1 <= edge.y1


def test_tables_stand_beside_the_figure(points, tmp_path):
    save_plane(tmp_path / "plane.png", points)
    text = (tmp_path / "plane.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 2 * len(TRAINED)
    best = next(row for row in rows if row["attack"] == "pool" and "k = 6" in row["setting"])
    assert (best["accuracy_lost"], best["max_ssim"], best["seeds"]) == ("0.31", "1", "3")
    page = (tmp_path / "plane.md").read_text(encoding="utf-8")
    assert (
        "| Mixup, k = 4 | 15.0 (14.0 – 16.0) | whitened | 0.950 (0.949 – 0.951) | yes |" in page
    )
    assert (tmp_path / "plane.png").stat().st_size > 20_000


def test_names_are_escaped_in_the_page():
    spot = Spot(0.5, 0.4, 0.6, 3)
    planes = {("sample", "none"): [Place("a|b", "mine", "<b>mine", spot, spot)]}
    page = plane_as_markdown(planes)
    assert "a\\|b" in page and "<b>" not in page


def test_one_seed_is_enough():
    places = plane_of(parse_points(as_csv(trained(seeds=[2]))))["sample", "coefficients"]
    found = next(place for place in places if place.setting == "Mixup, k = 4")
    assert (found.lost.low, found.lost.high) == (found.lost.mean, found.lost.mean)
    assert (found.leaked.low, found.leaked.high) == pytest.approx((0.93, 0.96))


def test_other_tables_are_refused():
    with pytest.raises(InstaHideError, match="no accuracy_lost: it is no sweep over trainings"):
        plane_of(parse_points(as_csv(lines_of({"T": [5, 50]}))))
    unattacked = [line for line in trained() if not line.get("attack")]
    with pytest.raises(InstaHideError, match="no attack on what was trained"):
        plane_of(parse_points(as_csv(unattacked)))
