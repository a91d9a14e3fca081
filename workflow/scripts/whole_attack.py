"""Run a whole attack of one's own."""

from pathlib import Path

from instahide.attacks.running import save_whole
from instahide.encodings.instahide.scheme import Scheme
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    out = Path(snakemake.output[0]).parent
    close_folder(out)
    save_whole(
        out,
        params.run,
        {**params.problem, "scheme": Scheme(**params.scheme)},
        pool=params.pool,
    )
