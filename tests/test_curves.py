import numpy as np
import pytest
from sweeptable import ATTACKS, CROSS, as_csv, lines_of, score_of, scored

from instahide.cli import main
from instahide.errors import InstaHideError
from instahide.leaderboard.curves import draw_sweep, draw_view, marks_of_2020, save_curves
from instahide.leaderboard.of2020 import is_like_2020
from instahide.leaderboard.points import parse_points, where_told
from instahide.leaderboard.records import reported_records
from instahide.leaderboard.sweepviews import (
    View,
    check_view,
    intervals_in_words,
    panels_of,
    views_of_sweep,
    with_several_values,
)


def table(axes, **others):
    return parse_points(as_csv(lines_of(axes, **others)))


@pytest.fixture(scope="module")
def points():
    return table({"k": [4, 6], "T": [5, 10, 50]})


def test_a_line_is_the_mean_over_seeds_with_their_range(points):
    shown = check_view(points, View("T", panels=("k",)))
    panels = panels_of(shown, View("T", panels=("k",)))
    assert list(panels) == [(4.0,), (6.0,)]
    for (k,), lines in panels.items():
        assert [line.baseline for line in lines] == [False, False, False, True]
        for name, line in zip(ATTACKS, lines, strict=False):
            assert line.name.startswith(f"{name}: ")
            for T, spot in line.spots.items():
                values = [score_of(name, T, k, seed) for seed in (1, 2, 3)]
                expected = np.mean(values), min(values), max(values), 3
                found = spot.mean, spot.low, spot.high, spot.seeds
                assert found == pytest.approx(expected, abs=1e-5)


def test_of_one_seed_the_interval_is_the_scores_own():
    one = table({"T": [5, 50]}, seeds=[7])
    view = View("T")
    spot = panels_of(check_view(one, view), view)[()][0].spots[50.0]
    assert (spot.mean - spot.low, spot.high - spot.mean) == pytest.approx(
        (0.02, 0.01), abs=1e-5
    )
    assert intervals_in_words(one, view) == "bands: 95 % interval of the score, one seed"
    assert intervals_in_words(table({"T": [5, 50]}), view) == "bands: range over 3 seeds"


def test_legends_tell_in_words_what_attackers_have(points):
    lines = panels_of(points, View("T", panels=("k",)))[4.0,]
    assert [line.name for line in lines] == [
        "whitened: photos of the same kind, labels with coefficients",
        "whitened-none: photos of the same kind, no labels",
        "pool: the public images themselves, labels with coefficients",
        "random (baseline)",
    ]


def test_nothing_is_averaged_unsaid(points):
    with pytest.raises(
        InstaHideError, match=r"average over k = 4, 6: .*--where k=….*--panel k"
    ):
        check_view(points, View("T"))
    with pytest.raises(InstaHideError, match=r"average over k = 4, 6; attack = whitened, "):
        check_view(points, View("T", colour="n"))
    assert len(check_view(where_told(points, ["k=4"]), View("T"))) == 3 * 3 * 4
    view = View("T", averaged=("k",))
    line = panels_of(check_view(points, view), view)[()][0]
    expected = np.mean([score_of("whitened", 50, k, s) for k in (4, 6) for s in (1, 2, 3)])
    assert line.spots[50.0].mean == pytest.approx(expected, abs=1e-5)
    assert line.spots[50.0].seeds == 3


def test_other_pools_for_other_seeds_are_no_average():
    lines = [line | {"pool_size": 9000 + line["seed"]} for line in lines_of({"T": [5, 50]})]
    assert check_view(parse_points(as_csv(lines)), View("T"))


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (View("TT"), "--x: there is no column 'TT'"),
        (View("T", "max_sim"), "--y: .*did you mean 'max_ssim'"),
        (View("T", colour="atack"), "--color: .*did you mean 'attack'"),
        (View("T", panels=("kk",)), "--panel: there is no column 'kk'"),
        (View("T", averaged=("kk",)), "--average: there is no column 'kk'"),
        (View("T", "generator"), "--y generator: it holds no numbers"),
        (View("T", "set_ssim"), "--y set_ssim: no line that was chosen tells it"),
        (View("epochs"), "--x epochs: no line that was chosen tells it"),
    ],
)
def test_views_of_what_is_not_there_are_refused(points, view, message):
    with pytest.raises(InstaHideError, match=message):
        check_view(points, view)


def test_a_figure_for_all_that_varies(points, tmp_path):
    assert list(views_of_sweep(points)) == ["max_ssim-by-k", "max_ssim-by-T"]
    save_curves(tmp_path / "curves", points, reported_records())
    assert sorted(path.name for path in (tmp_path / "curves").iterdir()) == [
        "max_ssim-by-T.png",
        "max_ssim-by-k.png",
    ]


def test_lines_and_bands_are_drawn_as_they_are(points):
    figure = draw_sweep(points, [])["max_ssim-by-T"]
    four, six = (axes for axes in figure.axes if axes.get_visible())
    assert (four.get_title(), six.get_title()) == ("k = 4", "k = 6")
    assert four.get_xscale() == "log"
    line = four.lines[0]
    assert list(line.get_xdata()) == [5, 10, 50]
    expected = [score_of("whitened", T, 4, 2) for T in (5, 10, 50)]
    assert line.get_ydata() == pytest.approx(expected, abs=1e-5)
    assert len(four.collections) == len(ATTACKS)  # a band for each, none for the baseline
    low, high = four.collections[0].get_paths()[0].get_extents().intervaly
    assert (low, high) == pytest.approx(
        (score_of("whitened", 5, 4, 1), score_of("whitened", 50, 4, 3)), abs=1e-5
    )
    by_k = draw_sweep(points, [])["max_ssim-by-k"].axes[0]
    assert by_k.get_xscale() == "linear"


