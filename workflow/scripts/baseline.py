"""Make a baseline."""

from pathlib import Path

from instahide.baselines import save_baseline
from instahide.challenge import ChallengeFolder
from instahide.jobs import job

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.input[0]).parent)
    out = Path(snakemake.output.decryption).parent
    save_baseline(folder, snakemake.wildcards.attack, out)
