"""Draw private images beside what an attack recovered of them."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.files import close_folder
from instahide.jobs import job
from instahide.scoring.figures import save_gallery

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.input[0]).parent)
    close_folder(Path(snakemake.output[0]).parent)
    save_gallery(snakemake.output[0], folder, snakemake.input.decryption)
