"""Rank all results, those scored again whose decryption is kept."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.jobs import job
from instahide.leaderboard.of2020 import reported_beside
from instahide.leaderboard.recheck import Truth, load_records, load_taken_in
from instahide.leaderboard.tables import save_leaderboard

with job(snakemake.log[0]):
    given, out = snakemake.input, Path(snakemake.output[0]).parent
    truth = Truth(Path(given.truth), Path(given.private))
    folder = ChallengeFolder(out)
    records = load_records([*given.attacks, *given.submissions], folder, truth)
    records += load_taken_in(given.taken_in, folder)
    records += reported_beside(load_manifest(folder), snakemake.params.reported)
    title = f"Leaderboard of {snakemake.wildcards.challenge}"
    save_leaderboard(out, records, title)
