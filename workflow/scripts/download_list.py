"""Download the photos of a list."""

from pathlib import Path

from instahide.files import close_folder, save_text
from instahide.jobs import job
from instahide.photos.download import fetch_list
from instahide.photos.inventory import inventory

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    secret = snakemake.wildcards.kind == "private"
    if secret:
        close_folder(Path(params.folder))
    fetch_list(given[0], params.folder, credentials=params.credentials, secret=secret)
    save_text(snakemake.output[0], inventory(params.folder) + "\n")
