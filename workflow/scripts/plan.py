"""Draw the plan of a challenge, and keep it with the private set it speaks of."""

from pathlib import Path

from instahide.challenge.folder import load_seed
from instahide.challenge.private import load_selection, save_private
from instahide.challenge.sources import load_sources
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.plan import save_plan
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    key, chosen = load_seed(given.seed), EncodingChoice(**params.encoding)
    sources = load_sources(given.private, params.pool, key, chosen)
    close_folder(Path(snakemake.output.truth).parent)
    save_plan(snakemake.output.truth, sources.plan())
    save_private(snakemake.output.private, sources.private, load_selection(given.private))
