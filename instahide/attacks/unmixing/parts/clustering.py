"""Clusters of rows that look alike: each stands for the image that they share."""

import numpy as np
from scipy.cluster.hierarchy import average, cut_tree
from scipy.spatial.distance import squareform

from instahide.attacks.needs import FLOAT
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.markov import markov_clusters, similarity_graph
from instahide.attacks.unmixing.parts.neighbours import (
    BLOCK_OTHERS,
    BLOCK_ROWS,
    nearest_rows,
    unit_rows,
)
from instahide.attacks.unmixing.state import NOBODY
from instahide.progress import tracked

ROWS_PER_IMAGE = 16  # of those with the largest coefficients, that clusters are made of
MOST_LINKED = 6000  # rows whose distances are all looked at
MOST_LED = 1200  # of those that images of one class lead: with more, linkage loses images
MORE_LED = 1.5  # times as many rows are then clustered
NEIGHBOURS = 30  # of each of more rows


def clustering_needs(rows: int, pixels: int) -> float:
    """Bytes to cluster some rows: their unit vectors, and distances or graph and blocks."""
    table = FLOAT * rows * pixels
    if rows <= MOST_LINKED:
        return 2 * table + 14 * rows**2
    return 2 * table + 3 * FLOAT * BLOCK_ROWS * BLOCK_OTHERS + 150 * NEIGHBOURS * rows


def clustering_seconds(rows: int, pixels: int) -> float:
    """Processor seconds to cluster some rows: products of all pairs, and what follows."""
    products = 3e-11 * rows**2 * pixels
    return products + (2e-7 * rows**2 if rows <= MOST_LINKED else 2e-4 * rows)


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
            rows = rows[
                order[: led_rows(np.count_nonzero(image_index != NOBODY), rows_per_image)]
            ]
        leaders[rows] = cluster_images(features[rows], image_index, MOST_LED)
    return leaders


def led_rows(images: int, rows_per_image: int) -> int:
    """Return how many rows to cluster for so many images."""
    some = rows_per_image * images
    return some if some <= MOST_LED else int(MORE_LED * some)


def cluster_images(
    features: np.ndarray, image_index: np.ndarray, most_linked: int | None = None
) -> np.ndarray:
    """Cluster rows, and give each cluster one of some images.

    Parameters
    ----------
    features : ndarray of float32, shape (rows, d)
    image_index : ndarray of int64, shape (most,)
        Padded with NOBODY.
    most_linked : int, optional
        See `cluster`.

    Returns
    -------
    ndarray of int64, shape (rows,)
        An image, or NOBODY.
    """
    image_index = image_index[image_index != NOBODY]
    if not len(image_index):
        return np.full(len(features), NOBODY)
    return name_images(cluster(features, len(image_index), most_linked), image_index)


def name_images(names: np.ndarray, image_index: np.ndarray) -> np.ndarray:
    """Return the image of each cluster's rows; NOBODY stays."""
    return np.where(names == NOBODY, NOBODY, image_index[names])


def cluster(features: np.ndarray, count: int, most_linked: int | None = None) -> np.ndarray:
    """Cluster rows; the `count` largest clusters stand for images, the others are outliers.

    Clusters are those of average linkage, its tree cut where the `count`-th largest has most
    members; of more than `most_linked` rows, by default 6,000, Markov clusters of the graph of
    nearest neighbours.

    Returns
    -------
    ndarray of int64, shape (rows,), range 0 … count - 1, or NOBODY for outliers

    Raises
    ------
    NothingToGoOn
        When there are fewer rows than clusters, or only one.
    """
    if len(features) < max(count, 2):
        raise NothingToGoOn(f"{len(features)} rows are too few to find {count} images in")
    if len(features) <= (MOST_LINKED if most_linked is None else most_linked):
        found = linked_clusters(features, count)
    else:
        neighbours = nearest_rows(unit_rows(features), NEIGHBOURS)
        found = markov_clusters(similarity_graph(*neighbours))
    return name_largest(found, count)


def name_largest(found: np.ndarray, count: int) -> np.ndarray:
    """Number the largest clusters from 0 on, int64, shape (rows,); NOBODY for the others."""
    largest = np.argsort(-np.bincount(found), kind="stable")[:count]
    names = np.full(found.max() + 1, NOBODY)
    names[largest] = np.arange(len(largest))
    return names[found]


def linked_clusters(features: np.ndarray, count: int) -> np.ndarray:
    """Cluster rows by average linkage, int64, shape (rows,), see `cut_where_large`."""
    unit = unit_rows(features)
    distances = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(distances, 0)
    tree = average(squareform(distances, checks=False))
    return cut_tree(tree, n_clusters=cut_where_large(tree, count)).ravel()


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
