"""List the photos of a source."""

from instahide.jobs import job
from instahide.photos.listing import list_photos, save_index

with job(snakemake.log[0]):
    save_index(snakemake.output[0], list_photos(snakemake.params.source))
