"""Encrypted inference: the model's mean prediction of several encryptions of an image."""

from dataclasses import replace
from typing import Any

import numpy as np

from instahide.encodings.plan import Plan
from instahide.encodings.protocol import Encoding
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch
from instahide.training.arrays import channels_first

PREDICTED_ROWS = 256  # that the model sees at once


def predict_encrypted(
    model: Any,
    encoding: Encoding,
    images: int,
    device: Any = "cpu",
    *,
    encodings: int = 10,
    largest: bool = True,
) -> Any:
    """Return the mean probabilities of each private image of an encoding.

    Image i's predictions are those of the rows that it leads, one in each block of `images`
    rows.

    Parameters
    ----------
    model : callable
        Takes float32 (rows, C, H, W), returns logits (rows, classes).
    encoding : Encoding
        Of the images to predict, as its private ones.
    images : int
        Their number n.
    encodings : int
        Blocks.
    largest : bool
        See `lead_by_largest`.

    Returns
    -------
    tensor of float32, shape (n, classes)

    Raises
    ------
    InstaHideError
        When there are no encodings, or the model returns something else.
    """
    if encodings < 1:
        raise InstaHideError(f"encodings = {encodings}: use 1 or more")
    torch, total = import_torch(), None
    for block in range(encodings):
        first = block * images
        plan = encoding.plan(first, first + images)
        plan = lead_by_largest(plan) if largest else plan
        for start in range(0, images, PREDICTED_ROWS):
            part = plan[start : start + PREDICTED_ROWS]
            rows = channels_first(encoding.encode(part, first + start)["encryption"])
            with torch.no_grad():
                logits = model(torch.from_numpy(rows).to(device))
            if logits.ndim != 2 or len(logits) != len(part):
                raise InstaHideError(
                    f"the model returns {tuple(logits.shape)} for {len(part)} encryptions: "
                    "logits (rows, classes) are expected"
                )
            found = logits.float().softmax(dim=1)
            if total is None:
                total = torch.zeros(images, found.shape[1], device=found.device)
            total.index_add_(0, torch.from_numpy(part.members[:, 0]).to(found.device), found)
    return total / encodings


def lead_by_largest(plan: Plan) -> Plan:
    """Give the first private image of each row the largest of its private weights.

    Two weights change places, so the bounds hold as before.

    Examples
    --------
    >>> plan = Plan(np.array([[4, 7]]), np.array([[1]]), np.array([[0.1, 0.4, 0.5]]))
    >>> lead_by_largest(plan).weights.tolist()
    [[0.4, 0.1, 0.5]]
    """
    rows, weights = np.arange(len(plan)), plan.weights.copy()
    place = weights[:, : plan.members.shape[1]].argmax(axis=1)
    weights[rows, place] = plan.weights[:, 0]
    weights[:, 0] = plan.weights[rows, place]
    return replace(plan, weights=weights)
