"""Run one stage of an attack that is made of stages."""

from instahide.attacks.chain import save_stage
from instahide.attacks.stages import Choice
from instahide.challenge.scheme import Scheme
from instahide.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    save_stage(
        snakemake.output[0],
        snakemake.input.get("before"),
        Choice(params.stage, params.choice),
        {**params.problem, "scheme": Scheme(**params.scheme)},
        pool=params.get("pool"),
    )
