"""The names of a sweep's points: a readable label, and a digest of all that makes the point.

A name tells what a point is and not which sweep or axis led to it, so that sweeps share points,
and one that grows by values, an axis or an attack computes the new ones only.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from instahide.encodings.choice import DEFAULT_GENERATOR, INSTAHIDE
from instahide.sweeps.grid import canonical

FOLDER = "sweeps"  # below results, results/private, results/public and results/training
DIGITS = 12  # hexadecimal, of the digest
LONGEST_LABEL = 80
#: What decides neither content nor order of a pool, and of a download.
NO_CONTENT = ("shards", "most_skipped", "credentials", "crops_of", "source_of")
#: Keys that challenges have had since there are sweeps -> their defaults, which count as
#: nothing: names stay what they were when a key is added.
ADDED = {"pool_known": 1, "treatment": "none"}


def name_of(label: str, content: Any) -> str:
    """Return ``sweeps/{label}-{digest}``, the digest of canonical JSON of the content."""
    digest = hashlib.sha256(canonical(content).encode()).hexdigest()[:DIGITS]
    return f"{FOLDER}/{_safe(label)[:LONGEST_LABEL]}-{digest}"


def content_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a pool, a private set, data, a challenge or a training.

    Attacks, and what else leaderboards show, are left out: they come later.
    """
    later = (*NO_CONTENT, "attacks", "reported", "intake", "licence")
    kept = {key: value for key, value in given.items() if key not in later}
    kept = {key: value for key, value in kept.items() if ADDED.get(key, ...) != value}
    if "source" in kept:
        kept["source"] = content_of(kept["source"])
    return kept


def challenge_label(challenge: Mapping[str, Any], images: int, size: int | None) -> str:
    """Return a few readable words of a challenge.

    Examples
    --------
    >>> cross = {"encoding": "instahide", "scheme": "cross", "k": 6, "rows_per_image": 20}
    >>> challenge_label(cross | {"seed": 1}, 100, None)
    'cross-k6-T20-n100-s1'
    """
    parts = [_encoding_label(challenge)]
    if challenge["encoding"] == INSTAHIDE:
        parts.append(f"T{challenge['rows_per_image']}")
        generator = challenge.get("generator", DEFAULT_GENERATOR)
        parts += [generator] if generator != DEFAULT_GENERATOR else []
    parts += ["augmented"] if "augmentation" in challenge else []
    parts += _treated(challenge)
    parts += [f"n{images}", f"{size}px" if size else ""]
    known = challenge.get("pool_known", 1)
    parts += [f"known{known:g}" if known != 1 else "", f"s{challenge['seed']}"]
    return "-".join(filter(None, parts))


def training_label(training: Mapping[str, Any], epochs: int, seed: int) -> str:
    """Return a few readable words of a training.

    Examples
    --------
    >>> training_label({"encoding": "none"}, 10, 1)
    'none-e10-s1'
    """
    parts = [_encoding_label(training), *_treated(training), f"e{epochs}", f"s{seed}"]
    return "-".join(parts)


def _treated(given: Mapping[str, Any]) -> list[str]:
    """Return what is done to rows, in a word, where something is."""
    done = given.get("treatment", "none")
    return [] if done == "none" else [done.replace("=", "")]


def _encoding_label(given: Mapping[str, Any]) -> str:
    if given["encoding"] == INSTAHIDE:
        return f"{given['scheme']}-k{given['k']}"
    return _safe(given["encoding"].replace("rows_per_image", "T").replace("=", ""))[:48]


def _safe(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9.]+", "-", text).strip("-.") or "own"
