"""The sentences of the participants' page that depend on the challenge."""

from collections.abc import Mapping, Sequence
from typing import Any

from instahide.encodings.instahide.scheme import SCHEMES
from instahide.encodings.treatment import read_treatments

AS_THEY_ARE = (
    "These are evenly spread over all rows. The left picture of each pair is the "
    "encryption as it is, from −1 (black) to 1 (white)."
)
ABSOLUTE = (
    "The right one shows the absolute value of every pixel: the random signs are gone, and the "
    "mixture is left, except that every value below mid-grey is turned into its opposite. "
    "Shapes show through, and this is where many attacks begin."
)
ABSOLUTE_OF_OTHERS = "The right one shows the absolute value of every pixel."
NO_PICTURES = "The encodings are no pictures, so none are shown here."
SCORED = (
    "Each image that you hand in is compared with the private images in its row by structural "
    "similarity (SSIM: 1 is equal, 0 is unlike), and the closest one counts. Max_SSIM is its "
    "mean over all rows, and ranks the board. So it is enough to recover one private image of "
    "each row. The board also shows the mean SSIM with all private images of a row, and "
    "squared differences (L2), all with 95 % intervals."
)

#: What was done to rows, by the kind of treatment.
TREATED = {
    "gaussian": "normal noise with standard deviation {0:g} was added to each value",
    "laplace": "Laplace noise of scale {0:g} was added to each value",
    "rounding": "values were rounded to {0:g} bits, those beyond -1 and 1 to the ends",
    "jpeg": "they were stored as JPEG of quality {0:g} and read again",
    "jpeg444": "they were stored as JPEG of quality {0:g} with colours at full resolution, and "
    "read again",
    "clip": "values beyond ±{0:g} became ±{0:g}",
}


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "image"), count(5000, "image")
    ('1 image', '5,000 images')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def what_it_is(manifest: Mapping[str, Any]) -> list[str]:
    """Return what the challenge is, in sentences."""
    height, width, channels = manifest["image_shape"]
    colour = "grey" if channels == 1 else "colour"
    classes = len(manifest["classes"])
    return [
        f"Somebody has {count(manifest['images'], 'private image')} of {height} × {width} "
        f"pixels in {colour}, in {classes} {'class' if classes == 1 else 'classes'}, and "
        "released only what this page describes. The question is: what can you see of them?",
        *_how_encoded(manifest),
        "Your task is to hand in an image for each row that looks like a private image in it.",
    ]


def _how_encoded(manifest: Mapping[str, Any]) -> list[str]:
    """Say how rows were made."""
    rows = count(manifest["files"]["label.npy"]["shape"][0], "row")
    if "scheme" not in manifest:
        told = manifest["encoding"]
        options = ", ".join(f"{key} = {value}" for key, value in told["options"].items())
        made = f"the encoding {told['name']}" + (f" ({options})" if options else "")
        return [f"The private images were encoded by {made}, which made {rows}."]
    scheme = manifest["scheme"]
    inside, masked = SCHEMES[scheme["name"]]
    others = scheme["k"] - 2
    mixed = f"{scheme['k']} private images"
    if not inside:
        mixed = "two private images" + (
            f" with {count(others, 'public one')}" if others else ""
        )
    text = f"InstaHide mixed {mixed}, each by a random weight"
    text += ", and flipped the sign of every pixel at random." if masked else "."
    return [
        f"{text} One such mixture is called a row, or an encryption. There are {rows}: "
        f"each private image comes first in {scheme['rows_per_image']} of them.",
        *_how_augmented(manifest),
        *_how_treated(manifest),
    ]


def _how_augmented(manifest: Mapping[str, Any]) -> list[str]:
    used = {key: value for key, value in manifest.get("augmentation", {}).items() if value}
    if not used:
        return []
    named = ", ".join(key if value is True else f"{key} {value}" for key, value in used.items())
    return [
        f"Before each mixture every image was transformed anew ({named}), and rows are scored "
        "against the images as they were mixed."
    ]


def _how_treated(manifest: Mapping[str, Any]) -> list[str]:
    treatments = read_treatments(manifest.get("treatment"))
    if not treatments:
        return []
    done = "; then ".join(TREATED[one.kind].format(one.amount) for one in treatments)
    return [f"Before they were released, rows were treated: {done}."]


def what_a_file_is(name: str, manifest: Mapping[str, Any]) -> str:
    """Return what a file of the release holds, in a phrase."""
    if name == "encryption.npy":
        return "the rows" if "encoding" in manifest else "the encryptions, one row each"
    if name == "label.npy":
        return "for each row and class, the sum of its private images' weights"
    return "what the encoding released besides"


def general_rules(manifest: Mapping[str, Any]) -> list[str]:
    """Return the rules that hold for every challenge."""
    pool = "Whether you may use the pool of public images, the organiser says; if you"
    return [
        "You may use all that is in the release, and any photos and programs of your own.",
        f"{pool if manifest['pool'] else 'If you'} had more than the release, say so in "
        "submission.yaml: only results with the same knowledge are compared.",
        "Seed and private images are kept secret until the challenge is over. When they are "
        "published, everybody can verify that they are those which challenge.json committed to "
        "beforehand.",
    ]


def shape_in_words(shape: Sequence[int]) -> str:
    """Return a shape.

    >>> shape_in_words([5000, 10])
    '5000 × 10'
    """
    return " × ".join(map(str, shape))


def size_in_words(size: int) -> str:
    """Return a number of bytes.

    >>> size_in_words(999), size_in_words(61440128)
    ('999 bytes', '61.4 MB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
