"""From photos to a challenge, its verification and its release; read from top to bottom.

Every rule is one stage with an artifact of its own. Stages re-run when their inputs, their
parameters or the meaning of their code change (`code`, see instahide/codehash.py), and
not when a comment or a file's date does. Zarr stores are represented by the digest of
their content: it is the digest that later stages take as input.
"""

import json
import os
import re
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

# Jobs run the package of this checkout, the one whose code is hashed here; where the workflow
# lies in an installed package, that one, and functions of one's own in the folder of the run.
BASE = Path(workflow.basedir)
ROOT = BASE if (BASE / "instahide").is_dir() else BASE.parents[1]
PLACES = dict.fromkeys([str(ROOT), os.getcwd()])
sys.path[:0] = PLACES
os.environ["PYTHONPATH"] = os.pathsep.join(
    [*PLACES, *filter(None, [os.environ.get("PYTHONPATH")])]
)

from instahide.attacks.catalogue import BASELINES, NOT_ON_RANGE, TAKEN, attack_of
from instahide.auditing.attackers import attackers_of, attempt_of
from instahide.auditing.configured import reading_of, settings_of
from instahide.auditing.estimate import estimate_attack
from instahide.auditing.ownfiles import own_inventory
from instahide.choice import module_file
from instahide.codehash import code_digest
from instahide.config import MAKING, check_config, check_duplicates, encoding_of
from instahide.encodings.choice import INSTAHIDE
from instahide.errors import InstaHideError
from instahide.intake.keeping import IntakeFolder
from instahide.names import UNFIT
from instahide.photos.inventory import inventory
from instahide.schema import load_schema
from instahide.training.configured import training_of
from instahide.training.recipe import UNENCRYPTED
from snakemake.exceptions import WorkflowError

if not set(MAKING) & config.keys():

    configfile: "config/config.yaml"


try:
    config = check_config(config, load_schema())
    for file in workflow.configfiles:
        check_duplicates(file)
except InstaHideError as error:
    raise WorkflowError(str(error))


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


wildcard_constraints:
    challenge=one_of(config["challenges"]),
    pool=one_of(config["public"]),
    set=one_of(config["private"]),
    data=one_of(config["data"]),
    training=one_of(config["training"]),
    sweep=one_of(config["sweeps"]),
    audit=one_of(config["audits"]),
    run=r"\d+",
    array=one_of({name for given in config["challenges"].values() for name in given["arrays"]}),
    kind="public|private|data",
    name="[^/]+",
    file="[^/]+",
    shard=r"\d+",


localrules:
    all,
    seed,
    private_seed,
    training_seed,
    participants,
    sample_submission,
    release,
    site,


include: "workflow/rules/sources.smk"
include: "workflow/rules/attacks.smk"
include: "workflow/rules/intake.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/curves.smk"
include: "workflow/rules/site.smk"


rule all:
    input:
        pictures,
        "results/ablation.md" if len(staged("")) > 1 else [],
        "results/training/table.md" if listed("training") else [],
        expand("results/sweeps/{sweep}.csv", sweep=config["sweeps"]),
        "results/index.html" if listed("challenges") or config["sweeps"] else [],
        expand("results/audits/{audit}.html", audit=config["audits"]),
        expand(
            "results/{challenge}/{file}",
            challenge=listed("challenges"),
            file=["release.zip", "verification.txt", "leaderboard.html", "check.html"],
        ),


# ---- public photos → crops → key-point filter → pool


rule photos:
    """List the photos of a source."""
    input:
        photo_input,
    output:
        f"{PUBLIC}/photos.csv",
    log:
        f"{PUBLIC}/logs/photos.log",
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("photos"),
        source=photo_source,
        part=lambda w: config["public"][w.pool].get("part", "1/1"),
        inventory=photo_inventory,
    message:
        "List the photos of the pool {wildcards.pool}"
    script:
        "workflow/scripts/photos.py"


rule crops:
    """Cut random squares out of the photos of one shard."""
    input:
        photos=f"{PUBLIC}/photos.csv",
    output:
        store=crops_output(f"{PUBLIC}/crops/{{shard}}.zarr"),
        digest=f"{PUBLIC}/crops/{{shard}}.zarr.sha256",
        report=f"{PUBLIC}/crops/{{shard}}.json",
    log:
        f"{PUBLIC}/logs/crops-{{shard}}.log",
    cache: True  # only with --cache, see docs/cluster.md
    threads: 4
    resources:
        mem_mb=growing(1500),
        runtime=growing(30),
    params:
        code=code("crops", "opencv-python-headless"),
        shard=lambda w: [int(w.shard), config["public"][w.pool]["shards"]],
        seed=lambda w: config["public"][w.pool]["seed"],
        settings=crop_settings,
    message:
        "Cut crops of {wildcards.pool}, shard {wildcards.shard}"
    script:
        "workflow/scripts/crops.py"


