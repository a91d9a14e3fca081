"""From private mixtures to private images: who is in which row, from very few rows of each.

The attack `single` leaves of every row its private mixture λ₀·a + λ₁·b, nearly exactly.
Sharpened, two photos are nearly orthogonal, so that two mixtures are alike if, and as much as,
they share an image: with rows of length 1 and ρ an image's share of its row's length, their
product is about ρ·ρ' where they share it and 0 elsewhere, with an error of some 1/√d.

Labels say which classes a row holds and how much of each. A *slot* is one of a row's two
places; slots of a class are grouped into its images by the likelihood that they share one.
Then images and pairs take turns, as in the attack `whitened`, but without masks.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.attacks.knownpool.sharpening import steep
from instahide.attacks.knownpool.single import private_mixtures, read_decoding
from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.labels import Parts, read_pairs
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE, solve_images
from instahide.attacks.unmixing.parts.pairs import KnownPairs, pairs_needs
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, State

ROUNDS = 6
FIRST_LEVEL = 0.02  # of a mixture, in a public image's power
LEAST_MISFIT = 2e-3  # that level is never below
IMAGE_ERROR = 0.05  # variance of the images' errors, in a public image's
# ASSUME: one row in some hundred failed, and looks unlike rows with which it shares an image.
MOST_DENIAL = 8.0  # log likelihood
NEVER = -1e6  # log likelihood of what cannot be


def start_from_mixtures_needs(size: Size) -> float:
    """Bytes: rows in six forms, products of all rows, and of a class's slots; pairs."""
    products = 3 * FLOAT * size.rows**2 + 40 * size.class_rows**2
    return 6 * size.table + products + pairs_needs(size)


def start_from_mixtures(
    problem: Problem, parts: Sequence[dict[str, np.ndarray]], rng: np.random.Generator
) -> State:
    """Find images and pairs in private mixtures: the second step of `single-labels`.

    Parameters
    ----------
    problem : Problem
        With labels that have coefficients.
    parts : sequence of dict of ndarray
        What `instahide.attacks.knownpool.single.decode_part` made of the parts.

    Returns
    -------
    State
        What `instahide.attacks.knownpool.finish.decode_with_pool` starts from.
    """
    labels, dictionary = read_pairs(problem), make_dictionary(problem.pool)
    found = private_mixtures(parts)
    decoding = read_decoding(found)
    public = dictionary.mix(decoding.public, decoding.coefficients)
    sums = decoding.coefficients.sum(axis=1, keepdims=True)
    # As if all that is public in a row were the mean public image.
    rows = found["mixture"] + sums * dictionary.field.mean
    pairs = group_slots(dictionary.field, rows, labels)
    state = run_plain_rounds(dictionary.field, rows, pairs, labels)
    return replace(state, unmasked=state.unmasked + public)


def group_slots(field: Field, rows: np.ndarray, labels: Parts) -> Assignment:
    """Group the slots of each class into as many images as it has.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        Private mixtures, filled up with the field's mean.
    """
    alike = likeness(field, rows)
    share = labels.coefficients / np.linalg.norm(labels.coefficients, axis=1, keepdims=True)
    uses = round(labels.classes.size / labels.image_count)  # of each image
    members = np.full(labels.classes.shape, NOBODY)
    for number, roster in enumerate(labels.roster):
        images = roster[roster != NOBODY]
        row, place = np.nonzero(labels.classes == number)
        if len(images) and len(row):
            evidence = sharing_likelihood(alike, row, share[row, place])
            names = merge_likeliest(evidence, len(images), uses)
            members[row, place] = name_groups(names, images)
    return Assignment(members, labels.coefficients)


def likeness(field: Field, rows: np.ndarray) -> np.ndarray:
    """Return the products of all rows, sharpened, weighted and of length 1; float32 (E, E)."""
    sharpener = steep(field)
    sharp = sharpener.sharpen(rows - field.mean)
    sharp *= sharpener.to_colours(np.sqrt(sharpener.weigh(sharp)))
    sharp /= np.maximum(np.linalg.norm(sharp, axis=1, keepdims=True), 1e-12)
    return sharp @ sharp.T


