"""Encrypt the rows of a plan."""

from instahide.challenge.encryption import save_encryption
from instahide.challenge.folder import load_seed
from instahide.challenge.sources import load_sources
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.plan import load_plan
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, chosen = load_seed(given.seed), EncodingChoice(**params.encoding)
    sources = load_sources(given.private, params.pool, key, chosen)
    save_encryption(
        snakemake.output[0],
        sources,
        load_plan(given.truth),
        name=snakemake.wildcards.get("array", "encryption"),
        threads=snakemake.threads,
    )
