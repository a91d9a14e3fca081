"""What trains never tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instahide.errors import InstaHideError
from instahide.randomness.keystream import Key
from instahide.training.splits import split_images


@given(train=st.integers(1, 60), test=st.integers(1, 60), seed=st.integers(0, 99))
def test_splits_are_disjoint_seeded_and_of_their_sizes(train, test, seed):
    split = split_images(130, train=train, test=test, key=Key.from_seed(seed))
    assert (len(split.train), len(split.test)) == (train, test)
    both = {*split.train.tolist(), *split.test.tolist()}
    assert len(both) == train + test and both <= set(range(130))
    again = split_images(130, train=train, test=test, key=Key.from_seed(seed))
    assert all((one == two).all() for one, two in zip(split, again, strict=True))


@pytest.mark.parametrize(("train", "test"), [(0, 1), (1, 0), (6, 5)])
def test_more_than_there_are_is_refused(train, test):
    with pytest.raises(InstaHideError, match="10 there are"):
        split_images(10, train=train, test=test, key=Key.from_seed(0))
