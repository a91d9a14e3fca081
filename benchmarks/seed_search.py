"""How fast the seed search is, and how much faster than a loop over NumPy's generator.

    python benchmarks/seed_search.py [--rounds 7] [--seeds 4194304]

Both sides make the same test, row by row against ten rows of labels, on one thread, in
alternating rounds of one run; times are CPU times. The labels are those of one seed with
a row whose images share a class. The loop gets fewer seeds, for it would take days.
"""

import argparse
import time

import numpy as np
from numpy.random import RandomState

from instahide.attacks.prng import seedsearch
from instahide.randomness import historical

SETTINGS = {"images": 100, "k": 6, "c1": 0.65, "c2": 0.3}
SECRET, ROWS, LOOP_SEEDS = 3_141_592_653, 10, 20_000


def labels_of(seed):
    drawn = historical.coefficients(historical.stream(seed), *SETTINGS.values())
    labels = np.zeros((ROWS, 10), np.float32)
    for j in range(ROWS):
        labels[j, j] += drawn[j, 0]
        labels[j, j if j == 4 else (j + 1) % 10] += drawn[j, 1]
    return labels


def fits(seed, shown):
    """Draw row after row until one is within the bounds and not the released one."""
    stream, k = RandomState(seed), SETTINGS["k"]
    for larger, smaller in shown.tolist():
        row = np.abs(stream.standard_normal(k))
        row /= row.sum()
        pair = row[0] + row[1]
        if row.max() > SETTINGS["c1"] or pair < SETTINGS["c2"]:
            continue
        if abs(pair - larger - smaller) > 1e-6:
            return False
    return seedsearch.deviation(seed, shown, **SETTINGS) <= seedsearch.LABEL_TOLERANCE


def loop(start, shown):
    return [seed for seed in range(start, start + LOOP_SEEDS) if fits(seed, shown)]


def cpu_rate(count, function, *args, **options):
    begun = time.process_time()
    function(*args, **options)
    return count / (time.process_time() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=2**22)
    options = parser.parse_args()
    labels = labels_of(SECRET)
    shown = seedsearch.visible_coefficients(labels)
    found = seedsearch.search(labels, **SETTINGS, start=SECRET - 1000, stop=SECRET + 1000)
    print(f"check: seed {SECRET} among its neighbours: {found}")
    compiled, plain = [], []
    for i in range(options.rounds):
        start = i * options.seeds
        span = {"start": start, "stop": start + options.seeds}
        compiled.append(cpu_rate(options.seeds, seedsearch.search, labels, **SETTINGS, **span))
        plain.append(cpu_rate(LOOP_SEEDS, loop, start, shown))
    ratios = np.divide(compiled, plain)
    for name, values, unit in (
        ("compiled search", np.divide(compiled, 1e6), "million seeds/s"),
        ("NumPy loop", np.divide(plain, 1e6), "million seeds/s"),
        ("ratio", ratios, ""),
        ("all 2^32 seeds", historical.SEEDS / np.array(compiled) / 60, "CPU minutes"),
    ):
        low, middle, high = np.quantile(values, [0, 0.5, 1])
        print(f"{name:16} median {middle:10.4g}  range {low:.4g} … {high:.4g} {unit}")


if __name__ == "__main__":
    main()
