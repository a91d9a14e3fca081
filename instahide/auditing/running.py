"""The steps of an audit, from a folder of images to what came back; each leaves its files.

`instahide.auditing.whole` runs them one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.catalogue import NAMED, attack_of
from instahide.attacks.needs import check_needs, size_of
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.recipe import Attack
from instahide.attacks.running import recover, view_of
from instahide.attacks.seen import Seen, load_seen, sample
from instahide.auditing.reading import OwnImages, Reading, read_own_images
from instahide.auditing.recognition import Rule, chance_of, recognise
from instahide.auditing.result import AuditResult, CameBack, Point
from instahide.auditing.settings import AuditSettings
from instahide.challenge.making import make_challenge
from instahide.challenge.private import INTEGER, load_private, save_private
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.files import load_npz, save_json, save_npz
from instahide.images import to_unit_range
from instahide.photos.listing import Photo, bundled_photos, list_photos
from instahide.pool.build import build_pool
from instahide.pool.crops import CropSettings
from instahide.pool.pool import open_pool
from instahide.progress import announce
from instahide.randomness.keystream import Key
from instahide.smalljson import read_object

BUNDLED = "photos that come with installed packages"
WANTED_CROPS = 4000  # public images for the pool, and as many for the attacker
CROPS_OF_A_PHOTO = (25, 400)  # at least and at most
KEY_POINTS = 40
LARGEST_CROP = (128, 1.25)  # of public photos, in pixels and in sides of an image
MOST_TOLD = 2**26
#: Attacks with the pool that need no labels. Of images as they are the pool serves as photos
#: of the same kind: decoding by its images takes the coefficients from labels.
BLIND_WITH_POOL = {
    "pool-none": NAMED["whitened-none"] | {"public": "pool"},
    "augmented-pool-none": NAMED["augmented-none"] | {"public": "pool"},
}
#: What takes the place of attacks by labels where all images are of one class: such labels are
#: sums of two coefficients, and tell no image from another.
WITHOUT_CLASSES = {
    "whitened": "whitened-none",
    "augmented": "augmented-none",
    "pool": "pool-none",
    "single-labels": "pool-none",
    "augmented-pool": "augmented-pool-none",
}
BY_KNOWLEDGE = ("blind", "photos", "pool")  # each knows what those before him know


def save_images(
    folder: Path | str, private: Path, told: Path, reading: Reading, seed: int
) -> None:
    """Read a folder of images, and write them as a private set and how they were read."""
    own = read_own_images(folder, reading, Key.from_seed(seed))
    save_private(private, own.images, INTEGER)
    content = {
        "reading": list(own.reading),
        "unreadable": [list(one) for one in own.unreadable],
    }
    save_json(told, content, secret=True)


def public_photos(source: Path | str | None) -> list[list[Photo]]:
    """Return the public photos in two halves: those that are mixed in, and the attacker's own.

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
    return [photos[::2], photos[1::2]]


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


def save_encryptions(
    folder: Path, private: Path, pool: Path | None, settings: AuditSettings, rows: int
) -> None:
    """Encrypt the private set, `rows` times each image: a challenge like any other."""
    size = load_private(private).images.shape[1]
    scheme = Scheme(name=settings.scheme, k=settings.k, rows_per_image=rows)
    chosen = of_scheme(scheme, augmentation=settings.augmentation(size))
    key = Key.from_seed(settings.seed)
    make_challenge(folder, private, pool if settings.mixes_public else None, key, chosen)


def save_found(
    out: Path,
    challenge: Path,
    settings: AuditSettings,
    attacker: tuple[str, int],
    public: Mapping[str, Path],
) -> None:
    """Attack encryptions, and write what is recognised in what came back.

    Parameters
    ----------
    attacker : (name, rows)
        Who, and how many encryptions of each image there are.
    public : mapping
        ``pool``, the images that are mixed in, and ``others``, the attacker's own.
    """
    name, rows = attacker
    private = load_private(challenge / "secret" / "private.npz")
    originals, chosen = private.images, settings.attack_on(name, rows)
    if len(private.class_names) == 1:
        chosen = WITHOUT_CLASSES.get(chosen, chosen)
    attack = attack_of(chosen, NAMED | BLIND_WITH_POOL)
    knows_pool = attack.public == "pool"
    seen = load_seen(
        challenge,
        None,
        len(originals),
        public=public["pool" if knows_pool else "others"],
        labels=attack.labels,
        knows_pool=knows_pool,
    )
    recovered, seconds, reason = _recovered(attack, seen, settings.seed)
    if len(recovered):
        found = recognise(recovered, originals, rule_of(settings, originals.shape[1:]))
    else:
        found = nothing_of(originals)
    told = {"cpu_seconds": seconds, "attack": chosen, "reason": reason}
    save_npz(
        out, asdict(found) | {key: np.array(one) for key, one in told.items()}, secret=True
    )


