"""Draw how the rows' scores are distributed."""

from pathlib import Path

from instahide.jobs import job
from instahide.scoring.figures import save_distributions

with job(snakemake.log[0]):
    tables = [Path(table) for table in snakemake.input]
    save_distributions(snakemake.output[0], tables, snakemake.wildcards.challenge)
