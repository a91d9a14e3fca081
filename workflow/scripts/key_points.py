"""Keep the crops of one shard that have enough key points, shrunk."""

from instahide.jobs import job
from instahide.pool.keypoints import save_patches

with job(snakemake.log[0]):
    save_patches(
        snakemake.output.store,
        snakemake.input.crops,
        more_than=snakemake.params.more_than,
        size=snakemake.params.size,
        threads=snakemake.threads,
    )
