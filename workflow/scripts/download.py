"""Download one archive and check it."""

from instahide.jobs import job
from instahide.photos.download import fetch

with job(snakemake.log[0]):
    fetch(
        snakemake.params.url,
        snakemake.output[0],
        checksum=snakemake.params.checksum,
        credentials=snakemake.params.credentials,
    )
