"""List the photos of a source."""

from instahide.jobs import job
from instahide.photos.listing import list_photos, save_index
from instahide.photos.part import part_of

with job(snakemake.log[0]):
    photos = list_photos(snakemake.params.source)
    save_index(snakemake.output[0], part_of(photos, snakemake.params.part))
