"""Encodings that treat every image for itself: an encoding of one's own in 20 lines.

Give `PerImage` a function of a batch of images and random numbers, and the rest of the protocol
(`instahide.encodings.protocol`) is there: each private image has T rows, each row has random
numbers of its own, and the plan says which image it holds. docs/encodings.md has an example.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from instahide.encodings.plan import Plan
from instahide.encodings.protocol import RowOf
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key, Stream

#: Encodes images, float32 (rows, H, W, C) on [-1, 1], with random numbers of a stream that
#: are asked for by the numbers of the rows, int64 (rows,).
Transform = Callable[[np.ndarray, Stream, np.ndarray], np.ndarray | Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class PerImage:
    """An encoding of one image a row, see `instahide.encodings.protocol.Encoding`.

    Row i encodes private image i modulo n.

    Attributes
    ----------
    private : LabelledImages
    key : Key
    transform : callable
        Of images, float32 (rows, H, W, C) on [-1, 1]; a `Stream`; and the numbers of the rows,
        int64 (rows,), by which the stream is asked. Returns an array with as many rows, or
        several by name; one array is called ``encryption``. A row may depend on its image and
        its number only.
    options : dict
        Public parameters, as JSON: the options that make this encoding again.
    rows_per_image : int
        T.
    """

    private: LabelledImages
    key: Key = field(repr=False)
    transform: Transform
    options: Mapping[str, Any]
    rows_per_image: int = 1

    def __post_init__(self):
        if self.rows_per_image < 1:
            raise InstaHideError(f"rows_per_image = {self.rows_per_image}: use 1 or more")

    @property
    def rows(self) -> int:
        """T rows for each private image."""
        return len(self.private.images) * self.rows_per_image

    @cached_property
    def arrays(self) -> Mapping[str, RowOf]:
        """What the transform makes of the first image."""
        made = self.encode(self.plan(0, 1), 0)
        return {
            name: RowOf(array.dtype.newbyteorder("<").str, array.shape[1:])
            for name, array in made.items()
        }

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan: one image each, whole."""
        members = np.arange(start, stop)[:, None] % len(self.private.images)
        return Plan(members, np.empty((len(members), 0), np.int64), np.ones(members.shape))

    def encode(self, plan: Plan, start: int) -> dict[str, np.ndarray]:
        """Return what is released of a plan whose first row is row `start`.

        Raises
        ------
        InstaHideError
            When the transform does not return an array with a row for each image.
        """
        images = to_unit_range(self.private.images[plan.members[:, 0]])
        rows = np.arange(start, start + len(plan))
        made = self.transform(images, self.key.stream("encoding"), rows)
        made = dict(made) if isinstance(made, Mapping) else {"encryption": made}
        for name, array in made.items():
            if not isinstance(array, np.ndarray) or array.shape[:1] != (len(plan),):
                raise InstaHideError(
                    f"the encoding's {name!r} is {getattr(array, 'shape', type(array))}; an "
                    f"array with {len(plan)} rows is expected"
                )
        return made

    def describe(self) -> dict[str, Any]:
        """Return the options, and T."""
        return {**self.options, "rows_per_image": self.rows_per_image}
