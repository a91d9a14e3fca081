"""Read labelled images, and split them into those that train and those that test."""

from pathlib import Path

from instahide.files import close_folder
from instahide.jobs import job
from instahide.photos.splitting import make_split

with job(snakemake.log[0]):
    close_folder(Path(snakemake.output[0]).parent)
    make_split(*snakemake.output, snakemake.params.source, **snakemake.params.settings)
