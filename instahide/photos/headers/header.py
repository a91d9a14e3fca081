"""What is known of an image before anything of it is decoded."""

from dataclasses import dataclass


class Truncated(Exception):
    """The image's end is missing."""


class Unreadable(Exception):
    """The bytes are no image of a known format, or a damaged or ambiguous one."""


@dataclass(frozen=True)
class Header:
    """What an image file says of itself, and what it costs to decode it.

    Attributes
    ----------
    format : {"jpeg", "png", "bmp", "tiff", "webp"}
    width, height : int
        In pixels, as stored: a decoder may turn a JPEG or TIFF by a quarter.
    channels : {1, 3}
        Grey or colour once decoded, whatever is stored: a palette or CMYK gives 3.
    depth : int
        Bits of a sample.
    alpha, animated : bool
        Whether there is transparency, or more than one picture in time.
    inverted : bool
        Whether 0 stands for white; told of TIFFs only.
    work : int
        Pixels that a decoder computes: those of all scans, and of tiles beyond the edge.
    buffers : int
        The most bytes that a decoder holds besides the picture, about.
    """

    format: str
    width: int
    height: int
    channels: int = 3
    depth: int = 8
    alpha: bool = False
    animated: bool = False
    inverted: bool = False
    work: int = 0
    buffers: int = 0

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def memory(self) -> int:
        """The most bytes that decoding takes, about: pixels are copied once afterwards."""
        picture = self.channels * self.pixels
        return picture + max(picture, self.buffers)
