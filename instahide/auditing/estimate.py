"""What an audit will take, before it begins: processor time and memory, roughly."""

from dataclasses import dataclass
from typing import NamedTuple

from instahide.auditing.attackers import attackers_of
from instahide.auditing.settings import AuditSettings

MEASURED_VALUES = 32 * 32 * 3  # of the images that the costs were measured on
BASE_MEMORY = 4 * 10**8  # bytes of a process that has loaded all it needs
BYTES_OF_VALUE = 4
AUGMENTED = 4  # times as long, where images are moved and flipped
POOL_SECONDS = 6  # of both pools of bundled photos


class Cost(NamedTuple):
    """What an attacker takes: seconds at least and for each row, copies of rows held."""

    least: float
    per_row: float
    copies: int


# ASSUME: rounded from `cpu_seconds` and `peak_memory_bytes` of docs/sweep-images.csv, 1,000 to
# 25,000 rows; of other settings the cost is guessed to grow with rows and pixels. The least is
# that of a hundred rows and fewer (`benchmarks/audit.py` prints what was estimated, and what it
# took).
COSTS = {"photos": Cost(2, 0.009, 9), "pool": Cost(2, 0.035, 18), "blind": Cost(2, 0.011, 9)}


@dataclass(frozen=True)
class Estimate:
    """Roughly: seconds of one processor, and bytes at the peak."""

    seconds: float
    memory: float

    def in_words(self) -> str:
        """Return a sentence."""
        minutes = max(1, round(self.seconds / 60))
        unit = "minute" if minutes == 1 else "minutes"
        return (
            f"This takes about {minutes} {unit} of one processor and "
            f"{self.memory / 1e9:.1f} GB of memory (half or twice as much is possible)."
        )


def estimate_audit(settings: AuditSettings, count: int, shape: tuple[int, ...]) -> Estimate:
    """Estimate an audit of `count` images of a shape (H, W, C).

    Examples
    --------
    >>> estimate_audit(AuditSettings(rows_per_image=10), 50, (32, 32, 3)).in_words()[:40]
    'This takes about 1 minute of one process'
    """
    seconds, memory = float(POOL_SECONDS), 0.0
    for rows in settings.all_rows:
        for attacker in attackers_of(settings):
            one = estimate_attack(
                attacker.name, rows, (count, *shape), augment=settings.augment
            )
            seconds, memory = seconds + one.seconds, max(memory, one.memory)
    return Estimate(seconds, memory)


def estimate_attack(
    attacker: str, rows_per_image: int, shape: tuple[int, ...], *, augment: bool = False
) -> Estimate:
    """Estimate what one attacker takes with so many encryptions of each image.

    Parameters
    ----------
    shape : (n, H, W, C)
        Of all images.

    Examples
    --------
    >>> round(estimate_attack("pool", 10, (50, 32, 32, 3)).seconds)
    20
    """
    count, height, width, channels = shape
    cost, values = COSTS[attacker], count * rows_per_image * height * width * channels
    seconds = cost.least + cost.per_row * values / MEASURED_VALUES
    memory = BASE_MEMORY + cost.copies * BYTES_OF_VALUE * values
    return Estimate(seconds * (AUGMENTED if augment else 1), memory)
