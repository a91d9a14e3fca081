"""Recover the private images of a challenge from its seed."""

from pathlib import Path

from instahide.attacks.prng.attack import Setting
from instahide.attacks.prng.seedslices import save_prng
from instahide.files import close_folder
from instahide.jobs import job

with job(snakemake.log[0]):
    given, out = snakemake.input, Path(snakemake.output.decryption).parent
    challenge = Path(given.encryption).parent
    close_folder(out)
    save_prng(out, challenge, given.seed, Setting(**snakemake.params.setting))
