"""A training as data: the encoding, the network and the schedule.

What trains gets such a recipe, with every function as ``module:function``; the names that stand
for functions and settings are looked up before (`instahide.training.configured`), so that a new
name re-runs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instahide.choice import Choice
from instahide.encodings.choice import EncodingChoice
from instahide.training.schedule import Schedule

UNENCRYPTED = "none"  # the encoding of a training on plain images
ABS, SIGNED = "abs", "signed"


@dataclass(frozen=True)
class Training:
    """What is trained, but for images and seeds.

    Attributes
    ----------
    encoding : EncodingChoice or None
        None: plain images.
    network : Choice
        Called with the number of classes, `channels` and `signed`.
    input : {"abs", "signed"}
        Whether the network sees magnitudes of rows, or rows as they are.
    schedule : Schedule
    """

    encoding: EncodingChoice | None
    network: Choice
    input: str
    schedule: Schedule

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Training":
        """Return the training whose `asdict` is given."""
        encoding, schedule = fields["encoding"], Schedule(**fields["schedule"])
        made = encoding and EncodingChoice(**encoding)
        return cls(made, Choice(**fields["network"]), fields["input"], schedule)
