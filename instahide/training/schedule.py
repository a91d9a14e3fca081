"""How a network is trained: batches, epochs, rates, augmentation.

Standard library only: the workflow reads it whenever it is parsed.
"""

import math
from dataclasses import dataclass

from instahide.errors import InstaHideError

DROP = 10  # the rate is divided by it


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: SGD with momentum, and a rate that changes.

    Attributes
    ----------
    epochs, batch : int
        Passes over the images; images of a batch.
    rate : float
        The peak.
    rise : float
        Share of the steps in which the rate rises, linearly; then it falls to 0.
    drops : tuple of int
        Epochs after which the rate is divided by 10; where there are any, it neither rises
        nor falls otherwise.
    momentum, decay : float
        Decay of the weights.
    nesterov : bool
    seed : int
        Of the network's first weights, the order of images, flips and crops.
    flip : bool
        Flip half of the images.
    padding : int
        Move images by up to so many pixels.
    bfloat16 : bool
        Compute in 16 bits where PyTorch thinks it safe.

    Raises
    ------
    InstaHideError
        When a value is out of range.
    """

    epochs: int = 10
    batch: int = 128
    rate: float = 0.15
    rise: float = 0.2
    drops: tuple[int, ...] = ()
    momentum: float = 0.9
    nesterov: bool = True
    decay: float = 5e-4
    seed: int = 0
    flip: bool = True
    padding: int = 3
    bfloat16: bool = False

    def __post_init__(self):
        if self.epochs < 1 or self.batch < 1:
            raise InstaHideError(
                f"epochs = {self.epochs}, batch = {self.batch}: use 1 or more of each"
            )
        if not (0 < self.rate < math.inf and 0 <= self.rise < 1):
            raise InstaHideError(
                f"rate = {self.rate}, rise = {self.rise}: the rate is more than 0, and rises "
                "for a share of 0 to 1 of the steps"
            )
        if not (0 <= self.momentum < 1 and 0 <= self.decay < math.inf):
            raise InstaHideError(
                f"momentum = {self.momentum}, decay = {self.decay}: momentum lies from 0 to "
                "below 1, and decay is 0 or more"
            )
        if self.nesterov and not self.momentum:
            raise InstaHideError("nesterov needs momentum: say nesterov: false without it")
        if any(not 0 < drop < self.epochs for drop in self.drops):
            raise InstaHideError(
                f"drops = {list(self.drops)}: the rate drops after epochs from 1 to "
                f"{self.epochs - 1}"
            )
        if self.padding < 0:
            raise InstaHideError(f"padding = {self.padding}: use 0 or more")

    def rate_at(self, share: float) -> float:
        """Return the rate after a share of all steps.

        Examples
        --------
        >>> Schedule(rate=1.0, rise=0.2).rate_at(0.1), Schedule(rate=1.0, rise=0.2).rate_at(0.6)
        (0.5, 0.5)
        >>> Schedule(rate=1.0, epochs=4, drops=(2,)).rate_at(0.75)
        0.1
        """
        if self.drops:
            return self.rate / DROP ** sum(share * self.epochs >= drop for drop in self.drops)
        if share < self.rise:
            return self.rate * share / self.rise
        return self.rate * (1 - share) / (1 - self.rise)
