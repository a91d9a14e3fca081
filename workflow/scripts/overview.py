"""List all challenges with the best attacks on each, and all sweeps."""

from pathlib import Path

from instahide.jobs import job
from instahide.leaderboard.overview import save_overview

with job(snakemake.log[0]):
    asked = snakemake.params
    save_overview(Path(snakemake.output[0]).parent, asked.attacks, asked.sweeps)
