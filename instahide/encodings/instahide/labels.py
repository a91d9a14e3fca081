"""Labels of encryptions: for each class, the sum of its private images' coefficients.

A row has as many non-zero entries as it has private classes. Public images carry no
label, so a row sums to the private coefficients' sum, not to 1 (challenge README).
"""

from pathlib import Path

import numpy as np

from instahide.encodings.instahide.plan import Plan
from instahide.files import save_npy
from instahide.labelled import LabelledImages


def label_rows(plan: Plan, classes: np.ndarray, class_count: int) -> np.ndarray:
    """Sum the coefficients of each row's private images by class.

    Parameters
    ----------
    plan : Plan
        E rows.
    classes : ndarray of int, shape (n,), range 0 … class_count - 1
        Class of each private image.

    Returns
    -------
    ndarray of float32, shape (E, class_count)
    """
    label = np.zeros((len(plan), class_count))
    rows = np.arange(len(plan))
    for place, images in enumerate(plan.pairs.T):
        label[rows, classes[images]] += plan.coefficients[:, place]
    return label.astype(np.float32)


def save_label(path: Path | str, plan: Plan, private: LabelledImages) -> None:
    """Write `label.npy`."""
    save_npy(path, label_rows(plan, private.classes, len(private.class_names)))
