"""Who is in which encryption and in which view, where images were flipped and shifted.

As in `instahide.attacks.unmixing.assignment`, rows with a large coefficient of a class are
clustered, and hard EM finds pairs for all rows from there. Only that rows are compared in all
views (`instahide.attacks.unmixing.parts.registration`), that a cluster's rows are laid over
each other (`instahide.attacks.unmixing.parts.alignment`), and that profiles are canvases.
EM looks two pixels further than images can be shifted: a frame that a few rows tell may be a
little off, and is chosen anew when all rows tell it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import average, cut_tree
from scipy.spatial.distance import squareform

from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.unmixing.parts.alignment import align, choose_frames, widen
from instahide.attacks.unmixing.parts.canvases import RowViews, Views, solve_canvases, views_of
from instahide.attacks.unmixing.parts.clustering import (
    ROWS_PER_IMAGE,
    cut_where_large,
    led_rows,
    name_largest,
)
from instahide.attacks.unmixing.parts.coefficients import WeightPrior, weight_prior
from instahide.attacks.unmixing.parts.freepairs import BOUNDS, equal_scale
from instahide.attacks.unmixing.parts.labels import (
    Parts,
    check_masked,
    read_classes,
    read_pairs,
    rows_of_class,
)
from instahide.attacks.unmixing.parts.registration import register
from instahide.attacks.unmixing.parts.viewpairs import (
    FreeWeights,
    KnownWeights,
    ViewTable,
    Weigher,
    choose_views,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.progress import tracked

HELD_PER_IMAGE = 30  # rows that are registered for each image of a class, without coefficients
LEAST_HELD = 200
FURTHER = 2  # pixels
REFRAMINGS = 2  # after each, EM begins with the frames found
VIEW_RIDGE = 0.1  # of profiles, as a share of the normal matrix's mean diagonal
COMMON_RIDGE = 1e-3  # of that: for what is common to all rows


def em_in_views_needs(size: Size) -> float:
    """Bytes: features, and less the common part; profiles in all views; costs of a class."""
    profiles = FLOAT * size.views(FURTHER) * size.image_count * size.pixels
    costs = 2 * FLOAT * size.class_rows * size.views(FURTHER) * size.class_images
    return 3 * size.table + profiles + costs


def em_in_views_seconds(size: Size) -> float:
    """Processor seconds: four products a round of each row with a class in all views."""
    products = 4 * PRODUCT * size.rows * size.class_images * size.views(FURTHER) * size.pixels
    return 3 * (products + 100 * TOUCH * size.rows * size.pixels)


def em_in_views(
    problem: Problem,
    features: np.ndarray,
    rng: np.random.Generator,
    *,
    rounds: int = 1,
    ridge: float = VIEW_RIDGE,
) -> Assignment:
    """Cluster within classes over all views, then EM: the second stage of `augmented`.

    Parameters
    ----------
    features : ndarray of float32, shape (E, 2 * d)
        See `instahide.attacks.unmixing.viewsimilarity.in_views`.
    rounds : int
        Of EM before each choice of the frames.
    ridge : float

    Returns
    -------
    Assignment
        Members are images in views, see `instahide.attacks.unmixing.parts.canvases.Views`.

    Raises
    ------
    NothingToGoOn
        When rows do not have two private images, have no mask, or are too few.
    """
    check_masked(problem)
    views, known = views_of(problem), problem.labels == "coefficients"
    parts = read_pairs(problem) if known else read_classes(problem)
    plain = features[:, : features.shape[1] // 2]
    fit = _Fit(
        parts,
        parts.coefficients**2 if known else None,
        weight_prior(problem.scheme, rng, power=2),
        ridge,
    )
    members = (
        cluster_leaders_in_views(features, parts, views)
        if known
        else (cluster_rows_in_views(features, parts, views))
    )
    wide = widen(views, views.reach + FURTHER) if views.reach else views
    for _ in range(REFRAMINGS):
        images, seen = views.split(members)
        members = wide.join(images, wide.number(*views.describe(seen)))
        members, weights = run_em(plain, members, fit, wide, rounds=rounds)
        members, _ = choose_frames(members, weights, parts.image_count, wide, views)
    if known:
        return Assignment(members, parts.coefficients)
    return Assignment(members, np.clip(np.sqrt(weights), *BOUNDS))


def cluster_leaders_in_views(features: np.ndarray, parts: Parts, views: Views) -> np.ndarray:
    """Cluster rows by the image of their largest coefficient, and lay them over each other.

    Returns
    -------
    ndarray of int64, shape (E, 2)
        Images in views, and NOBODY; of rows that are in no cluster, NOBODY twice.
    """
    members = np.full((len(features), 2), NOBODY)
    wide = widen(views, 2 * views.reach)
    for number, roster in tracked(list(enumerate(parts.roster)), "clusters", "classes"):
        images = roster[roster != NOBODY]
        rows = np.flatnonzero((parts.classes[:, 0] == number) & ~parts.same)
        order = np.argsort(-parts.coefficients[rows, 0], kind="stable")
        rows = rows[order[: led_rows(len(images), ROWS_PER_IMAGE)]]
        if len(images):
            members[rows, 0] = cluster_class(features[rows], images, views, wide)
    return _in_frames(members, parts, wide, views)


def cluster_rows_in_views(features: np.ndarray, parts: Parts, views: Views) -> np.ndarray:
    """Cluster, class by class, rows that hold it, whether or not its image leads them.

    All pairs of rows are registered, so of many rows the first ones have to do: their order
    is random, and EM finds out about the others. Returns as `cluster_leaders_in_views`.
    """
    members = np.full((len(features), 2), NOBODY)
    wide = widen(views, 2 * views.reach)
    for number, roster in tracked(list(enumerate(parts.roster)), "clusters", "classes"):
        images = roster[roster != NOBODY]
        rows, place = rows_of_class(parts, number)
        some = slice(max(HELD_PER_IMAGE * len(images), LEAST_HELD))
        rows, place = rows[some], place[some]
        if len(images):
            members[rows, place] = cluster_class(features[rows], images, views, wide)
    return _in_frames(members, parts, wide, views)


def _in_frames(members: np.ndarray, parts: Parts, wide: Views, views: Views) -> np.ndarray:
    """Return members in the frames of most of their rows; NOBODY outside."""
    ones = np.ones(members.shape, np.float32)
    members, inside = choose_frames(members, ones, parts.image_count, wide, views)
    return np.where(inside, members, NOBODY)


def cluster_class(
    features: np.ndarray, images: np.ndarray, views: Views, wide: Views
) -> np.ndarray:
    """Return an image in a wide view for each row of a class, or NOBODY, (R,)."""
    if len(features) < max(len(images), 2):
        raise NothingToGoOn(f"{len(features)} rows are too few to find {len(images)} images in")
    found = register(features, views)
    distances = found.score.max() - found.score
    np.fill_diagonal(distances, 0)
    tree = average(squareform(distances, checks=False))
    cut = cut_tree(tree, n_clusters=cut_where_large(tree, len(images))).ravel()
    names, members = name_largest(cut, len(images)), np.full(len(features), NOBODY)
    plain = features[:, : features.shape[1] // 2]
    for number, image in enumerate(images):
        rows = np.flatnonzero(names == number)
        if len(rows):
            members[rows] = wide.join(image, align(plain[rows], found, rows, wide))
    return members


@dataclass(frozen=True)
class _Fit:
    """What EM in the space of features is given.

    Attributes
    ----------
    parts : Parts
    weights : ndarray of float32, shape (E, 2), or None
        Squares of coefficients; None where they are unknown.
    prior : WeightPrior
        Of these squares.
    ridge : float
        Of profiles.
    """

    parts: Parts
    weights: np.ndarray | None
    prior: WeightPrior
    ridge: float


def run_em(
    features: np.ndarray, members: np.ndarray, fit: _Fit, views: Views, *, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit profiles on canvases, choose pairs in views, and again.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Linear in the squares of coefficients.
    members : ndarray of int64, shape (E, 2)
        Rows with nobody take no part in the first fit.

    Returns
    -------
    members : ndarray of int64, shape (E, 2)
    weights : ndarray of float32, shape (E, 2)
        Squares of coefficients.
    """
    parts, known = fit.parts, fit.weights is not None
    weights = fit.weights if known else np.full(members.shape, fit.prior.mean, np.float32)
    rest = parts.rest if known else np.zeros(len(features), np.float32)
    precision = 1 / (0.1 + rest**2) if known else np.ones_like(rest)
    # Two more images, always seen as they are, are the public part and a constant.
    behind = views.join(parts.image_count + np.arange(2), np.full(2, views.plain))
    shares = np.stack([rest**2, np.ones_like(rest)], axis=1).astype(np.float32)
    common = RowViews(views, np.tile(behind, (len(features), 1)), shares)
    for _ in tracked(range(rounds), "pairs", "rounds"):
        present = np.where(members != NOBODY, weights, 0).astype(np.float32)
        rows = RowViews(
            views,
            np.hstack([members, common.members]),
            np.hstack([present, common.weights]),
        )
        some = np.flatnonzero((members != NOBODY).any(axis=1))
        targets, trust = features[some], precision[some, None].astype(np.float32)
        profiles = _fit_profiles(rows[some], targets, trust, fit.ridge)
        table = ViewTable.of(views.expand(profiles[:-2]), len(views))
        noise = float(np.square(targets - rows[some].mix(profiles)).mean())
        weigher = _weigher(fit, len(features), noise)
        found = choose_views(features - common.mix(profiles), table, parts, weigher)
        members = found.members
        if not known:
            images, _ = views.split(members)
            weights = equal_scale(images, found.weights, fit.prior.mean, parts.image_count)
    return members, weights


def _weigher(fit: _Fit, rows: int, noise: float) -> Weigher:
    """Return what is known of weights, features having noise of a variance."""
    if fit.weights is not None:
        return KnownWeights(fit.parts, fit.weights, split=False)
    ridge = np.full(rows, noise / fit.prior.variance, np.float32)
    return FreeWeights(ridge, fit.prior.mean)


def _fit_profiles(
    rows: RowViews, features: np.ndarray, precision: np.ndarray, ridge: float
) -> np.ndarray:
    """Fit canvases, the last two of which have next to no ridge."""
    count = int(rows.members.max()) // len(rows.views) + 1
    whole = np.broadcast_to(precision, features.shape)
    penalty = ridge * rows.squared().spread(whole, count)[:-2].mean()
    ridges = np.full((count, 1), penalty, np.float32)
    ridges[-2:] *= COMMON_RIDGE
    return solve_canvases(rows, features, precision, ridges)
