"""Sequences that can only be made from their beginning, read from several threads."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Item")


class Lookback(Generic[Entry]):
    """An endless sequence, read by index in any order.

    The last items made are kept. An older one is found by beginning again: always right,
    and quick as long as its readers stay near each other.

    Parameters
    ----------
    begin : callable
        Returns an iterator over the sequence; each call the same one.
    keep : int
        How many items to keep, at least 1.

    Examples
    --------
    >>> squares = Lookback(lambda: (i * i for i in range(10**9)), keep=2)
    >>> squares[5], squares[4], squares[1]
    (25, 16, 1)
    """

    def __init__(self, begin: Callable[[], Iterator[Entry]], keep: int):
        self._begin = begin
        self._kept: deque[Entry] = deque(maxlen=keep)
        self._items, self._end = begin(), 0
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> Entry:
        with self._lock:
            if index < self._end - len(self._kept):
                self._kept.clear()
                self._items, self._end = self._begin(), 0
            while self._end <= index:
                self._kept.append(next(self._items))
                self._end += 1
            return self._kept[index - self._end]
