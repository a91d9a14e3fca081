"""Labels of rows: for each class, the sum of its private images' weights.

A row has as many non-zero entries as it has private classes. Public images carry no
label, so a row of InstaHide sums to the private coefficients' sum, not to 1 (challenge
README).
"""

import numpy as np

from instahide.encodings.plan import Plan
from instahide.labelled import LabelledImages


def label_rows(plan: Plan, private: LabelledImages) -> np.ndarray:
    """Sum the weights of each row's private images by class.

    Parameters
    ----------
    plan : Plan
        E rows.
    private : LabelledImages

    Returns
    -------
    ndarray of float32, shape (E, classes)
    """
    label = np.zeros((len(plan), len(private.class_names)))
    rows = np.arange(len(plan))
    for place, members in enumerate(plan.members.T):
        label[rows, private.classes[members]] += plan.weights[:, place]
    return label.astype(np.float32)
