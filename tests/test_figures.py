import io

import cv2
import numpy as np
import pytest

from instahide.errors import InstaHideError
from instahide.figures import coefficient_histogram, gallery, pool_gallery, save_figure
from instahide.images import to_unit_range
from instahide.scoring.figures import as_pictures


def plain(*colours, side=4):
    """One image of a single colour for each colour given."""
    return np.stack([np.full((side, side, len(c)), c, np.uint8) for c in colours])


def rendered(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    pixels = cv2.imdecode(np.frombuffer(file.getbuffer(), np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def order_of(picture, colours):
    """Where the middle of each colour's area lies: (row, column)."""
    return [
        np.median(np.argwhere((picture == colour).all(axis=2)), axis=0) for colour in colours
    ]


RED, GREEN, BLUE, PINK = (200, 10, 20), (10, 190, 30), (20, 30, 180), (240, 120, 200)


def test_gallery_puts_columns_side_by_side_and_rows_below_each_other():
    picture = rendered(gallery({"a": plain(RED, GREEN), "b": plain(BLUE, PINK)}))
    red, green, blue, pink = order_of(picture, (RED, GREEN, BLUE, PINK))
    assert red[1] == green[1] < blue[1] == pink[1]
    assert red[0] == blue[0] < green[0] == pink[0]


def test_gallery_continues_in_the_next_block():
    picture = rendered(gallery({"a": plain(RED, GREEN)}, blocks=2))
    red, green = order_of(picture, (RED, GREEN))
    assert red[0] == green[0]
    assert red[1] < green[1]


@pytest.mark.parametrize("convert", [lambda x: x, to_unit_range])
def test_pool_gallery_shows_bytes_and_unit_range_alike(convert):
    picture = rendered(pool_gallery(convert(plain(RED, GREEN, BLUE)), columns=2))
    red, green, blue = order_of(picture, (RED, GREEN, BLUE))
    assert red[0] == green[0] < blue[0]
    assert red[1] == blue[1] < green[1]


def test_grey_images_keep_their_grey():
    picture = rendered(pool_gallery(plain((70,), (150,))))
    dark, light = order_of(picture, ((70,) * 3, (150,) * 3))
    assert dark[1] < light[1]


def test_empty_or_unequal_columns_are_refused():
    for columns in ({}, {"a": plain(RED)[:0]}, {"a": plain(RED), "b": plain(RED, BLUE)}):
        with pytest.raises(InstaHideError, match="equally many"):
            gallery(columns)
    with pytest.raises(InstaHideError, match="one image"):
        pool_gallery(plain(RED)[:0])


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_figures_give_equal_files(tmp_path, suffix):
    coefficients = np.random.default_rng(0).dirichlet(np.ones(6), size=50)
    for name in ("one", "two"):
        save_figure(tmp_path / f"{name}.{suffix}", coefficient_histogram(coefficients))
    one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two


def test_histogram_without_public_images_shows_one_group():
    figure = coefficient_histogram(np.full((5, 2), 0.5))
    assert [text.get_text() for text in figure.axes[0].get_legend().texts] == ["private images"]


def test_rows_of_any_form_can_be_looked_at():
    images = np.zeros((3, 4, 4, 3), np.float32)
    assert as_pictures(images) is images
    rows = np.arange(14, dtype=np.int64).reshape(2, 7)
    shown = as_pictures(rows)
    assert shown.shape == (2, 3, 3, 1) and shown.min() == -1 and shown.max() == 1
    assert as_pictures(np.zeros(5, bool)).shape == (5, 1, 1, 1)
