"""Make a challenge again and compare."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.verification import save_verification, verify_files
from instahide.encodings.choice import EncodingChoice
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    folder = ChallengeFolder(Path(given.manifest).parent)
    key, chosen = load_seed(given.seed), EncodingChoice(**params.encoding)
    result = verify_files(folder, given.private, params.pool, key, chosen)
    save_verification(snakemake.output[0], result)
