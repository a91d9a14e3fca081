"""What an encoding is: how private images become what is released.

An encoding is a function that is called once, with the private images, the public ones and a
key, and returns an object that answers for any range of rows. Scoring, folder, manifest,
verification, streaming and attacks know no more of it than this page, so that an encoding of
one's own is written ``module:function`` (docs/encodings.md).

Every row is a function of (key, number of the row): it comes out the same whatever rows are
asked for with it, in whatever order and by whatever number of workers.

Labels are no part of it: they follow from the plan, see `instahide.encodings.labels`. An
encoding with another idea of labels releases an array of its own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from instahide.encodings.plan import Plan
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key


class PublicImages(Protocol):
    """Public images, in memory or in a store."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C)."""

    def __len__(self) -> int: ...

    def read(self, places: np.ndarray) -> np.ndarray:
        """Return the images at `places`, uint8, shape (*places.shape, H, W, C)."""


class RowOf(NamedTuple):
    """One row of a released array.

    Attributes
    ----------
    dtype : str
        As NumPy writes it, such as ``"<f4"``.
    shape : tuple of int
        Without the rows' own axis.
    """

    dtype: str
    shape: tuple[int, ...]


class Encoding(Protocol):
    """How private images become what is released; every row a function of (key, row)."""

    @property
    def rows(self) -> int:
        """Number E of rows that a challenge of these images has."""

    @property
    def arrays(self) -> Mapping[str, RowOf]:
        """What is released for each row besides its label, by name: ``{name}.npy``."""

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the endless plan: the secret truth."""

    def encode(self, plan: Plan, start: int) -> dict[str, np.ndarray]:
        """Return what is released of a plan whose first row is row `start`.

        Returns
        -------
        dict of ndarray
            By the names in `arrays`, each of shape (len(plan), …).
        """

    def describe(self) -> dict[str, Any]:
        """Return the public parameters, as JSON: the options that make this encoding again."""


class Maker(Protocol):
    """Makes an encoding; what ``module:function`` names."""

    def __call__(
        self, private: LabelledImages, public: PublicImages, key: Key, **options: Any
    ) -> Encoding:
        """Return the encoding.

        Parameters
        ----------
        private : LabelledImages
        public : PublicImages
            With no image where the challenge has no pool.
        key : Key
        options
            Keyword-only parameters of the function, from the configuration.

        Raises
        ------
        InstaHideError
            When the images do not suit, or an option is out of range.
        """
