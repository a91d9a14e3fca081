import threading

import pytest

from instahide.budget import Budget


def test_parts_together_never_exceed_the_total():
    budget, lock, held, most = Budget(10), threading.Lock(), [0], [0]

    def work(amounts):
        for amount in amounts:
            with budget.part(amount):
                with lock:
                    held[0] += amount
                    most[0] = max(most[0], held[0])
                with lock:
                    held[0] -= amount

    rounds = [[1 + (3 * number + place) % 10 for place in range(200)] for number in range(8)]
    threads = [threading.Thread(target=work, args=(amounts,)) for amounts in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 < most[0] <= 10
    with budget.part(10):  # all of it was given back
        pass


def test_a_large_part_is_not_passed_by_small_ones():
    budget, order = Budget(10), []

    def ask(amount):
        with budget.part(amount):
            order.append(amount)

    first = budget.part(1)
    with first:
        large = threading.Thread(target=ask, args=(10,))
        large.start()
        while not budget._turn.locked():  # it waits, and is next
            pass
        small = threading.Thread(target=ask, args=(2,))
        small.start()
        assert order == []
    large.join()
    small.join()
    assert order == [10, 2]


def test_a_part_is_given_back_after_an_error():
    budget = Budget(3)
    for _ in range(2):
        with pytest.raises(KeyError), budget.part(3):
            raise KeyError


def test_more_than_the_total_is_refused_instead_of_waited_for():
    with pytest.raises(ValueError, match="more than the budget"), Budget(3).part(4):
        pass
