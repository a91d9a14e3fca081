"""The rows of a whole private set, as a dataset: those that its challenge would release.

Row r is row r of the challenge with the same key, private set and pool; epoch e is rows e·n to
e·n + n - 1. A DataLoader that takes them by `EpochSampler` gets an epoch whatever its workers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan
from instahide.encodings.protocol import Encoding
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.pytorch import import_torch
from instahide.training.arrays import channels_first


@dataclass(frozen=True)
class EncryptedRows:
    """Rows of an encoding by random access; `__getitems__` serves DataLoaders in batches.

    Attributes
    ----------
    encoding : Encoding
    private : LabelledImages
    """

    encoding: Encoding = field(repr=False)
    private: LabelledImages = field(repr=False)
    # To draw orders of n images takes longer than to encrypt a batch: an epoch's plan is kept.
    _plans: dict[int, Plan] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        """Rows of an epoch: one is led by each private image."""
        return len(self.private.images)

    def batch(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows `start` … `stop` - 1, of any epochs.

        Returns
        -------
        encryption : ndarray of float32, shape (stop - start, C, H, W)
        label : ndarray of float32, shape (stop - start, num_classes)
        """
        if not 0 <= start < stop:
            raise InstaHideError(f"rows {start} to {stop}: give a range from 0 on")
        made = [self._part(*part) for part in _by_epoch(start, stop, len(self))]
        return np.concatenate([part[0] for part in made]), np.concatenate([p[1] for p in made])

    def __getitem__(self, row: int) -> tuple:
        return self.__getitems__([row])[0]

    def __getitems__(self, rows: Sequence[int]) -> list[tuple]:
        """Return (encryption, label) of each row, as tensors."""
        torch, found = import_torch(), []
        for start, stop in consecutive(rows):
            arrays = self.batch(start, stop)
            found += zip(*(torch.from_numpy(array) for array in arrays), strict=True)
        return found

    def __getstate__(self) -> dict:
        """Leave the plans out of what goes to another process: it draws its own."""
        return self.__dict__ | {"_plans": {}}

    def _part(self, epoch: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of one epoch; `start` and `stop` count from the first row of all."""
        first = epoch * len(self)
        plan = self._plan(epoch)[start - first : stop - first]
        rows = self.encoding.encode(plan, start)["encryption"]
        return channels_first(rows), label_rows(plan, self.private)

    def _plan(self, epoch: int) -> Plan:
        if epoch not in self._plans:
            for old in list(self._plans)[:-1]:  # a batch may lie in two epochs
                self._plans.pop(old, None)
            first = epoch * len(self)
            self._plans[epoch] = self.encoding.plan(first, first + len(self))
        return self._plans[epoch]


@dataclass
class EpochSampler:
    """Rows of one epoch after the other; leads are in random order already, so no shuffling.

    Parameters
    ----------
    size : int
        Rows of an epoch, ``len(rows)``.
    epoch : int
        Set by `set_epoch`, as of PyTorch's `DistributedSampler`.
    """

    size: int
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose rows come next."""
        if epoch < 0:
            raise InstaHideError(f"the epoch {epoch} is negative; use 0 or more")
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.size
        return iter(range(first, first + self.size))


def consecutive(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut numbers of rows into ranges that follow each other, as (start, stop).

    Examples
    --------
    >>> list(consecutive([3, 4, 5, 9, 2]))
    [(3, 6), (9, 10), (2, 3)]
    """
    start = stop = None
    for row in map(int, rows):
        if row != stop:
            if start is not None:
                yield start, stop
            start = row
        stop = row + 1
    if start is not None:
        yield start, stop


def _by_epoch(start: int, stop: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range of rows where epochs of `size` rows end: (epoch, start, stop)."""
    while start < stop:
        epoch = start // size
        end = min(stop, (epoch + 1) * size)
        yield epoch, start, end
        start = end
