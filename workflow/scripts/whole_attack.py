"""Run a whole attack of one's own."""

from pathlib import Path

from instahide.attacks.chain import save_whole
from instahide.challenge.scheme import Scheme
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    save_whole(
        Path(snakemake.output[0]).parent,
        params.run,
        {**params.problem, "scheme": Scheme(**params.scheme)},
        pool=params.pool,
    )
