"""Make a challenge again and compare."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.verification import save_verification, verify_files
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    folder = ChallengeFolder(Path(given.manifest).parent)
    result = verify_files(folder, given.private, params.pool, load_seed(given.seed))
    save_verification(snakemake.output[0], result)
