"""Run one step of an attack."""

from pathlib import Path

from instahide.attacks.recipe import Attack
from instahide.attacks.running import save_step
from instahide.attacks.seen import load_seen
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    given, params, out = snakemake.input, snakemake.params, Path(snakemake.output[0])
    close_folder(out.parent)
    save_step(
        out,
        Attack.of(params.attack),
        given.get("before", []),
        load_seen(**params.seen),
        part=params.get("part"),
        threads=snakemake.threads,
        pool=params.get("pool"),
    )
