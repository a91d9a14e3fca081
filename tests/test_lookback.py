from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest

from instahide.randomness.lookback import Lookback


@pytest.mark.parametrize("keep", [1, 3, 100])
def test_items_come_in_any_order_and_from_any_thread(keep):
    squares = Lookback(lambda: (i * i for i in count()), keep)
    wanted = np.random.default_rng(0).integers(0, 50, 200).tolist()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(squares.__getitem__, wanted)) == [i * i for i in wanted]


def test_kept_items_are_made_once():
    begun = []

    def begin():
        begun.append(1)
        return count()

    numbers = Lookback(begin, keep=3)
    assert [numbers[i] for i in (4, 2, 3, 5, 4)] == [4, 2, 3, 5, 4]
    assert len(begun) == 1
    assert numbers[1] == 1
    assert len(begun) == 2
