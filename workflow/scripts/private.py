"""Select the private images."""

from pathlib import Path

from instahide.challenge.folder import load_seed
from instahide.challenge.selection import select_private
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    close_folder(Path(snakemake.output[0]).parent)
    select_private(
        snakemake.output[0],
        snakemake.params.source,
        load_seed(snakemake.input.seed),
        count=snakemake.params.images,
        size=snakemake.params.size,
        channels=snakemake.params.channels,
    )
