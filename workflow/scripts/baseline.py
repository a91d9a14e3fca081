"""Make a baseline."""

from pathlib import Path

from instahide.attacks.baselines import save_baseline
from instahide.challenge.folder import ChallengeFolder
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.input[0]).parent)
    out = Path(snakemake.output.decryption).parent
    close_folder(out)
    save_baseline(folder, snakemake.wildcards.attack, out)
