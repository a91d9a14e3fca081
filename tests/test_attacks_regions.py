import numpy as np
import pytest
from scipy.sparse import csr_matrix
from test_attacks_field import SHAPE, smooth_images

from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.regions import slopes, turn_regions


@pytest.fixture(scope="module")
def rows():
    return make_rows(0.2)


def make_rows(brightness):
    """Six images, 300 rows of two of them with noise, and the magnitudes of the rows."""
    rng = np.random.default_rng(0)
    field = learn_field(smooth_images(rng, 400) - 0.2)
    images = np.vstack([smooth_images(rng, 6).reshape(6, -1) + brightness, field.mean])
    design = np.zeros((300, 7), np.float32)
    pairs = np.array([rng.choice(6, 2, replace=False) for _ in range(300)])
    np.put_along_axis(design, pairs, rng.uniform(0.2, 0.4, (300, 2)), axis=1)
    design[:, 6] = 1 - design.sum(axis=1)
    level = np.full(300, 0.02, np.float32)
    noise = np.sqrt(level)[:, None] * field.sample(rng, 300)
    magnitudes = np.abs(design @ images + noise)
    return images.astype(np.float32), csr_matrix(design), magnitudes, (level, field.variance)


def test_regions_of_the_wrong_sign_are_turned(rows):
    images, *given = rows
    wrong = images.copy().reshape(7, *SHAPE)
    wrong[0, :8, :8] *= -1
    wrong[3, 4:, :] *= -1
    found = turn_regions(wrong.reshape(7, -1), *given, SHAPE)
    before = ((wrong.reshape(7, -1) - images) ** 2).mean(axis=1)
    after = ((found - images) ** 2).mean(axis=1)
    assert (after[[0, 3]] < before[[0, 3]] / 5).all()
    np.testing.assert_array_equal(found[6], images[6])


def test_right_images_are_left_alone(rows):
    images, *given = rows
    found = turn_regions(images, *given, SHAPE)
    assert ((found - images) ** 2).mean() < 0.02 * (images**2).mean()


def test_slopes_are_those_of_weighted_least_squares_with_nuisances():
    images, design, magnitudes, (level, pixel) = make_rows(-0.4)
    level = level * np.random.default_rng(1).uniform(0.5, 2, len(level)).astype(np.float32)
    found, spread = slopes(images, design, magnitudes, (level, pixel))
    number, place = 2, 17
    design = design.toarray()
    some = np.flatnonzero(design[:, number])
    own = design[some, number] * images[number, place]
    others = design[some] @ images[:, place] - own
    variance = level[some] * pixel[place]
    weight = 1 / (variance * (4 * others**2 + 2 * variance) + 1e-6)
    target = magnitudes[some, place] ** 2 - own**2 - others**2 - variance
    root, cross = np.sqrt(weight), 2 * own * others
    nuisances = np.stack([design[some, number] ** 2, level[some]], axis=1)
    columns = root[:, None] * np.column_stack([cross, nuisances])
    slope = np.linalg.lstsq(columns, root * target)[0][0]
    fit = np.linalg.lstsq(columns[:, 1:], columns[:, 0])[0]
    normal = ((columns[:, 0] - columns[:, 1:] @ fit) ** 2).sum()
    assert found[number, place] == pytest.approx(slope * normal, rel=0.02)
    assert spread[number, place] == pytest.approx(normal, rel=0.02)


def test_errors_of_size_and_level_do_not_hide_a_wrong_region():
    images, design, magnitudes, (level, pixel) = make_rows(-0.4)
    wrong = images.copy().reshape(7, *SHAPE)
    wrong[0] *= 0.85
    wrong[0, :8, :8] *= -1
    found = turn_regions(wrong.reshape(7, -1), design, magnitudes, (0.3 * level, pixel), SHAPE)
    turned = np.sign(found[0]) == np.sign(images[0])
    assert turned.reshape(SHAPE)[1:7, 1:7].mean() > 0.9
