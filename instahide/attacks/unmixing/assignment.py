"""Who is in which encryption: clusters within classes, then EM over pairs.

A label tells which classes a row holds and how much of each, so only the image within the
class is unknown. Rows with a large coefficient of a class are clustered by the similarity
of their whitened squares; a cluster is an image. From there, in the space of whitened
squares, every row is close to a weighted sum

    f ≈ λ₀²·Q[z₀] + λ₁²·Q[z₁] + (1 - λ₀ - λ₁)²·Q_public + Q_constant,

which hard EM fits: the best pair (z₀, z₁) of the row's classes, then least squares for Q.
Once rows are known without their masks, `pair_costs` serves again, on the rows themselves;
then it also finds how two images of one class share their coefficient.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.parts.clustering import cluster_images, clustering_needs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, mix
from instahide.errors import InstaHideError
from instahide.progress import tracked

ROWS_PER_IMAGE = 16  # that are clustered


@dataclass(frozen=True)
class Parts:
    """What the labels say of each row's two private images.

    Attributes
    ----------
    classes : ndarray of int64, shape (E, 2)
        The larger coefficient's class first.
    coefficients : ndarray of float32, shape (E, 2)
        λ of each; half of the sum each where both images are of one class.
    same : ndarray of bool, shape (E,)
        Both images are of one class, so that only the sum is known.
    """

    classes: np.ndarray
    coefficients: np.ndarray
    same: np.ndarray


def em_needs(size: Size) -> float:
    """Bytes: features and what is left of them; clusters; costs of all pairs of a row."""
    clusters = clustering_needs(min(ROWS_PER_IMAGE * size.class_images, size.rows), size.pixels)
    return size.table + max(clusters, size.table + pairs_needs(size))


def pairs_needs(size: Size) -> float:
    """Bytes of `pair_costs`: nine numbers for each row and pair of its candidates."""
    return 9 * FLOAT * size.rows * size.class_images**2


def em(
    problem: Problem, features: np.ndarray, rng: np.random.Generator, *, rounds: int = 6
) -> Assignment:
    """Cluster within classes, then EM over pairs: the second stage of `whitened`.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows; where there is no mask, whitened rows.
    rounds : int
        Of EM; 1 leaves clusters and one choice of pairs.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or are too few.
    """
    parts, members = read_problem(problem)
    start = cluster_classes(features, parts, members)
    power = 2 if problem.scheme.masked else 1
    return fit_pairs(features, parts, members, start, power=power, rounds=rounds)


def read_problem(problem: Problem) -> tuple[Parts, np.ndarray]:
    """Return what the labels say of each row, and the images of each class.

    Raises
    ------
    InstaHideError
        When labels lack coefficients, or rows do not have two private images.
    """
    if problem.labels != "coefficients":
        raise InstaHideError(
            f"labels: {problem.labels}: this stage reads coefficients off the labels; without "
            "them choose assignment and retrieval 'free'"
        )
    if problem.scheme.private_count != 2:
        raise InstaHideError(
            f"rows of {problem.scheme.private_count} private images: this stage takes two; for "
            "inside-dataset rows choose assignment and retrieval 'places'"
        )
    parts = read_labels(problem.label)
    return parts, members_table(count_images(parts, problem.label.shape[1], problem.images))


def read_labels(label: np.ndarray) -> Parts:
    """Read classes and coefficients off the labels.

    Raises
    ------
    InstaHideError
        When a row has no class or more than two.
    """
    found = (label > 0).sum(axis=1)
    if not ((found == 1) | (found == 2)).all():
        row = int(np.argmax((found < 1) | (found > 2)))
        raise InstaHideError(
            f"the label of row {row} names {found[row]} classes; this attack reads rows of "
            "two private images, which have one or two"
        )
    places = [0, min(1, label.shape[1] - 1)]
    classes = np.argsort(-label, axis=1, kind="stable")[:, places].astype(np.int64)
    coefficients = np.take_along_axis(label, classes, axis=1).astype(np.float32)
    same = found == 1
    classes[same, 1] = classes[same, 0]
    coefficients[same] = coefficients[same, :1] / 2
    return Parts(classes, coefficients, same)


def count_images(parts: Parts, classes: int, images: int) -> np.ndarray:
    """Tell how many private images each class has, given their total.

    Every private image is used equally often, so a class appears in proportion to its
    images.

    Returns
    -------
    ndarray of int64, shape (classes,)
    """
    return share_out(images, np.bincount(parts.classes.ravel(), minlength=classes))


def share_out(total: int, weights: np.ndarray) -> np.ndarray:
    """Share out a total by weights: fractions are rounded, the largest remainders up.

    Returns
    -------
    ndarray of int64, shape of `weights`
    """
    exact = total * weights / weights.sum()
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts


def members_table(counts: np.ndarray) -> np.ndarray:
    """Number the images class after class; (classes, most) int64, padded with NOBODY."""
    places = np.arange(counts.max())
    starts = np.cumsum(counts) - counts
    return np.where(places < counts[:, None], starts[:, None] + places, NOBODY)


def cluster_classes(
    features: np.ndarray,
    parts: Parts,
    members: np.ndarray,
    *,
    rows_per_image: int = ROWS_PER_IMAGE,
) -> np.ndarray:
    """Cluster, per class, the rows with the largest coefficients.

    Returns
    -------
    ndarray of int64, shape (E,)
        The image with the larger coefficient, or NOBODY.
    """
    found = np.full(len(features), NOBODY)
    for number, images in tracked(list(enumerate(members)), "clusters", "classes"):
        rows = np.flatnonzero((parts.classes[:, 0] == number) & ~parts.same)
        order = np.argsort(-parts.coefficients[rows, 0], kind="stable")
        rows = rows[order[: rows_per_image * np.count_nonzero(images != NOBODY)]]
        found[rows] = cluster_images(features[rows], images)
    return found


def candidates(parts: Parts, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidate images of a row's two places, each (E, most), padded."""
    return members[parts.classes[:, 0]], members[parts.classes[:, 1]]


