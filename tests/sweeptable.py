"""Tables of sweeps as the workflow writes them, made up for tests."""

import csv
import io
import itertools
import math

from instahide.scoring.metrics import METRICS

HEAD = (
    "sweep", "point", "seed", "encoding", "scheme", "k", "c1", "c2", "T", "n", "size",
    "channels", "pool", "pool_size", "pool_known", "augmentation", "treatment", "generator",
    "options", "attack", "baseline", "labels", "knowledge",
    *(f"{name}{end}" for name in (*METRICS, "set_ssim") for end in ("", "_low", "_high")),
    "cpu_seconds", "wall_seconds", "peak_memory_bytes", "training", "epochs", "accuracy",
    "accuracy_encrypted_10", "accuracy_lost",
)  # fmt: skip
#: name -> labels, knowledge, what it adds
ATTACKS = {
    "whitened": ("coefficients", "sample", 0.0),
    "whitened-none": ("none", "sample", -0.1),
    "pool": ("coefficients", "pool", 0.1),
}
CROSS = {
    "encoding": "instahide", "scheme": "cross", "k": 6, "c1": 0.65, "c2": 0.3, "T": 50,
    "n": 100, "size": 32, "channels": 3, "pool": "photos", "pool_size": 9000, "pool_known": 1,
    "generator": "aes256-ctr",
}  # fmt: skip


def as_csv(lines, more=()):
    """Return a table's text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*HEAD, *more), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def scored(name, value, **others):
    """Return what a line tells of an attack."""
    labels, knowledge, _ = ATTACKS.get(name, ("coefficients", "truth", 0))
    ends = {"max_ssim": value, "max_ssim_low": value - 0.02, "max_ssim_high": value + 0.01}
    told = {"attack": name, "baseline": int(name not in ATTACKS), "labels": labels}
    return (
        {key: f"{v:.6g}" for key, v in ends.items()} | told | {"knowledge": knowledge} | others
    )


def score_of(name, T, k, seed):
    """Return a made-up score."""
    return 0.3 + 0.2 * math.log10(T) - 0.01 * k + ATTACKS[name][2] + 0.01 * seed


def lines_of(axes, seeds=(1, 2, 3), attacks=tuple(ATTACKS)):
    """Yield lines of a grid: its axes over `CROSS`, each seed, each attack and a baseline."""
    for values in itertools.product(*axes.values()):
        point = CROSS | dict(zip(axes, values, strict=True))
        for seed in seeds:
            name = "-".join(map(str, values)) + f"-{seed}"
            about = point | {"sweep": "mine", "point": f"sweeps/{name}", "seed": seed}
            for attack in attacks:
                value = score_of(attack, point["T"], point["k"], seed)
                yield about | scored(attack, value, cpu_seconds=30)
            yield about | scored("random", 0.09)
