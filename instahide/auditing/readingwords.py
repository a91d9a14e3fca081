"""What was done to a person's own files so that they became images, in sentences."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: What may have been done to one picture, and how it is told of several.
NOTES = {
    "stretched": "{have} more than 8 bits in a sample: in each of them the smallest value "
    "became 0 and the largest 255",
    "alpha": "{have} transparent parts, which were drawn on black",
    "window": "{are} DICOM, and shown through the first window that they state",
    "unwindowed": "{are} DICOM and state no window: in each of them the smallest value became "
    "0 and the largest 255",
    "frames": "{are} DICOM and {have} several frames: the one in the middle was taken",
}


@dataclass(frozen=True)
class Treated:
    """What is told of a picture that was read.

    Attributes
    ----------
    width, height : int
        In pixels, before it became a square.
    grey : bool
        Whether no pixel has a colour.
    notes : frozenset of str
        Keys of `NOTES`.
    """

    width: int
    height: int
    grey: bool
    notes: frozenset[str] = frozenset()


def tell_reading(
    treated: Sequence[Treated],
    *,
    size: int,
    chosen: bool,
    square: str,
    channels: int,
    found: int,
    drawn: bool,
) -> tuple[str, ...]:
    """Say how files became images.

    Parameters
    ----------
    treated : sequence of Treated
        All images.
    size, channels : int
        What they became.
    chosen : bool
        Whether the size follows from the images, not from a wish.
    square : {"crop", "pad"}
    found : int
        How many files there are.
    drawn : bool
        Whether only some of them were taken.
    """
    sentences = [
        *_counted(len(treated), found, drawn),
        *_sized(treated, size, chosen, square),
        *_coloured(treated, channels),
        *_noted(treated),
    ]
    return tuple(sentences)


def _counted(images: int, found: int, drawn: bool) -> Iterator[str]:
    if drawn:
        yield (
            f"Of {found:,} files {images:,} were drawn at random, as equally many of each "
            "class as possible; those that were not drawn were not looked at."
        )


def _sized(treated: Sequence[Treated], size: int, chosen: bool, square: str) -> Iterator[str]:
    """Tell of sizes: as they were, which became squares, which were shrunk or enlarged."""
    total, aim = len(treated), f"{size} × {size} pixels"
    sizes = sorted({(one.width * one.height, one.width, one.height) for one in treated})
    least, most = (f"{width} × {height}" for _, width, height in (sizes[0], sizes[-1]))
    has = "have" if len(sizes) == 1 else "have from"
    extent = least if len(sizes) == 1 else f"{least} to {most}"
    yield f"The {total:,} images {has} {extent} pixels."
    oblong = sum(one.width != one.height for one in treated)
    if oblong:
        how = (
            "were cropped to the square in their middle, and nothing outside it was audited"
            if square == "crop"
            else "were padded with black to squares"
        )
        yield f"{_of(oblong, total)} {_agree(oblong, 'is', 'are')} not square: they {how}."
    sides = [(min if square == "crop" else max)(one.width, one.height) for one in treated]
    shrunk, enlarged = sum(side > size for side in sides), sum(side < size for side in sides)
    if shrunk:
        was = _agree(shrunk, "was", "were")
        yield f"{_of(shrunk, total)} {was} shrunk to {aim}, by averaging over areas."
    if enlarged:
        was = _agree(enlarged, "was", "were")
        yield f"{_of(enlarged, total)} {was} smaller, and {was} enlarged to {aim}."
    if chosen and (shrunk or enlarged):
        few = 2 * enlarged <= total
        yield (
            "This size follows from the images: the largest that enlarges no more than half of "
            "them, and at most 64 unless another one is asked for."
            if few
            else "This is the least size there is."
        )


def _coloured(treated: Sequence[Treated], channels: int) -> Iterator[str]:
    grey, total = sum(one.grey for one in treated), len(treated)
    if channels == 1 and grey == total:
        yield "All images are grey in every pixel, and have one value for each."
    elif channels == 1:
        coloured = total - grey
        made = f"{_agree(coloured, 'was', 'were')} made grey"
        yield f"{_of(coloured, total)} had colours, and {made}."
    elif grey:
        yield (
            f"{_of(grey, total)} {_agree(grey, 'is', 'are')} grey, and got three equal values "
            "for each pixel."
        )


def _noted(treated: Sequence[Treated]) -> Iterator[str]:
    counts = Counter(note for one in treated for note in one.notes)
    for note, words in NOTES.items():
        if count := counts[note]:
            verbs = {"are": _agree(count, "is", "are"), "have": _agree(count, "has", "have")}
            if count == 1:
                words = words.replace("in each of them", "in it").replace(
                    "they state", "it states"
                )
                words = words.replace("state no", "states no")
            yield f"{_of(count, len(treated))} {words.format(**verbs)}."


def _of(count: int, total: int) -> str:
    return f"All {total:,} of them" if count == total > 1 else f"{count:,} of {total:,}"


def _agree(count: int, one: str, several: str) -> str:
    return one if count == 1 else several
