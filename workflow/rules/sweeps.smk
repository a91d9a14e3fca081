"""Sweeps: the table of a challenge or training over grids of its settings.

Its points are ordinary challenges and trainings under names of their content
(instahide/sweeps/), made by the rules of all others: sweeps that share points share the work.
"""


localrules:
    sweep_table,


rule sweep_table:
    """Put all points and attacks of a sweep into one tidy table."""
    input:
        point_files,
    output:
        "results/sweeps/{sweep}.csv",
    log:
        "results/logs/sweep-{sweep}.log",
    params:
        code=code("sweep_table"),
        points=sweep_points,
        # Attacks that see the truth; a record tells that they are baselines only.
        truth=[name for name, attack in ATTACKS.items() if attack.secrets],
    message:
        "Put the points of the sweep {wildcards.sweep} into a table"
    script:
        "../scripts/sweep_table.py"
