"""What would have protected and what not, as this project measured it, on other images.

The documentation says how each was measured; a test finds the figures of `quoted` there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from instahide.leaderboard.protection import AUGMENTATIONS, TICKS, Found, read_protection

WHAT_FOLLOWS = (
    "What follows was measured once, on other people's small photos, most of them 32 × 32 "
    "pixels of everyday things, and not on your images. Figures are likenesses: 1 is the same "
    "picture, and about 0.1 is what any wrong picture gets."
)
NO, LITTLE = "does not protect", "protects a little"
NOT_SURE = "stops our attacks, proves nothing"
STRONG = "only where it is very strong, and without proof"


@dataclass(frozen=True)
class Protection:
    """Something that one might hope would protect, and what was measured.

    Attributes
    ----------
    what : str
    verdict : str
        One of those above.
    words : str
        Sentences: what happens, and then the figures.
    sources : tuple of str
        Pages of the documentation that say how it was measured.
    quoted : tuple of str
        Texts of those pages which hold the figures.
    """

    what: str
    verdict: str
    words: str
    sources: tuple[str, ...]
    quoted: tuple[str, ...]


PROTECTIONS = (
    Protection(
        "Fewer encryptions of each image",
        LITTLE,
        "In our measurements an attacker who knows nothing but photos of the same kind got "
        "little from 5 encryptions of each image, and much from 10 (see the table below). One "
        "who knows the public images and the labels got nearly everything from 2 of each "
        "(0.96), and from a single one of each a good part (0.69).",
        ("docs/pool.md",),
        ("| 1 | .691 |", "| 2 | .964 |"),
    ),
    Protection(
        "More images in each mixture",
        NO,
        "With six images in a mixture instead of two the attacker needed three to six times as "
        "many encryptions, and no more than that.",
        ("docs/theory.md",),
        ("The four public images cost a factor\nof three to six, not a power.",),
    ),
    Protection(
        "More public images",
        NO,
        "A hundred times as many public images to mix with took the attacker who knows them "
        "ten to fifteen times as long, a minute at most, and every private image still came "
        "back exactly; so it did with three to eight images in a mixture.",
        ("docs/pool.md",),
        ("| 3 | 1,000 | 10³ | 4.4 s |", "| 3 | 100,000 | 10⁵ | 50.9 s |", "| 8 | 100,000 |"),
    ),
    Protection(
        "Keeping the public images secret",
        NO,
        "An attacker who knew half of them still got the private images exactly from fifty "
        "encryptions of each; one who knew none, and only had photos like them, got 0.91. "
        "A single encryption, half of whose public images are not known, did keep most to "
        "itself.",
        ("docs/pool.md", "docs/whitened.md"),
        (
            "| 50 | .994 – .997 | .927 – .943 | .92 – .95 | .891 – .913 |",
            "**Half a pool was as good as all of it**",
            "A single encryption of which the attacker knows half of the public images keeps "
            "most of its privacy; fifty of each image do not",
        ),
    ),
    Protection(
        "Keeping the labels secret",
        NO,
        "From fifty encryptions of each image an attacker without any labels got 0.89 to 0.92, "
        "where one with them got 0.90 to 0.92.",
        ("docs/whitened.md",),
        (
            ".916 and .890 without any label (seeds 4 and 5, where coefficients give .920 and "
            ".903)",
        ),
    ),
    Protection(
        "Larger images",
        NO,
        "Twenty images of 224 × 224 pixels came back with a likeness of 0.90 from fifty "
        "encryptions of each, in ten minutes on one processor.",
        ("docs/whitened.md",),
        ("| whitened | 224 × 224 × 3 | 20 | 1,000 |", "601 (10 min) | 6.5 GiB | .901 |"),
    ),
    Protection(
        "Cropping and mirroring images before they are mixed",
        NO,
        "They cost the attacker some encryptions: twenty with crops by four pixels are worth "
        "about as much as ten without. From fifty it makes no difference that matters.",
        ("docs/augmented.md",),
        ("twenty with crops by four pixels are worth about as much as ten without",),
    ),
    Protection(
        "Turning images before they are mixed",
        NOT_SURE,
        "Turning by up to 90 degrees defeats the attack that we have, since it looks for "
        "images that were moved and mirrored only. The mixtures still hold the images, and "
        "turned ones can be searched for too, with more work. Do not rely on it.",
        ("docs/augmented.md",),
        ("That is no protection one can rely on",),
    ),
    Protection(
        "Noise instead of masks and public images (DP-InstaHide)",
        STRONG,
        "Noise of 0.2 hides nothing: 0.97 from fifty noisy means of four images. Only noise "
        "five times as strong, ten encryptions of each image and six images in each mean "
        "together stopped our attack (0.18). That is no proof that no attack could do better.",
        ("docs/dp-instahide.md",),
        ("**.971** (.970 – .971)", "**.178** (.171 – .180)", "No proof that no attack could"),
    ),
)


@dataclass(frozen=True)
class Measured:
    """Likenesses with one augmentation, by encryptions of each image; None: not measured."""

    augmentation: str
    photos: tuple[float | None, ...]
    pool: tuple[float | None, ...]


def measured_augmentations(
    found: Found | None = None,
) -> tuple[tuple[int, ...], list[Measured]]:
    """Return the encryptions of each image and the mean likeness with each augmentation.

    Parameters
    ----------
    found : optional
        By default what `benchmarks/augmented.py` measured.
    """
    found = read_protection() if found is None else found
    lines = [
        Measured(
            title, _means(found.get((name, False), {})), _means(found.get((name, True), {}))
        )
        for name, (title, _) in AUGMENTATIONS.items()
    ]
    return TICKS, lines


def _means(values: Mapping[int, list[float]]) -> tuple[float | None, ...]:
    return tuple(float(np.mean(values[rows])) if rows in values else None for rows in TICKS)
