import numpy as np
import pytest

from instahide.scoring.figures import (
    choose_examples,
    compare_rows,
    draw_distributions,
    draw_gallery,
)
from instahide.ssim import ssim

RNG = np.random.default_rng(3)
PRIVATE = RNG.uniform(-1, 1, (5, 8, 8, 3)).astype(np.float32)
PAIRS = RNG.integers(0, 5, (40, 2))


def test_each_row_is_shown_with_the_closer_of_its_images():
    closest, similarity = compare_rows(PRIVATE[PAIRS[:, 1]], PRIVATE, PAIRS)
    np.testing.assert_allclose(similarity, 1)
    np.testing.assert_array_equal(PRIVATE[closest], PRIVATE[PAIRS[:, 1]])


def test_examples_are_best_median_and_worst_of_different_images():
    similarity = RNG.permutation(np.linspace(0, 1, 40))
    closest = PAIRS[:, 0]
    chosen = choose_examples(similarity, closest, 3)
    assert similarity[chosen["best"][0]] == 1
    assert similarity[chosen["worst"][0]] == 0
    assert similarity[chosen["median"][0]] == pytest.approx(0.5, abs=0.02)
    for rows in chosen.values():
        assert len(set(closest[rows])) == len(rows) == 3
    assert (np.diff(similarity[chosen["best"]]) < 0).all()
    assert len(choose_examples(similarity, closest, 9)["best"]) == 5


def test_rows_that_score_alike_are_shown_with_as_many_images_as_there_are():
    chosen = choose_examples(np.ones(30), np.arange(30) % 6, 2)
    assert sorted(row % 6 for rows in chosen.values() for row in rows) == list(range(6))


@pytest.mark.parametrize("channels", [1, 3])
def test_galleries_show_the_images_and_their_score(channels):
    private, noisy = PRIVATE[..., :channels], PRIVATE[PAIRS[:, 0]][..., :channels] * 0.5
    figure = draw_gallery(noisy, private, noisy, PAIRS, "title")
    images = [axes.images[0] for part in figure.subfigs for axes in part.axes if axes.images]
    assert len(images) == 3 * 3 * 5
    labels = {axes.get_xlabel() for part in figure.subfigs for axes in part.axes} - {""}
    best = max(ssim(noisy, private[column]).max() for column in PAIRS.T)
    assert f"{best:.2f}" in labels


def test_distributions_are_ordered_by_their_mean():
    scores = {"low": RNG.uniform(0, 0.3, 50), "high": RNG.uniform(0.6, 0.9, 50)}
    figure = draw_distributions(scores, "title")
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes] == ["high", "low"]
    counted = sum(patch.get_height() for patch in figure.axes[0].patches)
    assert counted == 50
