"""Join what the slices of the seed search hold."""

from instahide.attacks.prng.seedslices import join_slices
from instahide.files import save_json
from instahide.jobs import job

with job(snakemake.log[0]):
    save_json(snakemake.output[0], join_slices(snakemake.input))
