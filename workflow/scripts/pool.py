"""Join the shards' patches into the public pool."""

from instahide.jobs import job
from instahide.pool.build import merge_pool

with job(snakemake.log[0]):
    merge_pool(
        snakemake.output.store,
        snakemake.output.report,
        snakemake.params.patches,
        snakemake.input.reports,
        most_skipped=snakemake.params.most_skipped,
    )