def _recovered(attack: Attack, seen: Seen, seed: int) -> tuple[np.ndarray, float, str]:
    """Return the images that an attack recovers, in any order, and the seconds it took.

    None are where the rows give it nothing to go on, for a reason that comes last. All else
    that goes wrong stays an error: it would pass for an answer.
    """
    check_needs([step.choice for step in attack.steps], size_of(view_of(attack, seen)))
    try:
        recovery, watch = recover(attack, seen, seed=seed)
    except NothingToGoOn as error:
        announce(f"nothing comes back: {error}")
        return np.empty((0, *seen.shape), np.float32), 0.0, str(error)
    seconds = sum(stage["cpu_seconds"] for stage in watch.stages)
    return recovery.decryption if recovery.private is None else recovery.private, seconds, ""


def nothing_of(originals: np.ndarray) -> CameBack:
    """Return what came back where nothing did: grey."""
    count = len(originals)
    grey = np.full_like(originals, 128)
    return CameBack(grey, np.zeros(count), np.zeros(count, bool))


def rule_of(settings: AuditSettings, shape: tuple[int, ...]) -> Rule:
    """Return when images of a shape count as recognised."""
    augmentation = settings.augmentation(shape[0])
    return Rule.of(augmentation, shape, settings.threshold, settings.margin)


def gather(
    title: str,
    settings: AuditSettings,
    private: Path,
    told: Path,
    others: Path,
    found: Mapping[tuple[str, int], Path],
) -> AuditResult:
    """Put together what an audit found.

    Parameters
    ----------
    title : str
        Name of the folder.
    private, told : path
        What `save_images` wrote.
    others : path
        The attacker's own photos: guesses are drawn from them.
    found : mapping of (attacker, rows) to path
        What `save_found` wrote.
    """
    read = read_object(told, MOST_TOLD)
    unreadable = tuple((file, reason) for file, reason in read["unreadable"])
    own = OwnImages(load_private(private), tuple(read["reading"]), unreadable)
    images = own.images
    looked = with_best_attacks({who: load_npz(path) for who, path in found.items()})
    rule = rule_of(settings, images.images.shape[1:])
    guesses = to_unit_range(sample(open_pool(others)))
    rng = np.random.default_rng(settings.seed)
    return AuditResult(
        title=title,
        images=images.images,
        files=images.files,
        classes=own.folders,
        reading=own.reading,
        unreadable=own.unreadable,
        settings=_told(settings, images.images.shape[1:]),
        attackers=settings.attackers(),
        found={
            name: CameBack(*(one[part] for part in ("images", "ssim", "recognised")))
            for (name, rows), one in looked.items()
            if rows == settings.rows_per_image
        },
        points=tuple(_point(*who, one) for who, one in looked.items()),
        chance=chance_of(guesses, images.images, rule, rng),
    )


def with_best_attacks(
    looked: Mapping[tuple[str, int], Mapping[str, np.ndarray]],
) -> dict[tuple[str, int], Mapping[str, np.ndarray]]:
    """Let who knows more use what needs less, where that brings more.

    ASSUME: he knows which of his attacks did better. He sees it too: what is no image fits the
    rows badly.

    Parameters
    ----------
    looked : mapping of (attacker, rows) to arrays
        See `save_found`.
    """
    best = {}
    for rows in dict.fromkeys(rows for _, rows in looked):
        so_far: Mapping[str, np.ndarray] | None = None
        for name in BY_KNOWLEDGE:
            one = looked.get((name, rows))
            if one is None:
                continue
            if so_far is None or _reach(one) >= _reach(so_far):
                so_far = one
            best[name, rows] = so_far
    return best


def _reach(one: Mapping[str, np.ndarray]) -> tuple[int, float]:
    return int(one["recognised"].sum()), float(one["ssim"].mean())


def _point(name: str, rows: int, one: Mapping[str, np.ndarray]) -> Point:
    return Point(
        name,
        rows,
        int(one["recognised"].sum()),
        float(one["ssim"].mean()),
        float(one["cpu_seconds"]),
        str(one["attack"]),
        str(one["reason"]),
    )


def _told(settings: AuditSettings, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the settings as the page has them."""
    size, _, channels = shape
    augmentation = settings.augmentation(size)
    words = (
        ""
        if augmentation is None
        else (f"moved by up to {augmentation.crop_padding} pixels and flipped at random")
    )
    return {
        "k": settings.k,
        "rows_per_image": settings.rows_per_image,
        "scheme": settings.scheme,
        "augmentation": words,
        "size": size,
        "channels": channels,
        "public": "",
        "seed": settings.seed,
        "threshold": settings.threshold,
        "margin": settings.margin,
    }
