"""Download one archive and check it."""

from instahide.jobs import job
from instahide.photos.download import fetch, keep_fetched

with job(snakemake.log[0]):
    place, params = snakemake.output[0], snakemake.params
    if snakemake.input:
        keep_fetched(snakemake.input[0], place, checksum=params.checksum)
    else:
        fetch(params.url, place, checksum=params.checksum, credentials=params.credentials)
