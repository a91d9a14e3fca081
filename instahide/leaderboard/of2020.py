"""The parameters of the challenge of 2020: what was reported for it stands beside its like."""

from collections.abc import Mapping
from typing import Any

from instahide.encodings.choice import INSTAHIDE
from instahide.leaderboard.records import Record, reported_records
from instahide.leaderboard.sweepcolumns import manifest_cells

#: By the names of a sweep's columns; T = rows for each image, n = private images.
PARAMETERS_OF_2020 = {
    "encoding": INSTAHIDE, "scheme": "cross", "k": 6, "c1": 0.65, "c2": 0.3,
    "T": 50, "n": 100, "size": 32, "channels": 3, "augmentation": "none",
    "treatment": "none",
}  # fmt: skip


def is_like_2020(told: Mapping[str, Any]) -> bool:
    """Tell whether parameters are those of the challenge of 2020, with a public pool.

    Parameters
    ----------
    told : mapping
        As `instahide.leaderboard.sweepcolumns.manifest_cells` returns them, or a line of a
        sweep's CSV.

    Examples
    --------
    >>> is_like_2020(PARAMETERS_OF_2020 | {"pool_size": 9000})
    True
    >>> is_like_2020(PARAMETERS_OF_2020 | {"pool_size": 9000, "k": 4})
    False
    """
    told = dict(told)
    for name in ("augmentation", "treatment"):
        told[name] = told.get(name) or "none"
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
    return reported_records() if asked or is_like_2020(manifest_cells(manifest)) else []
