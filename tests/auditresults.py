"""What an audit might have found, made up: smooth pictures and noisy copies of them."""

from dataclasses import replace

import numpy as np

from instahide.auditing.recognition import Rule, recognise
from instahide.auditing.result import Attacker, AuditResult, Point
from instahide.images import to_unit_range

SIDE = 24
ATTACKERS = (
    Attacker("photos", "knows nothing but photos of the same kind", "whitened"),
    Attacker("pool", "knows the public images too", "pool"),
    Attacker("blind", "knows neither labels nor coefficients", "whitened-none"),
)
SETTINGS = {
    "k": 4,
    "rows_per_image": 10,
    "scheme": "cross",
    "augmentation": "",
    "size": SIDE,
    "channels": 3,
    "public": "bundled photos",
    "seed": 0,
    "threshold": 0.6,
    "margin": 0.05,
}


def pictures(count, seed=0, side=SIDE, channels=3):
    """Blurred random pictures, uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, side // 4, side // 4, channels))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)


def audited(
    images=None, noise=(0.4, 0.05, 3.0), files=None, classes=None, attackers=ATTACKERS, **other
):
    """An audit of these images, of which noisy copies came back to each attacker."""
    images = pictures(6) if images is None else images
    count, rng = len(images), np.random.default_rng(1)
    rule, found, points = Rule(SETTINGS["threshold"], SETTINGS["margin"]), {}, []
    for attacker, sigma in zip(attackers, noise, strict=False):
        # The later ones get more of it, so that leakage falls along the folder.
        spread = sigma * np.linspace(0.5, 1.5, count)[:, None, None, None]
        noisy = to_unit_range(images) + spread * rng.normal(size=images.shape)
        one = recognise(np.clip(noisy, -1, 1).astype(np.float32), images, rule)
        found[attacker.name] = one
        reached = int(one.recognised.sum())
        points += [
            Point(attacker.name, rows, reached * rows // 10, float(one.ssim.mean()), 1.5)
            for rows in (2, 5, 10)
        ]
    names = files or tuple(f"cats/{number}.png" for number in range(count))
    result = AuditResult(
        "scans",
        images,
        names,
        classes or tuple(name.split("/")[0] if "/" in name else "" for name in names),
        ("Every image was cropped to its square.",),
        (("notes.txt", "it is no image"),),
        SETTINGS,
        attackers,
        found,
        tuple(points),
        0.3,
    )
    return replace(result, **other)
