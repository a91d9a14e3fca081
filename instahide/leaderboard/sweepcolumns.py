"""The columns of a sweep's table, and what fills those that say what a challenge is."""

from collections.abc import Mapping
from typing import Any

from instahide.encodings.choice import INSTAHIDE
from instahide.scoring.metrics import METRICS

SETTINGS_COLUMNS = ("sweep", "point", "seed", "encoding", "scheme", "k", "c1", "c2", "T", "n")
SETTINGS_COLUMNS += ("size", "channels", "pool", "pool_size", "pool_known", "augmentation")
SETTINGS_COLUMNS += ("treatment", "generator", "options")
ATTACK_COLUMNS = ("attack", "baseline", "labels", "knowledge")
COST_COLUMNS = ("cpu_seconds", "wall_seconds", "peak_memory_bytes")
TRAINING_COLUMNS = ("training", "epochs", "accuracy", "accuracy_encrypted_10", "accuracy_lost")
SWEPT_METRICS = (*METRICS, "set_ssim")
SWEEP_COLUMNS = (
    *SETTINGS_COLUMNS,
    *ATTACK_COLUMNS,
    *(f"{name}{end}" for name in SWEPT_METRICS for end in ("", "_low", "_high")),
    *COST_COLUMNS,
    *TRAINING_COLUMNS,
)
#: Options of encodings that have columns of their own -> the column.
SHARED_OPTIONS = {"k": "k", "rows_per_image": "T"}

Cells = dict[str, Any]


def encoding_cells(name: str, options: Mapping[str, Any]) -> Cells:
    """Return an encoding's name and options as cells.

    Examples
    --------
    >>> encoding_cells("dp-instahide", {"k": 4, "noise": 0.2, "rows_per_image": 10})["options"]
    'noise=0.2'
    """
    if name == INSTAHIDE:
        scheme = options["scheme"]
        line = {key: scheme.get(key) for key in ("k", "c1", "c2")}
        line |= {"scheme": scheme["name"], "T": scheme["rows_per_image"]}
        line |= {"generator": options["generator"]}
        if options.get("augmentation"):
            line["augmentation"] = augmentation_in_short(options["augmentation"])
        if options.get("treatment"):
            line["treatment"] = options["treatment"]
        return {"encoding": name, **line}
    own = {key: value for key, value in options.items() if key not in SHARED_OPTIONS}
    line = {SHARED_OPTIONS[key]: options[key] for key in SHARED_OPTIONS if key in options}
    line["options"] = ",".join(f"{key}={cell(value)}" for key, value in own.items())
    return {"encoding": name, **line} | {f"option:{key}": own[key] for key in own}


def manifest_cells(told: Mapping[str, Any]) -> Cells:
    """Return what the content of a `challenge.json` tells of a challenge, by columns."""
    if "encoding" in told:
        line = encoding_cells(told["encoding"]["name"], told["encoding"]["options"])
    else:
        line = encoding_cells(INSTAHIDE, told)
    height, width, channels = (*told["image_shape"], None, None)[:3]
    size = height if width in (height, None) else None
    line |= {"n": told["images"], "size": size, "channels": channels}
    pool = told.get("pool")
    return line | {"pool_size": pool["patches"] if pool else None}


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


def cell(value: Any) -> str:
    """Return a value as a cell has it.

    Examples
    --------
    >>> cell(0.1234567), cell(12345678), cell(True), cell(None)
    ('0.123457', '12345678', '1', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
