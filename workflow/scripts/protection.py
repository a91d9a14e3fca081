"""Draw what augmentation protects, as it was measured."""

from instahide.jobs import job
from instahide.leaderboard.protection import save_protection

with job(snakemake.log[0]):
    save_protection(snakemake.output[0])
