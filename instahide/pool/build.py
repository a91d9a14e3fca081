"""Build the pool of public images out of photos: crops, key-point filter, join."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import zarr

from instahide.errors import InstaHideError
from instahide.files import (
    atomic_folder,
    check_replaceable,
    explained,
    make_folder,
    save_json,
)
from instahide.names import shown
from instahide.photos.decoding import REASONS
from instahide.photos.listing import Photo
from instahide.pool.crops import CropSettings, save_crops
from instahide.pool.keypoints import save_patches
from instahide.pool.stores import (
    POOL_ARRAYS,
    create_array,
    get_names,
    open_store,
    put_array,
    put_names,
    read_rows,
    row_slices,
    same_store,
    save_digest,
)
from instahide.randomness.keystream import Key
from instahide.temporaries import temporary_folder

BATCH_PHOTOS = 1000


def build_pool(
    store: Path | str,
    photos: list[Photo],
    key: Key,
    settings: CropSettings,
    *,
    more_than: int = 40,
    size: int = 32,
    most_skipped: float = 0.1,
    threads: int = 1,
) -> dict:
    """Build a pool in one go, in batches of 1,000 photos; crops are not kept.

    The pool equals that of the workflow for the same photos, seed and settings.

    Returns
    -------
    dict
        The report: photos, skipped ones with reasons, patches.
    """
    out = Path(store)
    with explained(out):
        check_replaceable(out)
        make_folder(out.parent)
    with explained(out), temporary_folder(out.parent, out.name) as folder:
        shards, reports = [], []
        for start in range(0, len(photos), BATCH_PHOTOS):
            crops, shard = Path(folder, "crops.zarr"), Path(folder, f"{start}.zarr")
            reports.append(Path(folder, f"{start}.json"))
            batch = photos[start : start + BATCH_PHOTOS]
            save_crops(crops, reports[-1], batch, key, settings, threads=threads)
            save_patches(shard, crops, more_than=more_than, size=size, threads=threads)
            shards.append(shard)
        report = Path(folder, "report.json")
        merge_pool(out, report, shards, reports, most_skipped=most_skipped)
        return json.loads(report.read_text(encoding="utf-8"))


def merge_pool(
    store: Path | str,
    report: Path | str,
    shards: list[Path],
    crop_reports: list[Path],
    *,
    most_skipped: float,
) -> None:
    """Join the shards' patches into the pool, and their reports into one.

    Raises
    ------
    InstaHideError
        When more than the share `most_skipped` of the photos was skipped, or no patch
        is left.
    """
    texts = [Path(path).read_text(encoding="utf-8") for path in crop_reports]
    content = pool_report([json.loads(text) for text in texts])
    check_skipped(content, most_skipped)
    groups = [open_store(shard, POOL_ARRAYS) for shard in shards]
    total = sum(group["patches"].shape[0] for group in groups)
    if not total:
        raise InstaHideError(
            f"no crop of the {content['photos']} photos has enough key points; lower "
            "key_points, make crops larger or bring more photos"
        )
    with atomic_folder(store, same=partial(same_store, arrays=POOL_ARRAYS)) as temporary:
        joined = zarr.open_group(temporary, mode="w")
        _join_patches(joined, groups, total)
        _join_origins(joined, groups)
    save_digest(store, POOL_ARRAYS)
    save_json(report, content | {"patches": total})


def pool_report(reports: list[dict]) -> dict:
    """Add up the reports of the shards' crops."""
    reasons = Counter()
    for part in reports:
        reasons.update(part["reasons"])
    return {
        "photos": sum(part["photos"] for part in reports),
        "skipped": sum(part["skipped"] for part in reports),
        "reasons": dict(sorted(reasons.items())),
        "skipped_photos": {
            name: why for part in reports for name, why in part["skipped_photos"].items()
        },
    }


def check_skipped(report: dict, most_skipped: float) -> None:
    """Refuse a pool for which too many photos were skipped; say what to do about most."""
    if report["skipped"] > most_skipped * report["photos"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report["reasons"].items())
        commonest = max(report["reasons"], key=report["reasons"].get)
        example = next(
            name for name, why in report["skipped_photos"].items() if why == commonest
        )
        raise InstaHideError(
            f"{report['skipped']} of {report['photos']} photos could not be used ({reasons}), "
            f"more than most_skipped = {most_skipped:g} allows. The commonest reason is "
            f"{commonest}, as for {shown(example)}: {REASONS[commonest]}; or remove these "
            "photos, or raise that limit"
        )


def _join_patches(joined: zarr.Group, groups: list[zarr.Group], total: int) -> None:
    """Copy the patches, a chunk of the pool at a time."""
    starts = np.cumsum([0] + [group["patches"].shape[0] for group in groups])
    shape = (total, *groups[0]["patches"].shape[1:])
    pool = create_array(joined, "patches", shape, "uint8")
    for rows in row_slices(pool):
        parts = [
            read_rows(
                group, "patches", slice(max(0, rows.start - start), max(0, rows.stop - start))
            )
            for group, start in zip(groups, starts[:-1], strict=True)
        ]
        pool[rows] = np.concatenate(parts)


def _join_origins(joined: zarr.Group, groups: list[zarr.Group]) -> None:
    """Join boxes, key-point counts and photos; photos count on from shard to shard."""
    names = [get_names(group, "photos") for group in groups]
    firsts = np.cumsum([0] + [len(part) for part in names[:-1]])
    photo = [
        read_rows(group, "photo") + first for group, first in zip(groups, firsts, strict=True)
    ]
    put_array(joined, "photo", np.concatenate(photo).astype(np.int32))
    for name in ("boxes", "keypoints"):
        put_array(joined, name, np.concatenate([read_rows(group, name) for group in groups]))
    put_names(joined, "photos", [name for part in names for name in part])
