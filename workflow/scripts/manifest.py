"""Describe a challenge in its manifest."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.manifest import save_manifest
from instahide.challenge.sources import load_sources
from instahide.encodings.choice import EncodingChoice
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, chosen = load_seed(given.seed), EncodingChoice(**params.encoding)
    sources = load_sources(given.private, params.pool, key, chosen)
    save_manifest(ChallengeFolder(Path(snakemake.output[0]).parent), sources)