rule key_points:
    """Keep the crops with enough SIFT key points, shrunk to the images' size."""
    input:
        lambda w: f"{crops_folder(w)}/{w.shard}.zarr.sha256",
        # Only so that temporary crops stay until they are read: the digest tells changes.
        crops=lambda w: ancient(f"{crops_folder(w)}/{w.shard}.zarr"),
    output:
        store=directory(f"{PUBLIC}/patches/{{shard}}.zarr"),
        digest=f"{PUBLIC}/patches/{{shard}}.zarr.sha256",
    log:
        f"{PUBLIC}/logs/key_points-{{shard}}.log",
    cache: True  # only with --cache, see docs/cluster.md
    threads: 4
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        code=code("key_points", "opencv-python-headless"),
        more_than=lambda w: config["public"][w.pool]["key_points"],
        size=lambda w: image_of("public", w.pool)["size"],
    message:
        "Count key points of {wildcards.pool}, shard {wildcards.shard}"
    script:
        "workflow/scripts/key_points.py"


rule pool:
    """Join the patches of all shards."""
    input:
        digests=shards(f"{PUBLIC}/patches/{{shard}}.zarr.sha256"),
        reports=lambda w: shards(f"{crops_folder(w)}/{{shard}}.json")(w),
    output:
        store=directory(f"{PUBLIC}/pool.zarr"),
        digest=f"{PUBLIC}/pool.zarr.sha256",
        report=f"{PUBLIC}/report.json",
    log:
        f"{PUBLIC}/logs/pool.log",
    cache: True  # only with --cache, see docs/cluster.md
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        code=code("pool"),
        patches=shards(f"{PUBLIC}/patches/{{shard}}.zarr"),
        most_skipped=lambda w: config["public"][w.pool]["most_skipped"],
    message:
        "Join the patches of {wildcards.pool}"
    script:
        "workflow/scripts/pool.py"


# ---- private photos → private set


# No `code` here: a seed from the operating system is drawn once and never again.
rule private_seed:
    """Keep the seed of a private set."""
    output:
        f"{PRIVATE}/seed",
    log:
        "results/logs/private_seed-{set}.log",
    params:
        seed=lambda w: config["private"][w.set]["seed"],
        generator="aes256-ctr",
    message:
        "Keep {output}"
    script:
        "workflow/scripts/seed.py"


rule private:
    """Select the private images, stratified by class."""
    input:
        private_input,
        seed=f"{PRIVATE}/seed",
    output:
        f"{PRIVATE}/private.npz",
    log:
        "results/logs/private-{set}.log",
    params:
        size=lambda w: image_of("private", w.set)["size"],
        channels=config["image"]["channels"],
        code=code("private", "opencv-python-headless"),
        source=private_source,
        inventory=private_inventory,
        images=lambda w: config["private"][w.set]["images"],
    message:
        "Select the private set {wildcards.set}"
    script:
        "workflow/scripts/private.py"


# ---- the key of a training


use rule private_seed as training_seed with:
    output:
        f"{TRAINING}/secret/seed",
    log:
        "results/logs/training_seed-{training}.log",
    params:
        seed=lambda w: training_given(w)["key"],
        generator="aes256-ctr",


# ---- plan → encryption → labels → manifest → release → verification


use rule private_seed as seed with:
    output:
        f"{CHALLENGE}/secret/seed",
    log:
        f"{CHALLENGE}/logs/seed.log",
    params:
        seed=lambda w: challenge_of(w)["seed"],
        generator=lambda w: challenge_of(w)["generator"],


rule plan:
    """Draw who is mixed with whom, and how much: the secret truth."""
    input:
        pool_digest,
        private=lambda w: f"results/private/{challenge_of(w)['private']}/private.npz",
        seed=f"{CHALLENGE}/secret/seed",
    output:
        truth=f"{CHALLENGE}/secret/truth.npz",
        private=f"{CHALLENGE}/secret/private.npz",
    log:
        f"{CHALLENGE}/logs/plan.log",
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=with_encoding("plan", "scipy"),
        pool=pool_store,
        encoding=encoding,
    message:
        "Plan {wildcards.challenge}"
    script:
        "workflow/scripts/plan.py"


