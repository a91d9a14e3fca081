"""Gather what is public."""

from pathlib import Path

from instahide.jobs import job
from instahide.participants.site import save_site

with job(snakemake.log[0]):
    save_site(snakemake.output[0], [Path(one) for one in snakemake.params.challenges])
