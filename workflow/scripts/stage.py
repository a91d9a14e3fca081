"""Run one stage of an attack that is made of stages."""

from pathlib import Path

from instahide.attacks.choice import choose_stage
from instahide.attacks.running import save_stage
from instahide.encodings.instahide.scheme import Scheme
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    close_folder(Path(snakemake.output[0]).parent)
    save_stage(
        snakemake.output[0],
        snakemake.input.get("before"),
        choose_stage(params.stage, params.choice),
        {**params.problem, "scheme": Scheme(**params.scheme)},
        pool=params.get("pool"),
    )
