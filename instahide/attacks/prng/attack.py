"""The attack through the generator of 2020: released labels → seed → private images.

The seed that reproduces the labels (`instahide.attacks.prng.seedsearch`) also makes the masks,
the pairs and the order of the public images. What is left is linear algebra
(`instahide.attacks.prng.solving`). Whether blocks share batches of public images is not known
beforehand; the solution shows it.
"""

import contextlib
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.prng import seedsearch
from instahide.attacks.prng.seedsearch import C1, C2, Match
from instahide.attacks.prng.solving import (
    design_matrix,
    solve_one_batch,
    solve_with_mean,
    undo_mask,
)
from instahide.attacks.protocol import Recovery, Released
from instahide.encodings.instahide.mersenne import PublicUse
from instahide.errors import InstaHideError
from instahide.progress import progress_bar
from instahide.randomness import historical
from instahide.randomness.historical import SEEDS

COMPLEXITY = "O(2³² + E·n·(n + d))"
NO_SEED = (
    "no seed fits: the coefficients in these labels were not drawn by the generator of 2020 "
    "with one of the seeds tried. If they come from the AES-256 keystream, there are 2²⁵⁶ keys "
    "and nothing to search; else check --images, --k, --c1 and --c2"
)
# Private images and the mean public image explain about half of the variance of rows
# without their masks, and nothing of that of rows under wrong masks.
LEAST_EXPLAINED = 0.25
# The mean square of photos around their mean is a quarter; that of images which have to
# fit rows of other public images than theirs is about twenty.
MOST_POWER = 1.0


@dataclass(frozen=True)
class Setting:
    """What the attacker knows about the challenge besides its files.

    Attributes
    ----------
    images : int
        Number n of private images.
    k : int
        Images mixed in each encryption.
    c1, c2 : float
        Bounds of the coefficients.

    Raises
    ------
    InstaHideError
        When there is no image, or no coefficients keep the bounds.
    """

    images: int = 100
    k: int = 6
    c1: float = C1
    c2: float = C2

    def __post_init__(self):
        if self.images < 1:
            raise InstaHideError(f"images is {self.images}: give the number of private images")
        historical.check_bounds(self.k, self.c1, self.c2)


@dataclass(frozen=True)
class Replayed:
    """What a seed says about E rows.

    Attributes
    ----------
    private : ndarray of int32, shape (E, 2)
    slots : ndarray of int64, shape (E, k - 2)
        Public images by their place in their block's batch.
    coefficients : ndarray of float64, shape (E, k)
    mask : ndarray of int8, shape (E, H, W, C)
        -1 or 1.
    """

    private: np.ndarray
    slots: np.ndarray
    coefficients: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Solution:
    """Private images solved for, and how they were found.

    Attributes
    ----------
    images : ndarray of float64, shape (n, d), range [-1, 1]
    masked : bool
        False when the rows turn out to carry no mask (mixup).
    explained : float
        Share of the rows' variance that private images and a mean public image explain;
        0 when they explain no more than as many unknowns explain of noise.
    public_use : {"one-batch", "fresh"}
    power : float
        See `solving.solve_one_batch`.
    """

    images: np.ndarray
    masked: bool
    explained: float
    public_use: PublicUse
    power: float


def search_seeds(
    label: np.ndarray,
    setting: Setting,
    *,
    start: int = 0,
    stop: int = SEEDS,
    threads: int = 1,
    first: bool = False,
    state: Path | str | None = None,
) -> list[Match]:
    """Run `seedsearch.search` with its progress on standard error."""
    with contextlib.ExitStack() as stack:
        bar = None

        def report(seeds: int) -> None:
            nonlocal bar
            if bar is None:  # the first report is what an earlier run has done
                shown = progress_bar(stop - start, "seed search", "seeds", start=seeds)
                bar = stack.enter_context(shown)
            else:
                bar.update(seeds)

        return seedsearch.search(
            label,
            **asdict(setting),
            start=start,
            stop=stop,
            threads=threads,
            first=first,
            progress=report,
            state=state,
        )


def best_seed(matches: list[Match]) -> int:
    """Return the seed whose coefficients come nearest to the labels.

    Raises
    ------
    InstaHideError
        When there is none; says why that may be.
    """
    if not matches:
        raise InstaHideError(NO_SEED)
    return min(matches, key=lambda match: match.deviation).seed


def solve_needs(size: Size) -> float:
    """Bytes: rows without masks, three times in float64, and masks, drawn for whole blocks.

    And two tables rows × images.
    """
    drawn = max(size.rows, size.image_count)
    return 27 * drawn * size.pixels + 16 * size.rows * (size.image_count + 1)


