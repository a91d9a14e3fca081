"""Look at everything that counts before a challenge is published."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.jobs import job
from instahide.leaderboard.check import PASSED, examine, save_examination

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.output[0]).parent)
    # The rule `verify` has no output unless everything is identical.
    title = f"Before publishing {snakemake.wildcards.challenge}"
    save_examination(snakemake.output[0], examine(folder, PASSED), title)
