"""Attack the encryptions of an audit, and look for the originals in what comes back."""

from pathlib import Path

from instahide.auditing.looking import Attempt, save_found
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    save_found(
        Path(snakemake.output[0]),
        Path(snakemake.input.challenge),
        Attempt.of(params.attempt),
        params.public,
    )
