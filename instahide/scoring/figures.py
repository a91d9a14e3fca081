"""Pictures of scores: recovered images beside the private ones, and scores row by row."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.figures import save_figure
from instahide.files import load_npy
from instahide.images import to_bytes, to_unit_range
from instahide.scoring.mixed import ROWS_AT_ONCE, Mixed, mixed_images
from instahide.scoring.submission import read_submission
from instahide.ssim import ssim

EXAMPLES = 8  # in each group of a gallery
GROUPS = ("best", "median", "worst")
INK, BAR, LINE = "#222222", "#7aa6c2", "#b3261e"


def compare_rows(
    decryption: np.ndarray,
    private: np.ndarray,
    pairs: np.ndarray,
    mixed: Mixed | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find, for each row, the private image in it that is closest to what was recovered.

    Parameters
    ----------
    decryption : (E, H, W, C) float32 array
    private : (n, H, W, C) float32 array
    pairs : (E, m) integer array
    mixed : callable, optional
        Gives the images of some rows as they were mixed, see
        `instahide.scoring.mixed.mixed_images`; by default ``private[pairs]``.

    Returns
    -------
    closest : (E,) integer array
        Its place in the private set.
    similarity : (E,) float64 array
        The SSIM with it.
    """
    found = np.empty(pairs.shape)
    for start in range(0, len(pairs), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        truths = private[pairs[rows]] if mixed is None else mixed(rows)
        for column in range(pairs.shape[1]):
            found[rows, column] = ssim(decryption[rows], truths[:, column])
    best = found.argmax(axis=1)
    rows = np.arange(len(pairs))
    return pairs[rows, best], found[rows, best]


def choose_examples(
    similarity: np.ndarray, closest: np.ndarray, count: int
) -> dict[str, np.ndarray]:
    """Choose the best, the median and the worst rows, each of another private image.

    Of rows that score alike, those of images that no group has shown yet come first.

    Parameters
    ----------
    similarity, closest : (E,) arrays
        As `compare_rows` returns them.
    count : int
        Rows of each group; fewer where there are not as many private images.

    Returns
    -------
    dict of (count,) integer arrays
        Rows by the names in `GROUPS`.
    """
    keys = {
        "best": -similarity,
        "median": np.abs(similarity - np.median(similarity)),
        "worst": similarity,
    }
    chosen: dict[str, np.ndarray] = {}
    for group, key in keys.items():
        shown = np.isin(closest, [closest[rows] for rows in chosen.values()])
        order = np.lexsort((shown, np.round(key, 4)))
        _, first = np.unique(closest[order], return_index=True)
        chosen[group] = order[np.sort(first)[:count]]
    return chosen


def closest_truths(
    private: np.ndarray, pairs: np.ndarray, closest: np.ndarray, mixed: np.ndarray | None = None
) -> np.ndarray:
    """Return the private images that some rows are shown beside.

    Parameters
    ----------
    private : (n, H, W, C) array
    pairs : (R, m) integer array
    closest : (R,) integer array
        As `compare_rows` returns it.
    mixed : (R, m, H, W, C) array, optional
        The images of these rows as they were mixed, where they were transformed.

    Returns
    -------
    (R, H, W, C) array
    """
    if mixed is None:
        return private[closest]
    return mixed[np.arange(len(pairs)), (pairs == closest[:, None]).argmax(axis=1)]


def draw_gallery(
    decryption: np.ndarray,
    private: np.ndarray,
    encryption: np.ndarray,
    pairs: np.ndarray,
    title: str,
    mixed: Mixed | None = None,
) -> Figure:
    """Draw private images, what was recovered of them and the encryptions, one below another.

    Parameters
    ----------
    decryption : (E, H, W, C) float32 array, range [-1, 1]
    private : (n, H, W, C) float32 array, range [-1, 1]
    encryption : (E, ...) array
        Shown by `as_pictures`.
    pairs : (E, m) integer array
    mixed : callable, optional
        As in `compare_rows`; private images are then shown as they were mixed.
    """
    closest, similarity = compare_rows(decryption, private, pairs, mixed)
    chosen = choose_examples(similarity, closest, EXAMPLES)
    figure = Figure(figsize=(8, 10.4), layout="constrained")
    figure.suptitle(title, color=INK)
    for part, group in zip(figure.subfigures(len(GROUPS)), GROUPS, strict=True):
        rows = chosen[group]
        truths = closest_truths(private, pairs[rows], closest[rows], mixed and mixed(rows))
        shown = (truths, decryption[rows], as_pictures(encryption[rows]))
        part.suptitle(f"{group} rows by SSIM", x=0.01, ha="left", fontsize=10, color=INK)
        axes = part.subplots(len(shown), EXAMPLES, squeeze=False)
        for line, images, name in zip(
            axes, shown, ("private", "recovered", "encryption"), strict=True
        ):
            _draw_line(line, images, name)
        for axis, row in zip(axes[-1], rows, strict=False):
            axis.set_xlabel(f"{similarity[row]:.2f}", fontsize=9, color=INK)
    return figure


def as_pictures(rows: np.ndarray) -> np.ndarray:
    """Return rows of any form as something to look at.

    Parameters
    ----------
    rows : (R, ...) array

    Returns
    -------
    (R, H, W, C) array
        The rows, where they have the form of images; else squares of their numbers, from the
        least, -1, to the greatest, 1.
    """
    if rows.ndim == 4 and rows.shape[-1] in (1, 3):
        return rows
    flat = rows.reshape(len(rows), -1).astype(np.float32)
    low, high = flat.min(initial=0), flat.max(initial=0)
    scaled = 2 * (flat - low) / max(high - low, 1e-12) - 1
    side = math.ceil(math.sqrt(flat.shape[1]))
    padded = np.pad(scaled, ((0, 0), (0, side * side - flat.shape[1])), constant_values=1)
    return padded.reshape(len(rows), side, side, 1)


def draw_distributions(scores: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw a histogram of every attack's row-wise Max_SSIM, the best attack first.

    Parameters
    ----------
    scores : mapping of str to (E,) float arrays
        Max_SSIM of every row by the attack's name. The lowest of a thousand may lie
        outside the figure.
    """
    ordered = sorted(scores.items(), key=lambda item: -item[1].mean())
    lowest = min(np.quantile(values, 0.001) for values in scores.values())
    edges = np.linspace(min(0.0, np.floor(lowest * 10) / 10), 1, 61)
    figure = Figure(figsize=(8, 1.1 + 0.85 * len(ordered)), layout="constrained")
    figure.suptitle(title, color=INK)
    axes = figure.subplots(len(ordered), sharex=True, squeeze=False)[:, 0]
    for axis, (name, values) in zip(axes, ordered, strict=True):
        axis.hist(values, edges, color=BAR)
        axis.axvline(values.mean(), color=LINE)
        axis.set_yticks([])
        axis.spines[["top", "left", "right"]].set_visible(False)
        label = f"{name}\nMax_SSIM {values.mean():.3f}"
        axis.set_ylabel(label, rotation=0, ha="right", va="center", color=INK)
    axes[-1].set_xlabel("SSIM with the closer private image, by row", color=INK)
    axes[-1].set_xlim(edges[0], 1)
    return figure


def save_gallery(path: Path | str, folder: ChallengeFolder, decryption: Path | str) -> None:
    """Draw the gallery of a decryption as PNG (mode 0600: it shows private images)."""
    plan, labelled = load_plan(folder.truth), load_private(folder.private)
    shape = (len(plan), *labelled.images.shape[1:])
    figure = draw_gallery(
        read_submission(decryption, shape=shape).decryption,
        to_unit_range(labelled.images),
        load_npy(folder.encryption),
        plan.members,
        f"{folder.path.name}: {Path(decryption).parent.name}",
        mixed_images(plan, labelled.images),
    )
    save_figure(path, figure, secret=True)


def save_distributions(path: Path | str, tables: list[Path], title: str) -> None:
    """Draw the distributions of tables as `instahide.scoring.score.rows_as_csv` makes them."""
    scores = {table.parent.name: _read_similarity(table) for table in tables}
    save_figure(path, draw_distributions(scores, title))


def _draw_line(axes: np.ndarray, images: np.ndarray, name: str) -> None:
    """Draw a line of images; places without one stay empty."""
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    for axis, image in zip(axes, images, strict=False):
        _draw_image(axis, image)
    axes[0].set_ylabel(name, fontsize=9, color=INK)


def _draw_image(axis: Axes, image: np.ndarray) -> None:
    shown = to_bytes(image)
    axis.imshow(shown[..., 0] if shown.shape[-1] == 1 else shown, cmap="gray", vmin=0, vmax=255)


def _read_similarity(table: Path) -> np.ndarray:
    with open(table, encoding="utf-8") as file:
        column = file.readline().strip().split(",").index("max_ssim")
        return np.loadtxt(file, delimiter=",", usecols=column, ndmin=1)
