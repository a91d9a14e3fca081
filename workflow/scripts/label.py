"""Export the labels of the encryptions."""

from instahide.jobs import job
from instahide.labels import save_label
from instahide.plan import load_plan
from instahide.private import load_private

with job(snakemake.log[0]):
    private = load_private(snakemake.input.private)
    save_label(snakemake.output[0], load_plan(snakemake.input.truth), private)
