"""Keep the configured seed, or 256 bits from the operating system."""

from instahide.challenge import save_seed
from instahide.jobs import job
from instahide.keystream import Key

with job(snakemake.log[0]):
    seed = snakemake.params.seed
    save_seed(snakemake.output[0], Key.generate() if seed == "os" else Key.parse(seed))
