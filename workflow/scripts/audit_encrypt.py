"""Encrypt the images of an audit."""

from pathlib import Path

from instahide.auditing.encrypting import save_encryptions
from instahide.auditing.mixing import Mixing
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    save_encryptions(
        Path(snakemake.output[0]),
        Path(snakemake.input.private),
        params.pool,
        Mixing(**params.mixing),
        int(snakemake.wildcards.rows),
    )
