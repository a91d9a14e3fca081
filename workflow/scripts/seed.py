"""Keep the configured seed, or one of the operating system's that suits the generator."""

from pathlib import Path

from instahide.challenge.folder import save_seed
from instahide.encodings.instahide.generators import new_key
from instahide.files import close_folder
from instahide.jobs import job
from instahide.randomness.keystream import Key

with job(snakemake.log[0]):
    seed = snakemake.params.seed
    key = new_key(snakemake.params.generator) if seed == "os" else Key.parse(seed)
    close_folder(Path(snakemake.output[0]).parent)
    save_seed(snakemake.output[0], key)
