"""Describe a challenge in its manifest."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.manifest import save_manifest
from instahide.challenge.sources import load_sources
from instahide.encodings.instahide.scheme import Scheme
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, scheme = load_seed(given.seed), Scheme(**params.scheme)
    sources = load_sources(given.private, params.pool, key, scheme, **params.generator)
    save_manifest(ChallengeFolder(Path(snakemake.output[0]).parent), sources)
