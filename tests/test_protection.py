import pytest

from instahide.errors import InstaHideError
from instahide.leaderboard.protection import (
    AUGMENTATIONS,
    MEASURED,
    draw_protection,
    read_protection,
    save_protection,
)


def test_what_was_measured_is_drawn_as_it_is(tmp_path):
    found = read_protection()
    assert {name for name, _ in found} == set(AUGMENTATIONS)
    figure = draw_protection(found)
    left, right = figure.axes
    for axes, known in ((left, False), (right, True)):
        for name, line in zip(AUGMENTATIONS, axes.lines, strict=True):
            values = found.get((name, known), {})
            assert list(line.get_xdata()) == sorted(values)
    save_protection(tmp_path / "protection.png")
    assert (tmp_path / "protection.png").stat().st_size > 10_000


def test_results_of_seeds_are_averaged(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(
        "attack,augmentation,rows,max_ssim\n"
        "augmented,4,50,.8\naugmented,4,50,.9\naugmented-pool,4,50,1\n",
        encoding="utf-8",
    )
    left, right = draw_protection(read_protection(table)).axes
    place = list(AUGMENTATIONS).index("4")
    assert left.lines[place].get_ydata() == pytest.approx([0.85])
    assert right.lines[place].get_ydata() == pytest.approx([1])


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", MEASURED.read_text(encoding="utf-8").replace("0.", "x.")]
)
def test_other_tables_are_refused(tmp_path, text):
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InstaHideError, match=r"is no table of benchmarks/augmented\.py"):
        read_protection(tmp_path / "table.csv")
