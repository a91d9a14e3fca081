"""Photos to start with, without any download: those bundled with scikit-image and Matplotlib.

Ten colour photos are cut in two. The upper halves give the private images, a class per
photo; the lower halves are the public photos. So no pixel is both private and public,
and the two views of the stereo pair, whose rows correspond, keep their halves apart too.
"""

from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from instahide.errors import InstaHideError
from instahide.files import filled_folder
from instahide.images import shrink
from instahide.photos.listing import bundled_photos, decode, read_photo
from instahide.placing import files_below
from instahide.randomness.keystream import Key

PER_CLASS = 40
SIDE = 64


def save_samples(public: Path | str, private: Path | str) -> None:
    """Write the bundled photos as two folders, as users would bring their own.

    `public` gets one PNG per photo; `private` a sub-folder per class, each with 40 crops
    of 64×64 pixels, at places that never change.

    Raises
    ------
    InstaHideError
        When one of the folders cannot be written, or holds something else: all that lies
        there would be taken for samples.
    """
    stream = Key.from_seed(0).stream("sample")
    with filled_folder(public) as public_out, filled_folder(private) as private_out:
        for number, photo in enumerate(bundled_photos()):
            name = PurePosixPath(photo.name).stem
            image = decode(read_photo(photo), channels=3, min_side=2 * SIDE)
            upper, lower = np.array_split(image, 2)
            _save(public_out / f"{name}.png", lower)
            (private_out / name).mkdir()
            draws = stream.uniforms(number, 3 * PER_CLASS).reshape(PER_CLASS, 3)
            for place, draw in enumerate(draws):
                _save(private_out / name / f"{place:02}.png", random_crop(upper, draw))
        _refuse_others(Path(public), public_out)
        _refuse_others(Path(private), private_out)


def random_crop(image: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Crop a square of 60 to 100 % of the short side and shrink it to 64×64.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, C)
    draw : ndarray of float64, shape (3,), range 0 … 1
        Decides side, top and left.
    """
    short = min(image.shape[:2])
    side = int((0.6 + 0.4 * draw[0]) * short)
    top = int(draw[1] * (image.shape[0] - side + 1))
    left = int(draw[2] * (image.shape[1] - side + 1))
    return shrink(image[top : top + side, left : left + side], SIDE)


def _save(path: Path, image: np.ndarray) -> None:
    """Write an image as PNG; `cv2.imwrite` would not say what went wrong."""
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise InstaHideError(f"OpenCV cannot encode {path.name} as PNG; install it again")
    path.write_bytes(data)


def _refuse_others(folder: Path, made: Path) -> None:
    """Refuse a folder that holds something besides samples."""
    for name in sorted(set(files_below(folder)) - set(files_below(made))):
        if not any(part.startswith(".") for part in name.parts):  # as photos are listed
            raise InstaHideError(
                f"{folder} holds {name}, which is none of the samples: name another folder"
            )
