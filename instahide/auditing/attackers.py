"""Who attacks in an audit, in words, and what he runs: names, looked up before anything runs.

The workflow and the command come here. The step that attacks is told functions, and neither it
nor the page imports the catalogue (docs/house.md).
"""

from typing import Any

from instahide.attacks.catalogue import NAMED, attack_of
from instahide.auditing.result import Attacker
from instahide.auditing.settings import AuditSettings

# ASSUME: up to so many encryptions of each image, rows are decoded one by one first: labels and
# similarity alone find little in few rows (docs/pool.md has both).
DECODED_BY_ROW = 10

PHOTOS = "knows nothing but photos of the same kind"
POOL = "knows the public images too"
BLIND = "knows neither labels nor coefficients"
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


def attackers_of(settings: AuditSettings) -> tuple[Attacker, ...]:
    """Return who attacks, by name and by what he knows; the attack is that for many rows.

    Examples
    --------
    >>> [attacker.attack for attacker in attackers_of(AuditSettings(augment=True))]
    ['augmented', 'augmented-pool', 'augmented-none']
    >>> [attacker.name for attacker in attackers_of(AuditSettings(inside=True))]
    ['photos']
    """
    places = settings.inside and settings.k > 2
    usual = "augmented" if settings.augment else "whitened"
    found = [Attacker("photos", PHOTOS, "whitened-inside" if places else usual)]
    if settings.mixes_public:
        pool = "augmented-pool" if settings.augment else "pool"
        found.append(Attacker("pool", POOL, pool))
    if not places:
        found.append(Attacker("blind", BLIND, f"{usual}-none"))
    return tuple(found)


def attack_on(settings: AuditSettings, attacker: str, rows_per_image: int) -> str:
    """Return the attack that an attacker runs on so many encryptions of each image."""
    if attacker == "pool" and rows_per_image <= DECODED_BY_ROW and not settings.augment:
        return "single-labels"
    return next(one.attack for one in attackers_of(settings) if one.name == attacker)


def attempt_of(settings: AuditSettings, attacker: str, rows_per_image: int) -> dict[str, Any]:
    """Return as plain values how an attacker looks: what `looking.Attempt.of` reads.

    Examples
    --------
    >>> attempt = attempt_of(AuditSettings(), "pool", 10)
    >>> attempt["attack"]["name"], attempt["without_classes"]["name"]
    ('single-labels', 'pool-none')
    """
    name = attack_on(settings, attacker, rows_per_image)
    attacks = {"attack": name, "without_classes": WITHOUT_CLASSES.get(name, name)}
    told = {key: attack_of(one, NAMED | BLIND_WITH_POOL) for key, one in attacks.items()}
    return {key: attack.until(len(attack.steps) - 1) for key, attack in told.items()} | {
        "augment": settings.augment,
        "threshold": settings.threshold,
        "margin": settings.margin,
        "seed": settings.seed,
    }
