"""Draw privacy against utility of a sweep over trainings."""

from instahide.jobs import job
from instahide.leaderboard.plane import save_plane
from instahide.leaderboard.points import read_points

with job(snakemake.log[0]):
    save_plane(snakemake.output.picture, read_points(snakemake.input.table))
