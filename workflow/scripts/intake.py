"""Take in what was handed in."""

from pathlib import Path

from instahide.intake.rules import Rules
from instahide.intake.running import open_intake, take_in
from instahide.jobs import job

with job(snakemake.log[0]):
    intake = open_intake(Path(snakemake.input[0]).parent)
    take_in(intake, Rules(**snakemake.params.rules))
