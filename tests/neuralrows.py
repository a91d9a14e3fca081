"""Rows of a few small photos in two classes, for tests of the neural attack's stages."""

from itertools import permutations

import numpy as np
from test_attacks_field import smooth_images

from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.protocol import Released
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import mix
from instahide.encodings.instahide.scheme import Scheme

SHAPE = (8, 8, 3)
IMAGES, ROWS = 6, 40  # three of each class; rows for each image
SCHEME = Scheme(k=4, rows_per_image=ROWS)


def make_public():
    return smooth_images(np.random.default_rng(1), 400, SHAPE).astype(np.float32)


def make_rows():
    """A problem of six images in two classes, and what its rows really hold."""
    public, rng = make_public(), np.random.default_rng(2)
    rows = draw_rows(public, SCHEME, rng, IMAGES * ROWS, IMAGES)
    label = np.zeros((len(rows.members), 2), np.float32)
    np.add.at(label, (np.arange(len(label))[:, None], rows.members // 3), rows.weights)
    problem = make_problem(Released(rows.magnitudes, label), public, SCHEME, IMAGES)
    return problem, rows


def share_right(found, rows):
    """Return the share of right places, images of a class named as is best."""
    count = mix(found.members, np.ones(found.weights.shape, np.float32), IMAGES)
    true = mix(rows.members, np.ones(rows.weights.shape, np.float32), IMAGES)
    common = count.T @ true
    names = max(permutations(range(IMAGES)), key=lambda x: common[range(IMAGES), x].sum())
    return common[range(IMAGES), names].sum() / true.sum()
