"""Clusters of rows that look alike: each stands for the image that they share."""

import numpy as np
from scipy.cluster.hierarchy import average, cut_tree
from scipy.spatial.distance import squareform

from instahide.attacks.needs import FLOAT
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.state import NOBODY
from instahide.errors import InstaHideError
from instahide.progress import tracked


def clustering_needs(rows: int, pixels: int) -> float:
    """Bytes to cluster some rows: their unit vectors, and distances as three tables."""
    return 2 * FLOAT * rows * pixels + 14 * rows**2


def cluster_leaders(
    features: np.ndarray, parts: Parts, rows_per_image: int | None = None
) -> np.ndarray:
    """Cluster rows by the image of their largest coefficient, class by class.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
    parts : Parts
        Rows of two images of one class are left out: neither leads.
    rows_per_image : int, optional
        Of each class, only so many rows with the largest coefficients for each of its images.

    Returns
    -------
    ndarray of int64, shape (E,)
        Images, or NOBODY.
    """
    leaders = np.full(len(features), NOBODY)
    for number, image_index in tracked(list(enumerate(parts.roster)), "clusters", "classes"):
        rows = np.flatnonzero((parts.classes[:, 0] == number) & ~parts.same)
        if rows_per_image:
            order = np.argsort(-parts.coefficients[rows, 0], kind="stable")
            rows = rows[order[: rows_per_image * np.count_nonzero(image_index != NOBODY)]]
        leaders[rows] = cluster_images(features[rows], image_index)
    return leaders


def cluster_images(features: np.ndarray, image_index: np.ndarray) -> np.ndarray:
    """Cluster rows, and give each cluster one of some images.

    Parameters
    ----------
    features : ndarray of float32, shape (rows, d)
    image_index : ndarray of int64, shape (most,)
        Padded with NOBODY.

    Returns
    -------
    ndarray of int64, shape (rows,)
        An image, or NOBODY.
    """
    image_index = image_index[image_index != NOBODY]
    if not len(image_index):
        return np.full(len(features), NOBODY)
    names = cluster(features, len(image_index))
    return np.where(names == NOBODY, NOBODY, image_index[names])


def cluster(features: np.ndarray, count: int) -> np.ndarray:
    """Cluster rows by average linkage, where the `count` largest clusters stand out.

    The tree is cut where the `count`-th largest cluster has most members; smaller ones
    are outliers.

    Returns
    -------
    ndarray of int64, shape (rows,), range 0 … count - 1, or NOBODY for outliers

    Raises
    ------
    InstaHideError
        When there are fewer rows than clusters, or only one.
    """
    if len(features) < max(count, 2):
        raise InstaHideError(f"{len(features)} rows are too few to find {count} images in")
    distances = np.clip(1 - cosine_similarity(features), 0, 2)
    np.fill_diagonal(distances, 0)
    tree = average(squareform(distances, checks=False))
    found = cut_tree(tree, n_clusters=cut_where_large(tree, count)).ravel()
    largest = np.argsort(-np.bincount(found), kind="stable")[:count]
    names = np.full(found.max() + 1, NOBODY)
    names[largest] = np.arange(count)
    return names[found]


def cut_where_large(tree: np.ndarray, count: int) -> int:
    """Return how many clusters to cut a tree into so that the `count`-th largest is biggest.

    Parameters
    ----------
    tree : ndarray of float64, shape (rows - 1, 4)
        A linkage as scipy gives it, of `count` rows or more.
    """
    rows = len(tree) + 1
    sizes = np.zeros(2 * rows - 1, np.int64)
    sizes[:rows] = 1
    best, most = rows, 1
    for step, (left, right, _, size) in enumerate(tree[: rows - count]):
        sizes[[int(left), int(right)]] = 0
        sizes[rows + step] = size
        alive = sizes[: rows + step + 1]
        if (kept := np.partition(alive, -count)[-count]) > most:
            best, most = rows - step - 1, kept
    return best


def cosine_similarity(features: np.ndarray) -> np.ndarray:
    """Return the cosines between all pairs of rows, shape (E, E)."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T
