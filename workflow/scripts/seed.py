"""Keep the configured seed, or one of the operating system's that suits the generator."""

from instahide.challenge.folder import save_seed
from instahide.challenge.generators import new_key
from instahide.jobs import job
from instahide.randomness.keystream import Key

with job(snakemake.log[0]):
    seed = snakemake.params.seed
    key = new_key(snakemake.params.generator) if seed == "os" else Key.parse(seed)
    save_seed(snakemake.output[0], key)
