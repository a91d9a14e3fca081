"""Draw the plan of a challenge, and keep it with the private set it speaks of."""

from instahide.challenge import load_seed
from instahide.jobs import job
from instahide.plan import save_plan
from instahide.private import save_private
from instahide.scheme import Scheme
from instahide.sources import load_sources

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, scheme = load_seed(given.seed), Scheme(**params.scheme)
    sources = load_sources(given.private, params.pool, key, scheme, **params.generator)
    save_plan(snakemake.output.truth, sources.plan())
    save_private(snakemake.output.private, sources.private)
