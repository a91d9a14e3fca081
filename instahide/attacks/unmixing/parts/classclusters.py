"""Clusters of all rows that hold a class, where no label tells coefficients."""

import numpy as np

from instahide.attacks.unmixing.parts.clustering import cluster_images
from instahide.attacks.unmixing.parts.labels import Parts, rows_of_class
from instahide.attacks.unmixing.state import NOBODY
from instahide.progress import tracked


def cluster_rows(features: np.ndarray, parts: Parts) -> np.ndarray:
    """Cluster, per class, all rows that hold it.

    Which of a row's images weighs more is unknown, so rows are clustered with every class
    that they hold. Rows led by an image of another class make smaller clusters than the
    images of this class, and are left out.

    Returns
    -------
    ndarray of int64, shape (E, 2)
        An image of each of the row's two classes, or NOBODY; the second is always NOBODY
        where both classes are the same.
    """
    members = np.full((len(features), 2), NOBODY)
    for number, image_index in tracked(list(enumerate(parts.roster)), "clusters", "classes"):
        rows, place = rows_of_class(parts, number)
        members[rows, place] = cluster_images(features[rows], image_index)
    return members