@dataclass(frozen=True)
class PairCosts:
    """Squared distances of rows from all pairs of their candidates.

    Attributes
    ----------
    first, second : ndarray of int64, shape (E, most)
        Candidates, padded with NOBODY.
    cost : ndarray of float32, shape (E, most, most)
        Up to a constant of the row; infinite for what is no pair.
    weight : ndarray of float32, shape (E, most, most)
        Weight of the first image; the second has the rest of `total`.
    total : ndarray of float32, shape (E,)
    """

    first: np.ndarray
    second: np.ndarray
    cost: np.ndarray
    weight: np.ndarray
    total: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images (E, 2), weights (E, 2) and cost (E,) of the nearest pairs."""
        rows = np.arange(len(self.cost))
        place = self.cost.reshape(len(rows), -1).argmin(axis=1)
        left, right = np.divmod(place, self.second.shape[1])
        images = np.stack([self.first[rows, left], self.second[rows, right]], axis=1)
        weight = self.weight[rows, left, right]
        weights = np.stack([weight, self.total - weight], axis=1)
        return images, weights, self.cost[rows, left, right]


def pair_costs(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    free: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> PairCosts:
    """Compare each row with the weighted sums of all pairs of its candidates.

    Where only the sum L of the two weights is known, the best split of each pair (a, b) is
    taken: the minimum of |f - t·a - (L - t)·b|² is at t = ⟨f - L·b, a - b⟩ / |a - b|².

    Parameters
    ----------
    products : ndarray of float32, shape (E, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
        Inner products of images.
    weights : ndarray of float32, shape (E, 2)
    free : ndarray of bool, shape (E,)
        Only the sum of the two weights is known.
    first, second : ndarray of int64, shape (E, most)
    """
    own = gram.diagonal()
    with_a = np.take_along_axis(products, first, 1)[:, :, None]
    with_b = np.take_along_axis(products, second, 1)[:, None, :]
    a, b = own[first][:, :, None], own[second][:, None, :]
    both = gram[first[:, :, None], second[:, None, :]]
    total = weights.sum(axis=1)
    whole = total[:, None, None]
    split = with_a - with_b - whole * (both - b)
    split = np.clip(split / np.maximum(a + b - 2 * both, 1e-9), 0, whole)
    left = np.where(free[:, None, None], split, weights[:, 0, None, None])
    right = whole - left
    cost = left**2 * a + right**2 * b + 2 * left * right * both
    cost -= 2 * (left * with_a + right * with_b)
    cost[first[:, :, None] == second[:, None, :]] = np.inf
    cost[(first == NOBODY)[:, :, None] | (second == NOBODY)[:, None, :]] = np.inf
    return PairCosts(first, second, cost, left, total)


def fit_pairs(
    features: np.ndarray,
    parts: Parts,
    members: np.ndarray,
    start: np.ndarray,
    *,
    power: int = 2,
    rounds: int = 6,
    ridge: float = 0.05,
) -> Assignment:
    """Assign pairs of images to rows by hard EM.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows; where there is no mask, whitened rows.
    parts : Parts
    members : ndarray of int64, shape (classes, most)
    start : ndarray of int64, shape (E,)
        The image with the larger coefficient, or NOBODY.
    power : {2, 1}
        Features are linear in coefficients to this power.
    rounds : int
    ridge : float
        Draws Q to zero, as a share of the mean diagonal of the normal matrix.
    """
    count = int(members.max()) + 1
    weights = parts.coefficients**power
    rest = 1 - parts.coefficients.sum(axis=1)
    common = np.stack([rest**power, np.ones_like(rest)], axis=1)
    trust = 1 / (0.1 + rest**2)
    first, second = candidates(parts, members)
    free = parts.same & (power == 1)
    images = np.stack([start, np.full(len(start), NOBODY)], axis=1)
    used = weights
    rows = start != NOBODY
    for _ in tracked(range(rounds), "pairs", "rounds"):
        design = np.hstack([mix(images[rows], used[rows], count), common[rows]])
        fitted = ridge_fit(design, features[rows], trust[rows], ridge)
        profiles = fitted[:count]
        products = features @ profiles.T - common @ (fitted[count:] @ profiles.T)
        costs = pair_costs(products, profiles @ profiles.T, weights, free, first, second)
        images, used, _ = costs.best()
        rows = np.ones(len(start), bool)
    return Assignment(images, used if power == 1 else parts.coefficients)


def ridge_fit(
    design: np.ndarray, targets: np.ndarray, weights: np.ndarray, ridge: float
) -> np.ndarray:
    """Solve weighted least squares with a ridge on all but the last two columns."""
    weighted = design * weights[:, None]
    normal = (weighted.T @ design).astype(np.float64)
    scale = normal.diagonal()[:-2].mean()
    penalty = np.full(len(normal), ridge * scale)
    penalty[-2:] = 1e-3 * ridge * scale  # only against collinearity
    normal[np.diag_indices(len(normal))] += penalty
    return solve(normal, weighted.T @ targets, assume_a="pos").astype(np.float32)
