"""Put the points of a sweep into a table."""

from instahide.jobs import job
from instahide.leaderboard.sweeptable import save_sweep_table

with job(snakemake.log[0]):
    save_sweep_table(
        snakemake.output[0],
        snakemake.wildcards.sweep,
        snakemake.params.points,
        snakemake.params.truth,
    )
