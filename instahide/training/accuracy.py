"""How often a trained network is right: on plain images and on encryptions of them."""

from dataclasses import dataclass
from typing import Any

from instahide.pytorch import import_torch
from instahide.training.prediction import PREDICTED_ROWS
from instahide.training.transform import InstaHide


@dataclass(frozen=True)
class Accuracy:
    """Shares of right predictions, from 0 to 1.

    Attributes
    ----------
    images : int
        How many were predicted.
    plain : float
        Shown as they are.
    encrypted : float or None
        By one encryption of each; None without a transform, as the next two.
    encrypted_10 : float or None
        By the mean of ten.
    largest_10 : float or None
        By the mean of ten, in each of which the image has the largest private coefficient.
    """

    images: int
    plain: float
    encrypted: float | None = None
    encrypted_10: float | None = None
    largest_10: float | None = None


def measure_accuracy(
    network: Any, images: Any, labels: Any, transform: InstaHide | None = None
) -> Accuracy:
    """Measure a network on images that it was not trained on.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    images : tensor of uint8, shape (n, C, H, W)
    labels : tensor of int64, shape (n,)
    transform : InstaHide, optional
        Encrypts the images, among themselves.
    """
    plain = _share(predict_plain(network, images), labels)
    if transform is None:
        return Accuracy(len(images), plain)
    asked = ((1, False), (10, False), (10, True))
    shares = [
        _share(transform.predict(network, images, encodings=encodings, largest=largest), labels)
        for encodings, largest in asked
    ]
    return Accuracy(len(images), plain, *shares)


def predict_plain(network: Any, images: Any) -> Any:
    """Return the probabilities of plain images, uint8 (n, C, H, W), as (n, classes)."""
    torch = import_torch()
    with torch.no_grad():
        parts = [network(part / 127.5 - 1) for part in images.split(PREDICTED_ROWS)]
    return torch.cat(parts).float().softmax(dim=1)


def _share(probabilities: Any, labels: Any) -> float:
    return int((probabilities.argmax(dim=1) == labels).sum()) / len(labels)
