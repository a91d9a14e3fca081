"""Read a folder of one's own images."""

from pathlib import Path

from instahide.auditing.ownset import save_images
from instahide.auditing.reading import Reading
from instahide.files import close_folder
from instahide.jobs import job

# Beforehand: logs name the files of the folder, too.
close_folder(Path(snakemake.output.private).parent)
with job(snakemake.log[0]):
    params = snakemake.params
    save_images(params.folder, *snakemake.output, Reading(**params.reading), params.seed)
