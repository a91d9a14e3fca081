"""Tell in one page what an audit found."""

from pathlib import Path

from instahide.auditing.gathering import gather, save_answer
from instahide.auditing.result import Attacker
from instahide.auditing.settings import AuditSettings
from instahide.auditing.workfolder import WorkFolder
from instahide.jobs import job

with job(snakemake.log[0]):
    params, page = snakemake.params, Path(snakemake.output.page)
    settings = AuditSettings(**params.settings)
    work = WorkFolder(page.with_suffix(""))
    attackers = [Attacker(**one) for one in params.attackers]
    save_answer(page, gather(params.title, settings, attackers, work, params.public))
