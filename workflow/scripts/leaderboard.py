"""Rank all results, those scored again whose decryption is kept."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.jobs import job
from instahide.leaderboard.recheck import Truth, load_records
from instahide.leaderboard.records import reported_records
from instahide.leaderboard.tables import save_leaderboard

with job(snakemake.log[0]):
    given, out = snakemake.input, Path(snakemake.output[0]).parent
    truth = Truth(Path(given.truth), Path(given.private))
    records = load_records([*given.attacks, *given.submissions], ChallengeFolder(out), truth)
    title = f"Leaderboard of {snakemake.wildcards.challenge}"
    save_leaderboard(out, [*records, *reported_records()], title)
