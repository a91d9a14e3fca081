"""The search for each row's nearest others as a step of its own, in parts that run at once.

It stands between similarity and the assignment `scattered`, for rows whose labels tell no
coefficients and that are too many for one processor: the search is the only part of the attack
whose time grows with the square of the rows. A step is given what the one before it left and
nothing else, so each part hands its share of the features on.
"""

import numpy as np

from instahide.attacks.needs import PRODUCT, Size
from instahide.attacks.unmixing.parts.clustering import NEIGHBOURS, clustering_needs
from instahide.attacks.unmixing.parts.labels import read_classes, rows_of_class
from instahide.attacks.unmixing.parts.neighbours import nearest_rows, unit_rows
from instahide.attacks.unmixing.problem import Problem


def find_neighbours_needs(size: Size) -> float:
    """Bytes: features, and the unit vectors of a class's rows, with blocks of products."""
    return size.table + clustering_needs(max(size.class_rows, 10_000), size.pixels)


def find_neighbours_seconds(size: Size) -> float:
    """Processor seconds of all parts together."""
    classes = size.image_count / max(size.class_images, 1)
    return classes * size.class_rows**2 * (PRODUCT * size.pixels + 1e-8)


def find_neighbours(
    problem: Problem, features: np.ndarray, rng: np.random.Generator, *, part: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Find the nearest others of some rows, among all rows that hold the same class.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows.
    part : tuple of int
        Number and count of the parts.

    Returns
    -------
    dict
        ``features``, this part's share; and for each class number c ``rows_c`` int64 and
        ``cosines_c`` float32 (some, neighbours), see
        `instahide.attacks.unmixing.parts.neighbours.nearest_rows`.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or have no mask.
    """
    parts, (number, count) = read_classes(problem), part
    first, last = (len(features) * edge // count for edge in (number, number + 1))
    found = {"features": features[first:last]}
    for name in range(len(parts.roster)):
        rows, _ = rows_of_class(parts, name)
        if len(rows) < 2:
            continue
        some = features if len(rows) == len(features) else features[rows]
        found[f"rows_{name}"], found[f"cosines_{name}"] = nearest_rows(
            unit_rows(some), NEIGHBOURS, part
        )
    return found
