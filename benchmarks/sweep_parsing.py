"""How long a configuration with many points takes to be read.

python benchmarks/sweep_parsing.py
"""

import time

from instahide.config import check_config
from instahide.schema import load_schema

ROWS = [5, 10, 20, 50, 100]
IMAGES = [20, 50, 100, 200]
MIXED = [2, 4, 6, 8, 10]


def configuration(seeds: int) -> dict:
    """Return a sweep of 100 points for each seed."""
    bundled = {"bundled": True}
    return {
        "image": {"size": 32},
        "public": {"pool": {"source": bundled}, "others": {"source": bundled, "seed": 1}},
        "private": {"photos": {"source": bundled}},
        "sweeps": {
            "large": {
                "base": {"private": "photos", "public": "pool", "public_sample": "others"},
                "grid": {"T": ROWS, "n": IMAGES, "k": MIXED, "seeds": list(range(seeds))},
                "attacks": ["whitened", "whitened-none", "pool"],
            }
        },
    }


def main() -> None:
    """Print points and processor seconds."""
    schema = load_schema()
    for seeds in (1, 10, 100):
        start = time.process_time()
        config = check_config(configuration(seeds), schema)
        seconds = time.process_time() - start
        print(f"{len(config['challenges']):6,} points: {seconds:.2f} processor seconds")


if __name__ == "__main__":
    main()
