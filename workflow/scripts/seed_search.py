"""Search one slice of the seeds of the generator of 2020."""

from instahide.attacks.prng.attack import Setting
from instahide.attacks.prng.seedslices import save_slice, slice_bounds
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    save_slice(
        snakemake.output[0],
        snakemake.input[0],
        Setting(**params.setting),
        slice_bounds(*params.slice),
        threads=snakemake.threads,
    )
