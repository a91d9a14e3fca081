"""Make a sample submission."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.jobs import job
from instahide.participants.sample import save_sample

with job(snakemake.log[0]):
    save_sample(ChallengeFolder(Path(snakemake.output[0]).parent))
