"""Crop the photos of one shard."""

from instahide.jobs import job
from instahide.photos.listing import load_index
from instahide.pool.crops import CropSettings, save_crops
from instahide.randomness.keystream import Key

with job(snakemake.log[0]):
    save_crops(
        snakemake.output.store,
        snakemake.output.report,
        load_index(snakemake.input.photos, *snakemake.params.shard),
        Key.from_seed(snakemake.params.seed),
        CropSettings(**snakemake.params.settings),
        threads=snakemake.threads,
    )