rule encrypt:
    """Mix the images of each row and flip their signs."""
    input:
        pool_digest,
        truth=f"{CHALLENGE}/secret/truth.npz",
        private=f"{CHALLENGE}/secret/private.npz",
        seed=f"{CHALLENGE}/secret/seed",
    output:
        f"{CHALLENGE}/encryption.npy",
    log:
        f"{CHALLENGE}/logs/encrypt.log",
    threads: 4
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=with_encoding("encrypt"),
        pool=pool_store,
        encoding=encoding,
    message:
        "Encrypt {wildcards.challenge}"
    script:
        "workflow/scripts/encrypt.py"


use rule encrypt as encode with:
    output:
        f"{CHALLENGE}/{{array}}.npy",
    log:
        f"{CHALLENGE}/logs/encode-{{array}}.log",
    message:
        "Encode {wildcards.challenge} ({wildcards.array})"


rule label:
    """Export the labels of the encryptions."""
    input:
        truth=f"{CHALLENGE}/secret/truth.npz",
        private=f"{CHALLENGE}/secret/private.npz",
    output:
        f"{CHALLENGE}/label.npy",
    log:
        f"{CHALLENGE}/logs/label.log",
    params:
        code=code("label"),
    message:
        "Label {wildcards.challenge}"
    script:
        "workflow/scripts/label.py"


rule manifest:
    """Describe the challenge and commit to its secrets."""
    input:
        pool_digest,
        encryption=f"{CHALLENGE}/encryption.npy",
        others=other_arrays,
        label=f"{CHALLENGE}/label.npy",
        private=f"{CHALLENGE}/secret/private.npz",
        seed=f"{CHALLENGE}/secret/seed",
    output:
        f"{CHALLENGE}/challenge.json",
    log:
        f"{CHALLENGE}/logs/manifest.log",
    params:
        code=with_encoding("manifest"),
        pool=pool_store,
        encoding=encoding,
    message:
        "Describe {wildcards.challenge}"
    script:
        "workflow/scripts/manifest.py"


rule sample_submission:
    """Make the smallest honest submission, to start from."""
    input:
        f"{CHALLENGE}/challenge.json",
    output:
        f"{CHALLENGE}/sample_submission.zip",
    log:
        f"{CHALLENGE}/logs/sample_submission.log",
    params:
        code=code("sample_submission"),
    message:
        "Make a sample submission to {wildcards.challenge}"
    script:
        "workflow/scripts/sample_submission.py"


rule participants:
    """Tell those who take part what they need to know; no secret is among its inputs."""
    input:
        f"{CHALLENGE}/encryption.npy",
        other_arrays,
        f"{CHALLENGE}/label.npy",
        f"{CHALLENGE}/sample_submission.zip",
        package_files("participants/templates/*"),
        package_files("leaderboard/templates/page.*"),
        manifest=f"{CHALLENGE}/challenge.json",
    output:
        f"{CHALLENGE}/participants.html",
    log:
        f"{CHALLENGE}/logs/participants.log",
    params:
        code=code("participants"),
        notice=notice,
    message:
        "Write the page for participants of {wildcards.challenge}"
    script:
        "workflow/scripts/participants.py"


rule release:
    """Pack what the public gets; no secret is among its inputs."""
    input:
        f"{CHALLENGE}/encryption.npy",
        other_arrays,
        f"{CHALLENGE}/label.npy",
        f"{CHALLENGE}/challenge.json",
        f"{CHALLENGE}/participants.html",
        f"{CHALLENGE}/sample_submission.zip",
    output:
        f"{CHALLENGE}/release.zip",
    log:
        f"{CHALLENGE}/logs/release.log",
    params:
        code=code("release"),
    message:
        "Pack the release of {wildcards.challenge}"
    script:
        "workflow/scripts/release.py"


rule verify:
    """Make the challenge again from private set, pool and seed, and compare."""
    input:
        pool_digest,
        release=f"{CHALLENGE}/release.zip",
        manifest=f"{CHALLENGE}/challenge.json",
        truth=f"{CHALLENGE}/secret/truth.npz",
        private=f"{CHALLENGE}/secret/private.npz",
        seed=f"{CHALLENGE}/secret/seed",
    output:
        f"{CHALLENGE}/verification.txt",
    log:
        f"{CHALLENGE}/logs/verify.log",
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=with_encoding("verify"),
        pool=pool_store,
        encoding=encoding,
    message:
        "Make {wildcards.challenge} again and compare"
    script:
        "workflow/scripts/verify.py"


# ---- training, audits, and what is asked for


include: "workflow/rules/training.smk"
include: "workflow/rules/sweeps.smk"
include: "workflow/rules/audits.smk"
include: "workflow/rules/asked.smk"
