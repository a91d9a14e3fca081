"""The last step of an audit: what all attackers found becomes one result, and its page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.seen import sample
from instahide.auditing.page import save_page
from instahide.auditing.reading import OwnImages
from instahide.auditing.recognition import Rule, chance_of
from instahide.auditing.result import Attacker, AuditResult, CameBack, Point, save_result
from instahide.auditing.settings import AuditSettings
from instahide.auditing.tables import save_audit_csv, save_told
from instahide.auditing.workfolder import WorkFolder
from instahide.challenge.private import load_private
from instahide.files import load_npz
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool
from instahide.smalljson import read_object

BUNDLED = "photos that come with installed packages"
MOST_TOLD = 2**26
BY_KNOWLEDGE = ("blind", "photos", "pool")  # each knows what those before him know


def save_answer(page: Path, result: AuditResult) -> None:
    """Write the page, a table and a JSON file beside it, and all of it into its folder."""
    save_result(WorkFolder(page.with_suffix("")).result, result)
    save_page(page, result)
    save_audit_csv(page.with_suffix(".csv"), result)
    save_told(page.with_suffix(".json"), result)


def gather(
    title: str,
    settings: AuditSettings,
    attackers: Sequence[Attacker],
    work: WorkFolder,
    public: Path | str | None,
) -> AuditResult:
    """Put together what an audit found.

    Parameters
    ----------
    title : str
        Name of the folder that was audited.
    attackers : sequence of Attacker
        See `instahide.auditing.attackers.attackers_of`.
    public : path or None
        Where the public photos come from; None for those of installed packages.
    """
    read = read_object(work.told, MOST_TOLD)
    unreadable = tuple((file, reason) for file, reason in read["unreadable"])
    own = OwnImages(load_private(work.private), tuple(read["reading"]), unreadable)
    images, shape = own.images, own.images.images.shape[1:]
    tries = [(one.name, rows) for rows in settings.all_rows for one in attackers]
    looked = with_best_attacks({who: load_npz(work.found(*who)) for who in tries})
    moved = settings.augmentation(shape[0])
    rule = Rule.of(moved, shape, settings.threshold, settings.margin)
    guesses = to_unit_range(sample(open_pool(work.half("others"))))
    rng = np.random.default_rng(settings.seed)
    return AuditResult(
        title=title,
        images=images.images,
        files=images.files,
        classes=own.folders,
        reading=own.reading,
        unreadable=own.unreadable,
        settings=_told(settings, shape, public),
        attackers=tuple(attackers),
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
        See `instahide.auditing.looking.save_found`.
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


def _told(
    settings: AuditSettings, shape: tuple[int, ...], public: Path | str | None
) -> dict[str, Any]:
    """Return the settings as the page has them."""
    photos = BUNDLED if public is None else f"photos of the folder {Path(public).name}"
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
        "public": photos if settings.mixes_public else "",
        "seed": settings.seed,
        "threshold": settings.threshold,
        "margin": settings.margin,
    }
