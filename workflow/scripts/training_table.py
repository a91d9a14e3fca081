"""Set trainings side by side."""

from instahide.jobs import job
from instahide.training.table import save_table

with job(snakemake.log[0]):
    save_table(snakemake.output.markdown, snakemake.input.accuracies)
