"""Write the photos that come with installed packages as two folders."""

from instahide.files import save_text
from instahide.jobs import job
from instahide.photos.inventory import inventory
from instahide.photos.samples import save_samples

with job(snakemake.log[0]):
    save_samples(snakemake.output.public, snakemake.output.private)
    for digest, folder in zip(snakemake.output.digests, snakemake.output[:2], strict=True):
        save_text(digest, inventory(folder) + "\n")
