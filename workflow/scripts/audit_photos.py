"""Make the public images of an audit that are mixed in, or those that the attacker has."""

from pathlib import Path

from instahide.auditing.publicpools import save_half
from instahide.jobs import job

with job(snakemake.log[0]):
    params, half = snakemake.params, snakemake.wildcards.half
    private = Path(snakemake.input.private)
    save_half(Path(snakemake.output.store), params.source, half, private, params.seed)
