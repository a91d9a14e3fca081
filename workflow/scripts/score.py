"""Score what an attack recovered."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.files import close_folder
from instahide.jobs import job
from instahide.leaderboard.results import save_results

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.input[0]).parent)
    attack = Path(snakemake.input.decryption).parent
    close_folder(attack)
    save_results(attack, folder, assume_range=snakemake.params.assume_range)
