"""The state of a retrieval whose rows hold images in views.

What asks only what the images make of a row takes it as it takes any state.
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.parts.canvases import (
    RowViews,
    ViewedMixtures,
    Views,
    rows_of,
)
from instahide.attacks.unmixing.state import State


@dataclass(frozen=True)
class ViewedState(State):
    """A state whose members are images in views, see `Views.join`.

    Attributes
    ----------
    views : Views
        Of canvases that may be larger than rows.
    """

    views: Views

    @property
    def rows(self) -> RowViews:
        """The map from images, the mean public one too, to rows."""
        return rows_of(self.views, self.assignment, self.image_count)

    @property
    def mixtures(self) -> ViewedMixtures:
        """What the images make of the rows."""
        return ViewedMixtures(self.rows, self.images)

    def plain(self) -> State:
        """Return the state without its views, as stages hand it on."""
        return State(self.images, self.assignment, self.level, self.unmasked)

    def take(self, rows: np.ndarray) -> "ViewedState":
        """Return some rows; images are all there."""
        return ViewedState(**vars(super().take(rows)), views=self.views)

    def put(self, rows: np.ndarray, new: State) -> "ViewedState":
        """Return all rows, some of them replaced; the images stay."""
        return ViewedState(**vars(super().put(rows, new)), views=self.views)
