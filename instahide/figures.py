"""Pictures of challenges: images side by side, the pool, the coefficients.

Every function returns a Matplotlib figure and opens no window; `save_figure` writes it, equal
figures to equal bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.images import to_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = 0.75  # side of an image in a gallery
GAP = 0.1  # between images, in sides
BLOCK_GAP = 0.6  # between blocks of columns
COLOURS = ("#b5483a", "#3b6ea5")  # private, public


def gallery(columns: Mapping[str, np.ndarray], *, blocks: int = 1) -> "Figure":
    """Draw images in titled columns: in each row what belongs together.

    For instance private images, what an attack recovered of them, and the encryptions.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n, H, W, C)
        Images under the title of their column, each column with n rows; uint8, or float
        on [-1, 1].
    blocks : int
        Blocks of columns side by side that share out the rows.

    Raises
    ------
    InstaHideError
        When there is no image or the columns differ in length.
    """
    lengths = {len(images) for images in columns.values()}
    if len(lengths) != 1 or not (rows := lengths.pop()):
        raise InstaHideError("a gallery takes columns of equally many images, one at least")
    lines, step = -(-rows // blocks), (1 + GAP) * len(columns) - GAP + BLOCK_GAP
    width, height = blocks * step - BLOCK_GAP, lines * (1 + GAP) - GAP
    figure, axes = _canvas(width, height, above=0.4)
    for number, (title, images) in enumerate(columns.items()):
        for row, image in enumerate(_displayed(images)):
            block, line = divmod(row, lines)
            left, top = block * step + number * (1 + GAP), line * (1 + GAP)
            _draw(axes, image, left, top)
            if line == 0:
                axes.text(left + 0.5, -0.1, title, ha="center", va="bottom", fontsize=8)
    return figure


def pool_gallery(patches: np.ndarray, *, columns: int = 16) -> "Figure":
    """Draw public images in a grid, row by row.

    Parameters
    ----------
    patches : ndarray of shape (n, H, W, C)
        uint8, or float on [-1, 1].
    columns : int
        Images in a row.

    Raises
    ------
    InstaHideError
        When there is no image.
    """
    if not len(patches):
        raise InstaHideError("a gallery takes one image at least")
    columns = min(columns, len(patches))
    width, height = columns * (1 + GAP) - GAP, -(-len(patches) // columns) * (1 + GAP) - GAP
    figure, axes = _canvas(width, height)
    for place, image in enumerate(_displayed(patches)):
        top, left = np.array(divmod(place, columns)) * (1 + GAP)
        _draw(axes, image, left, top)
    return figure


def coefficient_histogram(coefficients: np.ndarray, *, private: int = 2) -> "Figure":
    """Draw how the coefficients of private and of public images are distributed.

    Parameters
    ----------
    coefficients : ndarray of float, shape (E, k), range 0 … 1
        Those of the private images first.
    private : int
        Private images in a row.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.6), layout="constrained")
    axes = figure.subplots()
    groups = {
        "private images": coefficients[:, :private],
        "public images": coefficients[:, private:],
    }
    bins = np.linspace(0, coefficients.max(), 41)
    for (label, values), colour in zip(groups.items(), COLOURS, strict=True):
        if values.size:
            axes.hist(values.ravel(), bins, density=True, label=label, color=colour, alpha=0.6)
    axes.set(xlabel="coefficient", ylabel="density", xlim=(0, bins[-1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def save_figure(
    path: Path | str, figure: "Figure", *, dpi: int = 150, secret: bool = False
) -> None:
    """Write a figure as the suffix of `path` says (png, svg or pdf), without a date.

    With `secret`, only its owner may look at it.

    Raises
    ------
    InstaHideError
        When the file cannot be written.
    """
    import matplotlib

    kind = Path(path).suffix.lstrip(".")
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    # Element names in SVG are random without a salt.
    with (
        atomic(path, secret=secret) as temporary,
        matplotlib.rc_context({"svg.hashsalt": "instahide"}),
    ):
        figure.savefig(temporary, format=kind, dpi=dpi, metadata=dates.get(kind))


def _canvas(width: float, height: float, above: float = 0.0) -> "tuple[Figure, Axes]":
    """Return a figure for a picture of `width` by `height` sides, and its only axes."""
    from matplotlib.figure import Figure

    outer = np.array([width + 2 * GAP, height + above + 2 * GAP])
    figure = Figure(figsize=tuple(outer * INCHES), facecolor="white")
    # `imshow` would choose limits and aspect of its own.
    axes = figure.add_axes((0, 0, 1, 1), autoscale_on=False, aspect="auto")
    axes.set(xlim=(-GAP, width + GAP), ylim=(height + GAP, -above - GAP))
    axes.axis("off")
    return figure, axes


def _draw(axes: "Axes", image: np.ndarray, left: float, top: float) -> None:
    """Draw an image with sides of length 1, its pixels as squares."""
    axes.imshow(
        image,
        extent=(left, left + 1, top + 1, top),
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
        aspect="auto",
    )


def _displayed(images: np.ndarray) -> np.ndarray:
    """Return images as Matplotlib takes them: uint8, and (H, W) where they are grey."""
    images = images if images.dtype == np.uint8 else to_bytes(images)
    return images[..., 0] if images.shape[-1] == 1 else images
