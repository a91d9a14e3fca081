"""Write the page for participants."""

from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.jobs import job
from instahide.participants.notice import notice_of
from instahide.participants.page import save_participants_page

with job(snakemake.log[0]):
    folder = ChallengeFolder(Path(snakemake.output[0]).parent)
    save_participants_page(folder, notice_of(**snakemake.params.notice))
