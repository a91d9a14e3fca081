"""Train a network."""

from instahide.jobs import job
from instahide.training.recipe import Training
from instahide.training.running import Files, save_training

with job(snakemake.log[0]):
    params = snakemake.params
    save_training(
        *snakemake.output, Training.of(params.training), Files(**params.files), code=params.code
    )
