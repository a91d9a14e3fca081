"""Draw the picture of docs/theory.md: what theory gives shapes of, and what was measured.

Left: processor seconds of the pool attack's decoding by the size N of the pool, beside N and
N^(k − 2). Right: rows that are needed by the number n of private images, beside n·log n.

Run: python docs/drawtheory.py [--cost docs/theory-cost.csv] [--rows docs/theory-rows.csv]
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from instahide.figures import save_figure
from instahide.leaderboard.points import Points, read_points

HERE = Path(__file__).parent
ENOUGH = 0.8  # Max_SSIM, as in benchmarks/theory.py
COLOURS = {2: "#009E73", 4: "#0072B2", 6: "#D55E00"}
MARKERS = {2: "^", 4: "o", 6: "s"}
SHAPE = {"color": "#777777", "linewidth": 1}


def decoding_seconds(points: Points) -> dict[int, dict[int, list[float]]]:
    """Return seconds by k and N, one for each seed, without the start that knows no pool."""
    found: dict[int, dict[int, list[float]]] = {}
    for line in points.lines:
        seconds = line["cpu_seconds"] - line["option:start_seconds"]
        sizes = found.setdefault(int(line["k"]), {})
        sizes.setdefault(int(line["pool_size"]), []).append(seconds)
    return found


def rows_needed(points: Points) -> dict[int, dict[int, list[tuple[float, float]]]]:
    """Return by k and n, for each seed, the fewest rows that sufficed, and the most before.

    Rows are those of all images together, n·T.
    """
    found: dict[int, dict[int, list[tuple[float, float]]]] = {}
    keys = {(line["k"], line["n"], line["seed"]) for line in points.lines}
    for k, n, seed in sorted(keys):
        own = [ln for ln in points.lines if (ln["k"], ln["n"], ln["seed"]) == (k, n, seed)]
        enough = [line["T"] for line in own if line["max_ssim"] >= ENOUGH]
        if not enough:
            continue
        fewest = min(enough)
        short = max((line["T"] for line in own if line["T"] < fewest), default=1.0)
        images = found.setdefault(int(k), {}).setdefault(int(n), [])
        images.append((n * fewest, n * short))
    return found


def draw_cost(axes: Axes, found: dict[int, dict[int, list[float]]]) -> None:
    """Draw seconds by N; shapes begin where the measurements do."""
    for k, sizes in found.items():
        xs = np.array(sorted(sizes), float)
        values = np.array([sizes[int(x)] for x in xs])
        means = values.mean(axis=1)
        ends = np.abs(np.stack([means - values.min(axis=1), values.max(axis=1) - means]))
        axes.errorbar(
            xs, means, ends, color=COLOURS[k], marker=MARKERS[k], capsize=2, label=f"k = {k}"
        )
        shape = means[0] * (xs / xs[0]) ** (k - 2)
        dash = {4: "--", 6: ":"}[k]
        axes.plot(xs, shape, dash, **SHAPE, label=f"shape of N^(k − 2), k = {k}")
    axes.plot(xs, means[0] * xs / xs[0], "-", **SHAPE, label="shape of N")
    axes.set(xscale="log", yscale="log", ylim=(0.5, 3e3), xlabel="N, images in the pool")
    axes.set_ylabel("processor seconds for 500 rows")
    axes.set_title("finding the public images", fontsize=10)


def draw_rows(axes: Axes, found: dict[int, dict[int, list[tuple[float, float]]]]) -> None:
    """Draw rows by n; each shape has the constant that fits best."""
    for k, images in found.items():
        xs = np.array(sorted(images), float)
        enough = np.array([np.mean([pair[0] for pair in images[int(x)]]) for x in xs])
        short = np.array([min(pair[1] for pair in images[int(x)]) for x in xs])
        most = np.array([max(pair[0] for pair in images[int(x)]) for x in xs])
        axes.errorbar(
            xs, enough, [enough - short, most - enough], color=COLOURS[k], marker=MARKERS[k],
            capsize=2, linestyle="none", label=f"k = {k}",
        )  # fmt: skip
        for dash, name, form in (("-", "n·log n", xs * np.log(xs)), ("--", "n", xs)):
            constant = np.exp(np.log(enough / form).mean())
            label = f"shape of {name}" if k == min(found) else None
            axes.plot(xs, constant * form, dash, **SHAPE, label=label, zorder=0)
    axes.set(xscale="log", yscale="log", xlabel="n, private images")
    axes.set_xticks(xs, [f"{x:.0f}" for x in xs])
    axes.minorticks_off()
    axes.set_ylabel("rows in all, n·T")
    axes.set_title(f"rows until Max_SSIM is {ENOUGH}", fontsize=10)


def main() -> None:
    """Write theory.png."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cost", type=Path, default=HERE / "theory-cost.csv")
    parser.add_argument("--rows", type=Path, default=HERE / "theory-rows.csv")
    parser.add_argument("--out", type=Path, default=HERE / "theory.png")
    options = parser.parse_args()
    figure = Figure(figsize=(8.4, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_cost(left, decoding_seconds(read_points(options.cost)))
    draw_rows(right, rows_needed(read_points(options.rows)))
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=7.5, frameon=False)
    save_figure(options.out, figure)


if __name__ == "__main__":
    main()
