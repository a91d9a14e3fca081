"""Compare the attacks of several steps."""

from pathlib import Path

from instahide.jobs import job
from instahide.leaderboard.ablation import save_ablation

with job(snakemake.log[0]):
    save_ablation(snakemake.output[0], [Path(score).parent for score in snakemake.input.scores])
