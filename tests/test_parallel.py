import threading
import time

import pytest

from instahide.errors import InstaHideError
from instahide.parallel import map_threads


def apply(function, items, workers):
    return map_threads(function, items, workers=workers, label="items", unit="items")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_are_in_the_order_of_the_items(workers):
    assert apply(lambda item: item**2, range(20), workers) == [n**2 for n in range(20)]


def test_nobody_works_on_after_an_error():
    """What is being written is removed then."""
    at_work, failed, done = threading.Event(), threading.Event(), []

    def work(item):
        if item:
            at_work.set()
            failed.wait()
            time.sleep(0.2)
            done.append(item)
        else:
            at_work.wait()
            failed.set()
            raise InstaHideError("broken")

    with pytest.raises(InstaHideError, match="broken"):
        apply(work, [0, 1], 2)
    assert done == [1]


def test_no_threads_are_too_few():
    with pytest.raises(InstaHideError, match="threads is 0"):
        apply(str, [1], 0)