def test_lines_are_told_apart_without_colours(points):
    axes = draw_sweep(points, [])["max_ssim-by-T"].axes[0]
    looks = {(line.get_marker(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == len(axes.lines)


def test_a_star_of_settings_has_no_panels_of_single_points():
    lines = [*lines_of({"k": [2, 4, 6]}), *lines_of({"T": [5, 10]})]
    star = parse_points(as_csv(lines))
    chosen, view = with_several_values(star, View("T", panels=("k",)))
    assert view.panels == ()
    assert chosen.values("k") == [6.0]
    assert chosen.values("T") == [5.0, 10.0, 50.0]
    figures = draw_sweep(star, [])
    assert "k = 6, n = 100" in figures["max_ssim-by-T"].get_suptitle()


def test_texts_are_grouped_points():
    lines = [
        line | {"augmentation": name, "point": f"{line['point']}{name}"}
        for name in ("", "flip", "crop_padding=4,flip")
        for line in lines_of({"T": [50]})
    ]
    figure = draw_sweep(parse_points(as_csv(lines)), [])["max_ssim-by-augmentation"]
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["none", "flip", "crop_padding=4,\nflip"]
    assert figure.get_suptitle().endswith("bars: range over 3 seeds")


def test_a_sweep_of_one_point_is_drawn(points):
    assert list(draw_sweep(table({"T": [50]}), [])) == ["max_ssim-by-encoding"]


def test_results_of_2020_stand_only_where_all_parameters_are_those(points):
    view = View("T", panels=("k",))
    marks = marks_of_2020(points, view, reported_records())
    assert {(mark.panel, mark.x) for mark in marks} == {((6.0,), 50.0)}
    assert sorted(mark.y for mark in marks) == [0.79, 0.90, 0.98]
    by_k = marks_of_2020(points, View("k", panels=("T",)), reported_records())
    assert {(mark.panel, mark.x) for mark in by_k} == {((50.0,), 6.0)}
    drawn = draw_view(points, view, reported_records()).axes
    assert [len(axes.lines) for axes in drawn[:2]] == [4, 7]
    assert not marks_of_2020(points, View("T", "cpu_seconds"), reported_records())


@pytest.mark.parametrize(
    "other",
    [
        {"k": 4}, {"T": 49}, {"n": 50}, {"scheme": "mixup"}, {"encoding": "dp-instahide"},
        {"c1": 0.5}, {"size": 64}, {"channels": 1}, {"augmentation": "flip"},
        {"pool_size": None},
    ],
)  # fmt: skip
def test_other_parameters_are_not_those_of_2020(other):
    assert is_like_2020(CROSS | {"augmentation": "none"})
    assert not is_like_2020(CROSS | {"augmentation": "none"} | other)


def test_a_table_without_scores_has_no_figures():
    line = CROSS | {"sweep": "a", "point": "a", "seed": 1, "accuracy": 0.7}
    with pytest.raises(InstaHideError, match="no scores to draw"):
        draw_sweep(parse_points(as_csv([line])), [])


def test_accuracy_is_told_once_for_each_training():
    lines = [
        line | {"accuracy": 0.6 + line["k"] / 100 + line["seed"] / 1000}
        for line in lines_of({"k": [4, 6]})
    ]
    view = View("k", "accuracy", "scheme")
    shown = check_view(parse_points(as_csv(lines)), view)
    assert len(shown) == 2 * 3
    line = panels_of(shown, view)[()][0]
    assert line.spots[4.0].mean == pytest.approx(0.642)


# ---- the command


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_command_draws_other_views(tmp_path, capsys, suffix):
    path, out = tmp_path / "mine.csv", tmp_path / f"a.{suffix}"
    path.write_text(as_csv(lines_of({"k": [4, 6], "T": [5, 50]})), encoding="utf-8")
    asked = ["sweep", "plot", path, "--x", "T", "--panel", "k", "--where", "attack=pool,random"]
    assert run(*asked, "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.stat().st_size > 5000
    content = out.read_bytes()
    assert run(*asked, "--out", out, "--force") == 0
    assert out.read_bytes() == content


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    path, out = tmp_path / "mine.csv", tmp_path / "a.png"
    path.write_text(as_csv(lines_of({"k": [4, 6], "T": [5, 50]})), encoding="utf-8")
    for arguments, message in (
        (["--x", "T"], "the figure would average over k = 4, 6"),
        (["--x", "T", "--where", "k=3"], "--where k=3: k is 4, 6"),
        (["--x", "t"], "there is no column 't'"),
        (["--x", "T", "--out", "a.jpg"], "its name should end in .png, .svg, .pdf"),
    ):
        assert run("sweep", "plot", path, "--out", out, *arguments) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()


def test_an_average_that_is_asked_for_is_told_in_the_figure(tmp_path, capsys):
    path, out = tmp_path / "mine.csv", tmp_path / "a.svg"
    path.write_text(as_csv(lines_of({"k": [4, 6], "T": [5, 50]})), encoding="utf-8")
    assert run("sweep", "plot", path, "--x", "T", "--average", "k", "--out", out) == 0
    assert "means over k = 4, 6" in out.read_text(encoding="utf-8")


def test_scores_that_are_told_twice_alike_change_nothing():
    line = CROSS | {"sweep": "a", "point": "a", "seed": 1} | scored("pool", 0.9)
    twice = parse_points(as_csv([line, line | {"point": "b"}]))
    spot = panels_of(check_view(twice, View("T")), View("T"))[()][0].spots[50.0]
    assert (spot.mean, spot.low, spot.high) == pytest.approx((0.9, 0.9, 0.9))
