"""Download one archive and check it."""

from pathlib import Path

from instahide.files import close_folder
from instahide.jobs import job
from instahide.photos.download import fetch, keep_fetched

with job(snakemake.log[0]):
    place, params = Path(snakemake.output[0]), snakemake.params
    given = {"checksum": params.checksum, "secret": snakemake.wildcards.kind == "private"}
    if given["secret"]:
        close_folder(place.parent)
    if snakemake.input:
        keep_fetched(snakemake.input[0], place, **given)
    else:
        fetch(params.url, place, credentials=params.credentials, **given)