def sharing_likelihood(alike: np.ndarray, row: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the log likelihood ratio that two slots hold the same image, float64 (s, s).

    Parameters
    ----------
    alike : ndarray of float32, shape (E, E)
        See `likeness`.
    row : ndarray of int64, shape (s,)
        Of each slot.
    share : ndarray of float32, shape (s,)
        ρ of each slot.
    """
    off = alike[~np.eye(len(alike), dtype=bool)]
    error = max(1.4826 * float(np.median(np.abs(off))), 1e-3)  # most rows share nothing
    expected = np.outer(share, share).astype(np.float64)
    ratio = (2 * alike[np.ix_(row, row)] * expected - expected**2) / (2 * error**2)
    ratio = np.maximum(ratio, -MOST_DENIAL)
    ratio[row[:, None] == row] = NEVER  # a row holds two different images
    return ratio


def merge_likeliest(evidence: np.ndarray, count: int, most: int) -> np.ndarray:
    """Merge groups, the likeliest pair first, until `count` are left or none can be merged.

    Parameters
    ----------
    evidence : ndarray of float64, shape (s, s)
        Symmetric log likelihood ratios; those of two groups are the sum over their members.
    count : int
    most : int
        Members of a group.

    Returns
    -------
    ndarray of int64, shape (s,)
        The group of each, 0 ….
    """
    evidence, names = evidence.copy(), np.arange(len(evidence))
    size = np.ones(len(evidence), np.int64)
    np.fill_diagonal(evidence, -np.inf)
    for _ in range(len(evidence) - count):
        fits = size[:, None] + size <= most
        one, other = divmod(int(np.where(fits, evidence, -np.inf).argmax()), len(evidence))
        if not fits[one, other] or evidence[one, other] < NEVER / 2:
            break
        names[names == other] = one
        evidence[one] += evidence[other]
        evidence[:, one] = evidence[one]
        evidence[other] = evidence[:, other] = evidence[one, one] = -np.inf
        size[one] += size[other]
    return np.unique(names, return_inverse=True)[1]


def name_groups(names: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Give the largest groups an image each, and what is left over the images used least.

    Parameters
    ----------
    names : ndarray of int64, shape (s,)
        The group of each slot.
    images : ndarray of int64, shape (count,)

    Returns
    -------
    ndarray of int64, shape (s,)
    """
    sizes = np.bincount(names, minlength=len(images))
    order = np.argsort(-sizes, kind="stable")
    image_of, uses = np.empty(len(sizes), np.int64), sizes[order[: len(images)]].copy()
    image_of[order[: len(images)]] = images
    for group in order[len(images) :]:
        image_of[group] = images[uses.argmin()]
        uses[uses.argmin()] += sizes[group]
    return image_of[names]


def run_plain_rounds(field: Field, rows: np.ndarray, pairs: Assignment, labels: Parts) -> State:
    """Let images and pairs take turns, rows weighted by how well they fit.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        Private mixtures, filled up with the field's mean.
    """
    images = np.zeros((labels.image_count + 1, rows.shape[1]), np.float32)
    level = np.full(len(rows), FIRST_LEVEL, np.float32)
    state = _fit(field, State(images, pairs, level, rows))
    for _ in range(ROUNDS):
        state = _fit(field, _measure(field, state))
        error = IMAGE_ERROR * (state.assignment.weights**2).sum(axis=1)
        level = state.level + error.astype(np.float32)
        state = reassign(field, state, level, KnownPairs(labels), signed=True)
        state = _fit(field, _measure(field, state))
    return state


def _fit(field: Field, state: State) -> State:
    """Solve for the images; the mean public image stays."""
    design = state.design()
    rows = state.unmasked - design[:, -1:] * field.mean
    ridge = np.full(state.image_count, IMAGE_RIDGE)
    images = solve_images(design[:, :-1], rows, 1 / state.level, ridge, field.mean)
    return replace(state, images=np.vstack([images, field.mean]))


def _measure(field: Field, state: State) -> State:
    """Measure what is left of each row."""
    left = state.unmasked - state.design() @ state.images
    power = np.einsum("ij,ij->i", left, left) / left.shape[1]
    level = power / np.float32(field.power) + np.float32(LEAST_MISFIT)
    return replace(state, level=level)
