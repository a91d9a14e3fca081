"""Write the page that a report opens on."""

from instahide.jobs import job
from instahide.leaderboard.reportpage import save_report_page

with job(snakemake.log[0]):
    asked = snakemake.params
    save_report_page(
        snakemake.output[0], "results", asked.attacks, asked.pictures, asked.beside
    )
