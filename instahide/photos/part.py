"""A part of a source's photos, so that two pools of one source share none."""

from collections.abc import Sequence
from typing import TypeVar

from instahide.errors import InstaHideError

T = TypeVar("T")


def part_of(photos: Sequence[T], part: str) -> list[T]:
    """Return every so-manieth photo.

    Parameters
    ----------
    photos : sequence
        In the order of their names, as `instahide.photos.listing.list_photos` returns them.
    part : str
        Such as ``1/3``: the first, fourth, seventh, … ; ``3/3``: the third, sixth, …

    Raises
    ------
    InstaHideError
        When the text is no such part, or the part is empty.

    Examples
    --------
    >>> part_of("abcdefg", "1/3"), part_of("abcdefg", "3/3")
    (['a', 'd', 'g'], ['c', 'f'])
    """
    number, of = read_part(part)
    found = list(photos[number - 1 :: of])
    if not found:
        raise InstaHideError(f"part {part} of {len(photos)} photos is none: bring more photos")
    return found


def read_part(part: str) -> tuple[int, int]:
    """Return the number of a part, from 1, and how many there are.

    >>> read_part("2/3")
    (2, 3)
    """
    number, _, of = part.partition("/")
    if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
        raise InstaHideError(f"part: {part!r}: write 1/2 for the first of two parts")
    if not 1 <= int(number) <= int(of):
        raise InstaHideError(f"part: {part!r}: parts of {of} are 1/{of} to {of}/{of}")
    return int(number), int(of)
