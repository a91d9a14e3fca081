"""Pack what the public gets."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder, save_release
from instahide.jobs import job

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.output[0]).parent)
    save_release(folder, [Path(path).name for path in snakemake.input])
