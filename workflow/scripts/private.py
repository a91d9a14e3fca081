"""Select the private images."""

from instahide.challenge.folder import load_seed
from instahide.challenge.private import select_private
from instahide.jobs import job

with job(snakemake.log[0]):
    select_private(
        snakemake.output[0],
        snakemake.params.source,
        load_seed(snakemake.input.seed),
        count=snakemake.params.images,
        size=snakemake.params.size,
        channels=snakemake.params.channels,
    )
