import numpy as np
import pytest

from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "crossed"}, "none of cross, inside"),
        ({"k": 1}, "k = 1"),
        ({"k": 33}, "2 to 32"),
        ({"name": "inside", "k": 9}, "2 to 8"),
        ({"c1": 0.16}, "at least 1/6"),
        ({"k": 4, "c1": 0.25}, "cannot be met"),
        ({"c1": 0.2, "c2": 0.41}, "c2 = 0.41 cannot be met"),
        ({"c1": 0.19}, "accept only"),
        ({"c2": 0.95}, "accept only"),
        ({"rows_per_image": 0}, "rows_per_image"),
    ],
)
def test_impossible_parameters_are_refused_with_the_reason(values, message):
    with pytest.raises(InstaHideError, match=message):
        Scheme(**values)


def test_about_56_percent_are_accepted_at_the_protocols_parameters():
    assert Scheme()._acceptance() == pytest.approx(0.56, abs=0.02)


def test_counts_of_images():
    assert (Scheme("cross", k=6).private_count, Scheme("cross", k=6).public_count) == (2, 4)
    assert (Scheme("inside", k=4).private_count, Scheme("inside", k=4).public_count) == (4, 0)
    assert not Scheme("mixup").masked
    assert Scheme("mixup-inside", k=4).inside


def test_c2_counts_only_where_public_images_are_mixed_in():
    rows = np.array([[0.1, 0.1, 0.4, 0.4]])
    assert not Scheme("cross", k=4).accepts(rows)[0]
    assert Scheme("inside", k=4).accepts(rows)[0]


def test_too_few_images_are_refused():
    with pytest.raises(InstaHideError, match="pool is too small"):
        Scheme().check_images(100, 3)
    with pytest.raises(InstaHideError, match="at least 8 private images"):
        Scheme("inside", k=4).check_images(7, 0)
