"""Download the photos of a list."""

from instahide.files import save_text
from instahide.jobs import job
from instahide.photos.download import fetch_list
from instahide.photos.inventory import inventory

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    fetch_list(given[0], params.folder, credentials=params.credentials)
    save_text(snakemake.output[0], inventory(params.folder) + "\n")
