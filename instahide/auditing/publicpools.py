"""The public images of an audit: half of the photos are mixed in, half are the attacker's."""

from collections.abc import Sequence
from pathlib import Path

from instahide.challenge.private import load_private
from instahide.errors import InstaHideError
from instahide.photos.listing import Photo, bundled_photos, list_photos
from instahide.photos.part import part_of
from instahide.pool.build import build_pool
from instahide.pool.crops import CropSettings
from instahide.randomness.keystream import Key

WANTED_CROPS = 4000  # public images for the pool, and as many for the attacker
CROPS_OF_A_PHOTO = (25, 400)  # at least and at most
KEY_POINTS = 40
LARGEST_CROP = (128, 1.25)  # of public photos, in pixels and in sides of an image
#: What is mixed in, and what the attacker has: parts of the photos.
HALVES = {"pool": "1/2", "others": "2/2"}


def public_photos(source: Path | str | None) -> dict[str, list[Photo]]:
    """Return the public photos by half: those that are mixed in, and the attacker's own.

    Parameters
    ----------
    source : path or None
        A folder tree or an archive; None for the photos that installed packages bring.

    Raises
    ------
    InstaHideError
        When there are fewer than two.
    """
    photos = bundled_photos() if source is None else list_photos(source)
    if len(photos) < 2:
        raise InstaHideError(
            f"{source} holds one photo: bring two or more, half of them for the attacker"
        )
    return {half: part_of(photos, part) for half, part in HALVES.items()}


def save_half(
    out: Path, source: Path | str | None, half: str, private: Path, seed: int
) -> None:
    """Make one of `HALVES`, of images like those of a private set."""
    _, _, size, channels = load_private(private).images.shape
    save_pool(out, public_photos(source)[half], (size, channels), seed)


def save_pool(out: Path, photos: Sequence[Photo], image: tuple[int, int], seed: int) -> int:
    """Make a pool of public images like the private ones; returns how many.

    Parameters
    ----------
    image : (size, channels)
    """
    size, channels = image
    least, most = CROPS_OF_A_PHOTO
    pixels, sides = LARGEST_CROP
    settings = CropSettings(
        min(most, max(least, -(-WANTED_CROPS // len(photos)))),
        max(pixels // 2, size),
        max(pixels, round(sides * size)),
        channels,
    )
    report = build_pool(
        out,
        photos,
        Key.from_seed(seed),
        settings,
        more_than=KEY_POINTS,
        size=size,
        most_skipped=0.5,  # of ten bundled photos two are smaller than large crops
    )
    return report["patches"]
