"""Encrypt the rows of a plan."""

from instahide.challenge.encryption import save_encryption
from instahide.challenge.folder import load_seed
from instahide.challenge.sources import load_sources
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, scheme = load_seed(given.seed), Scheme(**params.scheme)
    sources = load_sources(given.private, params.pool, key, scheme, **params.generator)
    save_encryption(
        snakemake.output[0], sources, load_plan(given.truth), threads=snakemake.threads
    )
