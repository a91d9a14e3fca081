"""Fresh encryptions without end, batch by batch, for training on them."""

from collections.abc import Iterator

import numpy as np

from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import Sources
from instahide.encodings.labels import label_rows


def encryption_stream(
    sources: Sources, *, batch_rows: int = 128, start: int = 0, stop: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of encryptions and labels, each encrypted afresh.

    With n private images, rows n·t to n·t + n - 1 are the t-th epoch: their masks,
    coefficients and public images are used for them only. Row i is the same whatever
    `batch_rows`, and the first n·T rows are those of the challenge that these sources make.

    Parameters
    ----------
    batch_rows : int
        Rows of a batch; only the last one may be smaller.
    start, stop : int
        Range of rows; by default from the first on, for ever.

    Yields
    ------
    encryption : ndarray of float32, shape (rows, H, W, C), range [-1, 1]
    label : ndarray of float32, shape (rows, classes)
    """
    private = sources.private
    while stop is None or start < stop:
        end = start + batch_rows if stop is None else min(start + batch_rows, stop)
        plan = sources.encoding.plan(start, end)
        yield (
            encode_rows(sources, plan, start),
            label_rows(plan, private),
        )
        start = end
