"""Rank all results."""

from pathlib import Path

from instahide.jobs import job
from instahide.scoring.leaderboard import load_record
from instahide.scoring.standings import save_leaderboard

with job(snakemake.log[0]):
    records = [load_record(path) for path in snakemake.input]
    title = f"Leaderboard of {snakemake.wildcards.challenge}"
    save_leaderboard(Path(snakemake.output[0]).parent, records, title)
