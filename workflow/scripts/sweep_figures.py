"""Draw the curves of a sweep."""

from instahide.jobs import job
from instahide.leaderboard.curves import save_curves
from instahide.leaderboard.points import read_points
from instahide.leaderboard.records import reported_records

with job(snakemake.log[0]):
    points = read_points(snakemake.input.table)
    save_curves(snakemake.output[0], points, reported_records())
