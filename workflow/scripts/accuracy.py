"""Measure how often a trained network is right."""

from instahide.jobs import job
from instahide.training.recipe import Training
from instahide.training.running import Files, save_accuracy

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    save_accuracy(
        snakemake.output[0],
        given.model,
        given.curve,
        Training.of(params.training),
        Files(**params.files),
    )
