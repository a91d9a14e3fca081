"""Images that are cropped, flipped or turned anew for every row before they are mixed.

Training rarely sees an image twice in the same place: it is padded and cropped at random, and
flipped from left to right in half of the cases (``RandomCrop(32, padding=4)`` and
``RandomHorizontalFlip`` of torchvision). `Augmentation` says what may happen to an image,
`Transforms` what happened to each image of each row; both are part of the secret
`instahide.encodings.plan.Plan`. One map describes it all: `source_pixels` tells of every pixel
of an image as it was mixed which pixels of the original it is made of, and how much of each.

In this order an image is

1. turned about its centre by an angle, and then moved by whole pixels (`rotation`,
   `translation`; torchvision's ``RandomAffine``),
2. cut to a square of `crop` pixels at a random place, which is grown to the image's size,
3. padded by `crop_padding`, and cropped to its size at a random place,
4. flipped from left to right.

ASSUME: this order, and that 1 and 2 resample the image once, bilinearly, so that an image as it
was mixed is a weighted sum of pixels and the fill. Libraries chain transforms in any order and
round in between. Luo et al., "Fusion-Denoising Attack on InstaHide with Data Augmentation"
(2021, arXiv:2105.07754) name the transforms (turned by up to 90°, moved by up to half the
image, crops of 24 pixels grown to 32) and not how they are chained.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from instahide.errors import InstaHideError

if TYPE_CHECKING:  # the configuration is read with nothing heavier than NumPy
    from instahide.randomness.keystream import Key

#: ASSUME: grey is 128, the 8-bit value nearest to 0 after pixels are scaled to [-1, 1], which
#: is what a training that normalises before it pads fills with.
FILLS = {"black": 0, "grey": 128}
SINE_STEP = 2.0**-24  # sines are rounded to its multiples, so that no machine's library shows
ALMOST_ALL = 0.99  # of an image's side: who moves it further away mixes the fill
MOST_PIXELS = 2**20  # transformed at once


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image before it is mixed; at least one thing.

    Attributes
    ----------
    crop_padding : int
        Pixels p: the image is moved by -p … p pixels in both directions, and what comes in
        from outside is the fill.
    flip : bool
        Whether it is flipped from left to right with probability 1/2.
    fill : {"black", "grey"}
        What lies outside the image.
    rotation : float
        Degrees, 0 to 180: the angle is uniform between -rotation and rotation.
    translation : float
        Share of the image's sides, 0 to 0.99: it is moved by up to this much in each
        direction, in whole pixels.
    crop : int
        Side of a random square that is grown to the image's size; 0 is off.
    public : bool
        Whether public images are transformed as well.

    Raises
    ------
    InstaHideError
        When a value is out of range, or nothing is asked for.
    """

    crop_padding: int = 0
    flip: bool = False
    fill: str = "black"
    rotation: float = 0
    translation: float = 0
    crop: int = 0
    public: bool = False

    def __post_init__(self):
        for name in ("crop_padding", "crop"):
            if type(getattr(self, name)) is not int or not 0 <= getattr(self, name) < 2**16:
                self._refuse(name, "a whole number of pixels, 0 or more")
        for name in ("flip", "public"):
            if type(getattr(self, name)) is not bool:
                self._refuse(name, "true or false")
        for name, most in (("rotation", 180), ("translation", ALMOST_ALL)):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= most:
                self._refuse(name, f"a number from 0 to {most}")
        if not isinstance(self.fill, str) or self.fill not in FILLS:
            self._refuse("fill", " or ".join(FILLS))
        if not (self.crop_padding or self.flip or self.affine):
            raise InstaHideError("augmentation asks for nothing: leave the key out")

    @classmethod
    def of(cls, given: Any) -> "Augmentation":
        """Read an augmentation, or the mapping that a configuration or a manifest has.

        Raises
        ------
        InstaHideError
            When it is neither, has an unknown key, or a value is out of range.

        Examples
        --------
        >>> Augmentation.of({"crop_padding": 4, "flip": True}).shifts
        9
        """
        if isinstance(given, cls):
            return given
        known = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            raise InstaHideError(f"augmentation is an object with keys of {', '.join(known)}")
        for key in given:
            if key not in known:
                raise InstaHideError(
                    f"augmentation has no key {key[:50]!r}; it has {', '.join(known)}"
                )
        return cls(**given)

    @property
    def affine(self) -> bool:
        """Whether images are resampled."""
        return bool(self.rotation or self.translation or self.crop)

    @property
    def shifts(self) -> int:
        """Number of shifts in each direction, 2p + 1."""
        return 2 * self.crop_padding + 1

    def describe(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return asdict(self)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse images of shape (H, W, …) that cannot be transformed so."""
        height, width = shape[:2]
        if self.crop_padding >= min(height, width):
            raise InstaHideError(
                f"augmentation: crop_padding = {self.crop_padding} moves images of "
                f"{height} × {width} pixels out of sight; use less than {min(height, width)}"
            )
        if self.crop and (height != width or self.crop > height):
            raise InstaHideError(
                f"augmentation: a square of crop = {self.crop} pixels cannot be grown to "
                f"{height} × {width}; use square images, and no more than their side"
            )

    def _refuse(self, name: str, expected: str) -> None:
        value = repr(getattr(self, name))[:50]
        raise InstaHideError(f"augmentation: {name} is {value}; expected is {expected}")


@dataclass(frozen=True)
class Transforms:
    """What happened to each image of E rows; q images a row are transformed.

    Attributes
    ----------
    flipped : ndarray of bool, shape (E, q)
    shifts : ndarray of int64, shape (E, q, 2)
        (dy, dx), each from -p to p: pixel (y, x) was pixel (y + dy, x + dx) before, and the
        fill outside. The flip comes after.
    angles : ndarray of float64, shape (E, q), or None
        Degrees; None, like the next two, where the augmentation has no such thing.
    moves : ndarray of int64, shape (E, q, 2), or None
        (y, x), whole pixels by which the turned image is moved.
    corners : ndarray of int64, shape (E, q, 2), or None
        (y, x) of the upper left pixel of the square that is grown.

    Raises
    ------
    InstaHideError
        When the arrays do not fit each other.
    """

    flipped: np.ndarray
    shifts: np.ndarray
    angles: np.ndarray | None = None
    moves: np.ndarray | None = None
    corners: np.ndarray | None = None

    def __post_init__(self):
        shape = getattr(self.flipped, "shape", ())
        for name, kinds, more in (("flipped", "b", ()), ("shifts", "i", (2,)),
                                  ("angles", "f", ()), ("moves", "i", (2,)),
                                  ("corners", "i", (2,))):  # fmt: skip
            array = getattr(self, name)
            if array is None and name in ("angles", "moves", "corners"):
                continue
            if len(shape) != 2 or array.dtype.kind not in kinds or array.shape != shape + more:
                raise InstaHideError(f"the transforms' {name} are {array.dtype} {array.shape}")

    def __len__(self) -> int:
        return len(self.flipped)

    def __getitem__(self, rows: Any) -> "Transforms":
        return Transforms(**{name: array[rows] for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that there are, by name."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def of_places(self, start: int, stop: int | None = None) -> "Transforms":
        """Return the transforms of some of each row's images."""
        return self[:, start:stop]

    def check(self, augmentation: Augmentation) -> None:
        """Refuse transforms that no such augmentation makes.

        Raises
        ------
        InstaHideError
            Names what is out of range.
        """
        given = {"angles": augmentation.rotation, "moves": augmentation.translation,
                 "corners": augmentation.crop}  # fmt: skip
        for name, used in given.items():
            if (getattr(self, name) is not None) != bool(used):
                raise InstaHideError(f"the transforms' {name} do not fit the augmentation")
        if self.flipped.any() and not augmentation.flip:
            raise InstaHideError("the transforms flip images, and the augmentation does not")
        # NaN is within no range.
        ranges = {"shifts": (-augmentation.crop_padding, augmentation.crop_padding),
                  "angles": (-augmentation.rotation, augmentation.rotation),
                  "moves": (-(2**16), 2**16), "corners": (0, 2**16)}  # fmt: skip
        for name, (least, most) in ranges.items():
            array = getattr(self, name)
            if array is not None and not ((array >= least) & (array <= most)).all():
                raise InstaHideError(f"the transforms' {name} do not fit the augmentation")


def draw_transforms(
    key: "Key",
    augmentation: Augmentation,
    rows: np.ndarray,
    places: int,
    shape: tuple[int, ...],
) -> Transforms:
    """Draw what happens to each image of some rows, each row for itself.

    Parameters
    ----------
    rows : ndarray of int64, shape (E,)
        Numbers of the rows.
    places : int
        Images q of a row that are transformed. More of them leave the first ones as they are.
    shape : tuple of int
        (H, W, …) of the images.

    Raises
    ------
    InstaHideError
        When images of this shape cannot be transformed so.

    Examples
    --------
    >>> some = Augmentation(crop_padding=4, flip=True)
    >>> drawn = draw_transforms(Key.from_seed(0), some, np.arange(5), 2, (32, 32, 3))
    >>> drawn.shifts.shape, bool(abs(drawn.shifts).max() <= 4)
    ((5, 2, 2), True)
    """
    augmentation.check_shape(shape)
    sides = np.array(shape[:2])
    flips = _integers(key, "flip", rows, (places,), 2 if augmentation.flip else 1)
    shifts = _integers(key, "shift", rows, (places, 2), augmentation.shifts)
    angles = moves = corners = None
    if augmentation.rotation:
        angles = augmentation.rotation * _centred(key, "angle", rows, (places,))
    if augmentation.translation:
        # ASSUME: whole pixels, as torchvision's RandomAffine rounds them.
        centred = _centred(key, "translation", rows, (places, 2))
        moves = np.rint(augmentation.translation * sides * centred).astype(np.int64)
    if augmentation.crop:
        below = int(sides[0]) - augmentation.crop + 1
        corners = _integers(key, "crop", rows, (places, 2), below)
    return Transforms(flips == 1, shifts - augmentation.crop_padding, angles, moves, corners)


def _integers(
    key: "Key", name: str, rows: np.ndarray, shape: tuple[int, ...], below: int
) -> np.ndarray:
    """Draw whole numbers from 0 to `below` - 1, int64, shape (E, *shape)."""
    if below == 1:
        return np.zeros((len(rows), *shape), np.int64)
    stream = key.stream(f"augmentation {name}")
    return stream.integers(rows, math.prod(shape), below).reshape(len(rows), *shape)


def _centred(key: "Key", name: str, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Draw float64 uniform on (-1, 1), shape (E, *shape)."""
    stream = key.stream(f"augmentation {name}")
    return 2 * stream.uniforms(rows, math.prod(shape)).reshape(len(rows), *shape) - 1


def apply_transforms(
    images: np.ndarray, transforms: Transforms, augmentation: Augmentation
) -> np.ndarray:
    """Transform the images of some rows.

    Parameters
    ----------
    images : ndarray of uint8, shape (E, q, H, W, C)
    transforms : Transforms
        Of E rows and q images.

    Returns
    -------
    ndarray of uint8, shape (E, q, H, W, C)
        ASSUME: what is resampled is rounded to 8 bits, as torchvision does with images of
        Pillow.

    Examples
    --------
    >>> image = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3, 1)
    >>> moved = Transforms(np.array([[True]]), np.array([[[0, 1]]]))
    >>> apply_transforms(image, moved, Augmentation(crop_padding=1, flip=True))[0, 0, :, :, 0]
    array([[0, 2, 1],
           [0, 5, 4]], dtype=uint8)
    """
    rows, places, *shape = images.shape
    height, width, channels = shape
    pixels = height * width
    flat = images.reshape(rows * places, pixels, channels)
    out = np.empty_like(flat)
    fill = np.uint8(FILLS[augmentation.fill])
    single = _flattened(transforms)
    for some in _parts(len(flat), pixels):
        index, share = source_pixels(single[some], augmentation, shape)
        index, share = (part.reshape(len(index), pixels, -1) for part in (index, share))
        padded = np.full((len(index), pixels + 1, channels), fill)
        padded[:, :pixels] = flat[some]
        each = np.arange(len(index))[:, None]
        if not augmentation.affine:
            out[some] = padded[each, index[..., 0]]
            continue
        total = np.zeros(out[some].shape)
        for tap in range(index.shape[2]):  # one by one: the order of the sum is fixed
            total += share[..., tap, None] * padded[each, index[..., tap]]
        out[some] = np.rint(total)
    return out.reshape(images.shape)


def source_pixels(
    transforms: Transforms, augmentation: Augmentation, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Tell of which pixels of the original each pixel of a transformed image is made.

    Parameters
    ----------
    transforms : Transforms
        Of E rows and q images.
    shape : tuple of int
        (H, W, …) of the images.

    Returns
    -------
    index : ndarray of int64, shape (E, q, H, W, t)
        Of pixels, row by row; H·W is the fill. t is 1 where nothing is resampled, or else 4.
    share : ndarray of float64, shape (E, q, H, W, t)
        How much of each; sums to 1 over the last axis.
    """
    height, width = shape[:2]
    flipped = transforms.flipped[..., None, None]
    y, x = np.arange(height)[:, None], np.arange(width)
    x = np.where(flipped, width - 1 - x, x)
    y = y + transforms.shifts[..., 0, None, None]
    x = x + transforms.shifts[..., 1, None, None]
    y, x = np.broadcast_arrays(y, x)
    if not augmentation.affine:
        index = _place(y, x, height, width)[..., None]
        return index, np.ones(index.shape)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    index, share = _taps(*_originals(y, x, transforms, augmentation, height, width), shape)
    index[~inside], share[~inside] = height * width, 0.25
    return index, share


def _originals(
    y: np.ndarray,
    x: np.ndarray,
    transforms: Transforms,
    augmentation: Augmentation,
    height: int,
    width: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where whole coordinates lie in the original, float64, by undoing 2 and then 1."""
    y, x = y.astype(np.float64), x.astype(np.float64)
    if transforms.corners is not None:
        corners = transforms.corners[..., None, None]
        y = (y + 0.5) * augmentation.crop / height - 0.5 + corners[..., 0, :, :]
        x = (x + 0.5) * augmentation.crop / width - 0.5 + corners[..., 1, :, :]
    if transforms.moves is not None:
        moves = transforms.moves[..., None, None]
        y, x = y - moves[..., 0, :, :], x - moves[..., 1, :, :]
    if transforms.angles is not None:
        radians = np.deg2rad(transforms.angles)[..., None, None]
        sine, cosine = (np.rint(f(radians) / SINE_STEP) * SINE_STEP for f in (np.sin, np.cos))
        middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
        y, x = y - middle_y, x - middle_x
        y, x = cosine * y + sine * x + middle_y, cosine * x - sine * y + middle_x
    return y, x


def _taps(
    y: np.ndarray, x: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the four pixels around each place, and their bilinear shares."""
    height, width = shape[:2]
    top, left = np.floor(y), np.floor(x)
    down, right = y - top, x - left
    index, share = [], []
    for below in (0, 1):
        for beside in (0, 1):
            place = (top.astype(np.int64) + below, left.astype(np.int64) + beside)
            index.append(_place(*place, height, width))
            share.append((down if below else 1 - down) * (right if beside else 1 - right))
    return np.stack(index, axis=-1), np.stack(share, axis=-1)


def _place(y: np.ndarray, x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the number of each pixel, and H·W for those outside."""
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return np.where(inside, y * width + x, height * width)


def _flattened(transforms: Transforms) -> Transforms:
    """Return transforms of E rows with q images as those of E·q rows with one."""
    arrays = transforms.arrays().items()
    return Transforms(**{name: a.reshape(-1, 1, *a.shape[2:]) for name, a in arrays})


def _parts(count: int, pixels: int) -> Iterator[slice]:
    """Cut a number of images into parts that memory has room for."""
    step = max(1, MOST_PIXELS // pixels)
    return (slice(start, start + step) for start in range(0, count, step))
