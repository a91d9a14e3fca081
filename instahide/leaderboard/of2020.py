"""The parameters of the challenge of 2020: what was reported for it stands beside its like."""

from collections.abc import Mapping
from typing import Any

from instahide.encodings.choice import INSTAHIDE
from instahide.leaderboard.records import Record, reported_records

#: By the names of a sweep's columns; T = rows for each image, n = private images.
PARAMETERS_OF_2020 = {
    "encoding": INSTAHIDE, "scheme": "cross", "k": 6, "c1": 0.65, "c2": 0.3,
    "T": 50, "n": 100, "size": 32, "channels": 3, "augmentation": "none",
}  # fmt: skip


def parameters_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a manifest tells, by the names of a sweep's columns.

    Parameters
    ----------
    manifest : mapping
        The content of `challenge.json`.

    Returns
    -------
    dict
        ``augmentation`` is ``none``, or a text such as ``crop_padding=4,flip``;
        ``pool_size`` is None without public images.
    """
    height, width, channels = manifest["image_shape"]
    size = height if height == width else None
    pool = manifest.get("pool")
    told = {"n": manifest["images"], "size": size, "channels": channels}
    told["pool_size"] = pool["patches"] if pool else None
    if "encoding" in manifest:
        other = manifest["encoding"]
        options = dict(other["options"])
        told["T"] = options.pop("rows_per_image", None)
        told["options"] = ",".join(f"{key}={value}" for key, value in options.items())
        return {"encoding": other["name"], **told, "augmentation": "none"}
    scheme = manifest["scheme"]
    told |= {name: scheme[name] for name in ("k", "c1", "c2")}
    told |= {"scheme": scheme["name"], "T": scheme["rows_per_image"]}
    told["augmentation"] = augmentation_in_short(manifest.get("augmentation", {}))
    return {"encoding": INSTAHIDE, **told, "generator": manifest["generator"]}


def augmentation_in_short(augmentation: Mapping[str, Any]) -> str:
    """Return what an augmentation does in a few characters.

    Examples
    --------
    >>> augmentation_in_short({"crop_padding": 4, "flip": True, "rotation": 0})
    'crop_padding=4,flip'
    """
    used = {key: value for key, value in augmentation.items() if value}
    if not used.keys() - {"fill", "public"}:  # where nothing moves, nothing is filled
        return "none"
    if used.get("fill") == "black":
        del used["fill"]
    texts = {
        key: value if isinstance(value, str) else f"{value:g}" for key, value in used.items()
    }
    return ",".join(key if used[key] is True else f"{key}={texts[key]}" for key in used)


def is_like_2020(told: Mapping[str, Any]) -> bool:
    """Tell whether parameters are those of the challenge of 2020, with a public pool.

    Parameters
    ----------
    told : mapping
        As `parameters_of` returns them, or a line of a sweep's CSV.

    Examples
    --------
    >>> is_like_2020(PARAMETERS_OF_2020 | {"pool_size": 9000})
    True
    >>> is_like_2020(PARAMETERS_OF_2020 | {"pool_size": 9000, "k": 4})
    False
    """
    alike = all(told.get(name) == value for name, value in PARAMETERS_OF_2020.items())
    return alike and bool(told.get("pool_size"))


def reported_beside(manifest: Mapping[str, Any], asked: bool = False) -> list[Record]:
    """Return what was reported in 2020, for the leaderboard of a challenge.

    Parameters
    ----------
    manifest : mapping
        Of the challenge.
    asked : bool
        Whether they are wanted though the challenge has other parameters.

    Returns
    -------
    list of Record
        All of them, or none.
    """
    return reported_records() if asked or is_like_2020(parameters_of(manifest)) else []