def recover_with_seed(released: Released, seed: int, setting: Setting) -> Recovery:
    """Recover the private images of a challenge whose seed is known.

    Raises
    ------
    InstaHideError
        When the seed does not fit all labels, or its masks not the encryptions.
    """
    encryption = released.encryption
    replayed = replay(seed, setting, len(encryption), encryption.shape[1:])
    deviation = check_labels(released.label, replayed.coefficients)
    solution = solve(encryption, replayed, setting.images)
    images = solution.images.astype(np.float32).reshape(-1, *encryption.shape[1:])
    details = {
        "seed": seed,
        "largest_label_deviation": deviation,
        **{key: value for key, value in vars(solution).items() if key != "images"},
    }
    chosen = choose_images(images, replayed.private)
    return Recovery(images[chosen], images, COMPLEXITY, details)


def replay(seed: int, setting: Setting, rows: int, shape: tuple[int, int, int]) -> Replayed:
    """Make everything that a seed decides about a challenge's first rows."""
    made = historical.blocks(seed, **asdict(setting), shape=shape)
    blocks = list(islice(made, max(1, -(-rows // setting.images))))
    return Replayed(
        private=np.concatenate([block.private for block in blocks])[:rows],
        slots=np.concatenate([block.permutations[1:].T for block in blocks])[:rows],
        coefficients=np.concatenate([block.coefficients for block in blocks])[:rows],
        mask=np.concatenate([block.mask for block in blocks])[:rows],
    )


def check_labels(label: np.ndarray, coefficients: np.ndarray) -> float:
    """Return the largest difference between labels and the coefficients of their rows.

    Raises
    ------
    InstaHideError
        When a row differs by more than rounding: names it.
    """
    shown = seedsearch.visible_coefficients(label)
    differences = seedsearch.differences(coefficients[:, :2], shown)
    wrong = np.flatnonzero(differences > seedsearch.LABEL_TOLERANCE)
    if len(wrong):
        raise InstaHideError(
            f"the seed does not fit {len(wrong)} labels, the first of row {wrong[0]}: it is "
            "another challenge's, or later blocks were drawn in another way"
        )
    return float(differences.max())


def solve(encryption: np.ndarray, replayed: Replayed, images: int) -> Solution:
    """Solve for the private images, whether rows are masked and batches shared or not.

    Parameters
    ----------
    encryption : ndarray of float32, shape (E, H, W, C)
    replayed : Replayed
    images : int
        Number n of private images.

    Raises
    ------
    InstaHideError
        When rows fit neither with the seed's masks nor without any.
    """
    for masked in (True, False):
        mask = replayed.mask if masked else np.ones((1, 1, 1, 1), np.int8)
        mixed = undo_mask(encryption, mask)
        solved, mean = solve_with_mean(mixed, replayed.private, replayed.coefficients, images)
        explained = explained_share(mixed, replayed, solved, mean)
        if explained >= LEAST_EXPLAINED:
            break
    else:
        raise InstaHideError(
            "the seed fits the labels, but not the encryptions: their rows are in another "
            "order, or were changed after they were made"
        )
    joint, power = solve_one_batch(
        mixed, replayed.private, replayed.slots, replayed.coefficients, images, mean
    )
    shared = power <= MOST_POWER
    return Solution(
        images=(joint if shared else solved).clip(-1, 1),
        masked=masked,
        explained=explained,
        public_use="one-batch" if shared else "fresh",
        power=power,
    )


def explained_share(
    mixed: np.ndarray, replayed: Replayed, images: np.ndarray, mean: np.ndarray
) -> float:
    """Return the share of the rows' variance that the solution explains (adjusted R²)."""
    coefficients = replayed.coefficients
    left = mixed - design_matrix(replayed.private, coefficients[:, :2], len(images)) @ images
    left -= coefficients[:, 2:].sum(axis=1)[:, None] * mean
    freedom = max(len(mixed) - len(images) - 1, 1) / max(len(mixed) - 1, 1)
    return float(1 - left.var(axis=0).sum() / mixed.var(axis=0).sum() / freedom)


def choose_images(images: np.ndarray, private: np.ndarray) -> np.ndarray:
    """Return, for each row, which of its two private images to hand in.

    All images are recovered with about the same error, each being in as many rows. The
    metric measures errors against contrast, so the image of more contrast is the better.

    Parameters
    ----------
    images : ndarray, shape (n, H, W, C)
    private : ndarray of int, shape (E, 2)

    Returns
    -------
    ndarray of int, shape (E,)
    """
    contrast = images.std(axis=(1, 2, 3))
    return private[np.arange(len(private)), contrast[private].argmax(axis=1)]
