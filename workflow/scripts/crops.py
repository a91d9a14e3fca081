"""Crop the photos of one shard."""

from instahide.crops import CropSettings, save_crops, shard_of
from instahide.jobs import job
from instahide.keystream import Key
from instahide.photos import load_index

with job(snakemake.log[0]):
    save_crops(
        snakemake.output.store,
        snakemake.output.report,
        shard_of(load_index(snakemake.input.photos), *snakemake.params.shard),
        Key.from_seed(snakemake.params.seed),
        CropSettings(**snakemake.params.settings),
        threads=snakemake.threads,
    )
