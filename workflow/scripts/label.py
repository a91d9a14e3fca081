"""Export the labels of the encryptions."""

from instahide.challenge.label import save_label
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.jobs import job

with job(snakemake.log[0]):
    private = load_private(snakemake.input.private)
    save_label(snakemake.output[0], load_plan(snakemake.input.truth), private)
