"""Figures of sweeps: curves, and privacy against utility."""


localrules:
    sweep_figures,
    plane,


rule sweep_figures:
    """Draw what leaks by what varies in a sweep."""
    input:
        package_files("leaderboard/reported/*.json"),
        table="results/sweeps/{sweep}.csv",
    output:
        report(
            directory("results/sweeps/{sweep}/curves"),
            patterns=["{view}.png"],
            caption="../report/sweep_figures.rst",
            category="Sweeps",
            labels={"sweep": "{sweep}", "what": "{view}"},
        ),
    log:
        "results/sweeps/{sweep}/logs/sweep_figures.log",
    params:
        code=code("sweep_figures"),
    message:
        "Draw the curves of the sweep {wildcards.sweep}"
    script:
        "../scripts/sweep_figures.py"


rule plane:
    """Draw privacy against utility of a sweep over trainings."""
    input:
        table="results/sweeps/{sweep}.csv",
    output:
        "results/sweeps/{sweep}/plane.csv",
        "results/sweeps/{sweep}/plane.md",
        picture=report(
            "results/sweeps/{sweep}/plane.png",
            caption="../report/plane.rst",
            category="Sweeps",
            labels={"sweep": "{sweep}", "what": "what leaks, and what it costs"},
        ),
    log:
        "results/sweeps/{sweep}/logs/plane.log",
    params:
        code=code("plane"),
    message:
        "Draw privacy against utility of the sweep {wildcards.sweep}"
    script:
        "../scripts/plane.py"
