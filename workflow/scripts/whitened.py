"""Attack a challenge with other public photos at hand."""

from pathlib import Path

from instahide.attacks.whitened import Settings, save_whitened
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    save_whitened(
        Path(snakemake.output.decryption).parent,
        Path(given.encryption).parent,
        params.sample,
        images=params.images,
        settings=Settings(**params.settings),
    )
