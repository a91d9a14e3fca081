"""Memory that threads share, so that together they stay below a limit."""

import contextlib
import threading
from collections.abc import Iterator


class Budget:
    """An amount of which threads take parts, and wait while too little is left.

    They are served in the order in which they ask, so that a large part is not put off for
    ever by small ones.

    Parameters
    ----------
    total : int
        No part may be larger.
    """

    def __init__(self, total: int):
        self._left = total
        self._total = total
        self._changed = threading.Condition()
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def part(self, amount: int) -> Iterator[None]:
        """Hold a part while the block runs."""
        if amount > self._total:
            raise ValueError(f"{amount} is more than the budget of {self._total}")
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()
