"""Encrypt the rows of a plan."""

from instahide.challenge import load_seed
from instahide.encryption import save_encryption
from instahide.jobs import job
from instahide.plan import load_plan
from instahide.scheme import Scheme
from instahide.sources import load_sources

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, scheme = load_seed(given.seed), Scheme(**params.scheme)
    sources = load_sources(given.private, params.pool, key, scheme, **params.generator)
    save_encryption(
        snakemake.output[0], sources, load_plan(given.truth), threads=snakemake.threads
    )
