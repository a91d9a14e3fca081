"""Attacks: what they recover from the released files alone.

Each fills `results/{challenge}/attacks/{attack}/`, which workflow/rules/scores.smk scores. What
the first three stages of an attack make is kept in `results/{challenge}/stages/`, under the
names of the choices that led to it, so that attacks which begin alike share it.
"""

# Jobs that share the seeds: as many can run at once.
SEED_SLICES = 16
PRNG = f"{CHALLENGE}/attacks/prng"
# Attacks by the key that tells how they are run: made of stages, or whole.
STAGED = [name for name, chosen in config["attacks"].items() if "run" not in chosen]
# Those whose finish makes decoding.npz as well.
DECODING = [n for n in STAGED if config["attacks"][n]["finish"].split(",")[0] == "pool"]
WHOLE = [name for name, chosen in config["attacks"].items() if "run" in chosen]
SIMILARITY = f"{CHALLENGE}/stages/{{knowledge}}/{{similarity}}"
ASSIGNMENT = f"{SIMILARITY}/{{assignment}}"
RETRIEVAL = f"{ASSIGNMENT}/{{retrieval}}"


wildcard_constraints:
    slice=r"\d+",
    knowledge=r"(coefficients|classes|none)(\+pool)?",
    similarity="[^/]+",
    assignment="[^/]+",
    retrieval="[^/]+",


localrules:
    found_seed,


def prng_setting(wildcards):
    """What `prng.Setting` needs: it is public."""
    given = challenge_of(wildcards)
    images = config["private"][given["private"]]["images"]
    return {"images": images, **{key: given[key] for key in ("k", "c1", "c2")}}


def attack_of(wildcards):
    return config["attacks"][wildcards.attack]


def knowledge_of(wildcards):
    """What an attacker is given: part of the path of what the stages make."""
    known = wildcards.get("knowledge")
    if known is None:
        chosen = attack_of(wildcards)
        known = chosen["labels"] + ("+pool" if chosen["public"] == "pool" else "")
    return known


def sample_store(wildcards):
    """The public photos that an attacker has, if any: of his own, or the challenge's pool."""
    if knowledge_of(wildcards).endswith("+pool"):
        return pool_store(wildcards)
    sample = challenge_of(wildcards).get("public_sample")
    return f"results/public/{sample}/pool.zarr" if sample else None


def sample_digest(wildcards):
    store = sample_store(wildcards)
    return f"{store}.sha256" if store else []


def problem(wildcards):
    """What `problem.load_problem` needs; all of it is public."""
    given = challenge_of(wildcards)
    labels, _, pool = knowledge_of(wildcards).partition("+")
    return {
        "challenge": f"results/{wildcards.challenge}",
        "public_sample": sample_store(wildcards),
        "image_count": config["private"][given["private"]]["images"],
        "labels": labels,
        "public_pool": bool(pool),
    }


def stage_code(stage):
    """The digest of a stage's code: what runs it, and the module of the chosen function."""

    def digest(wildcards):
        text = wildcards.get(stage) or attack_of(wildcards)[stage]
        return code("stage", "numpy", "scipy") + code_digest(choose_stage(stage, text).file())

    return digest


def own_code(wildcards):
    """The digest of a whole attack of one's own."""
    return code("whole_attack", "numpy") + code_digest(module_file(attack_of(wildcards)["run"]))


def last_state(wildcards):
    """The state that the finish of an attack begins with."""
    chosen = attack_of(wildcards)
    folders = [knowledge_of(wildcards), *(chosen[key] for key in list(STAGES)[:-1])]
    return f"results/{wildcards.challenge}/stages/{'/'.join(folders)}/state.npz"


rule seed_search:
    """Try one slice of the seeds of the generator of 2020."""
    input:
        f"{CHALLENGE}/label.npy",
    output:
        f"{PRNG}/search/{{slice}}.json",
    log:
        f"{CHALLENGE}/logs/seed_search-{{slice}}.log",
    threads: 4
    resources:
        runtime=growing(60),
    params:
        code=code("seed_search"),
        slice=lambda w: [int(w.slice), SEED_SLICES],
        setting=prng_setting,
    message:
        "Search the seed of {wildcards.challenge}, slice {wildcards.slice}"
    script:
        "../scripts/seed_search.py"


rule found_seed:
    """Join what the slices hold."""
    input:
        expand(f"{PRNG}/search/{{slice}}.json", slice=range(SEED_SLICES), allow_missing=True),
    output:
        f"{PRNG}/seed.json",
    log:
        f"{CHALLENGE}/logs/found_seed.log",
    params:
        code=code("found_seed"),
    message:
        "Join the seeds found for {wildcards.challenge}"
    script:
        "../scripts/found_seed.py"


rule prng:
    """Make masks and coefficients from the seed, and solve for the private images."""
    input:
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
        seed=f"{PRNG}/seed.json",
    output:
        decryption=f"{PRNG}/decryption.npy",
        private=f"{PRNG}/private.npy",
        about=f"{PRNG}/attack.json",
    log:
        f"{CHALLENGE}/logs/attack-prng.log",
    threads: 2
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        code=code("prng", "numpy", "scipy"),
        setting=prng_setting,
    message:
        "Attack {wildcards.challenge} through its generator"
    script:
        "../scripts/prng.py"


rule similarity:
    """Make features of encryptions in which two that share a private image look alike."""
    input:
        sample_digest,
        ancient(f"{CHALLENGE}/challenge.json"),  # only to tell its own pool from others
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{SIMILARITY}/features.npy",
        f"{SIMILARITY}/features.json",
    log:
        f"{SIMILARITY}/features.log",
    threads: 2
    # 1 to 1.6 GB for 5,000 rows; a few matrices are rows × rows.
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=stage_code("similarity"),
        stage="similarity",
        choice=lambda w: w.similarity,
        problem=problem,
        scheme=scheme,
    message:
        "Compare the rows of {wildcards.challenge} ({wildcards.similarity})"
    script:
        "../scripts/stage.py"


use rule similarity as assignment with:
    input:
        sample_digest,
        before=f"{SIMILARITY}/features.npy",
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{ASSIGNMENT}/assignment.npz",
        f"{ASSIGNMENT}/assignment.json",
    log:
        f"{ASSIGNMENT}/assignment.log",
    params:
        code=stage_code("assignment"),
        stage="assignment",
        choice=lambda w: w.assignment,
        problem=problem,
        scheme=scheme,
    message:
        "Assign private images to the rows of {wildcards.challenge} ({wildcards.assignment})"


use rule similarity as retrieval with:
    input:
        sample_digest,
        before=f"{ASSIGNMENT}/assignment.npz",
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{RETRIEVAL}/state.npz",
        f"{RETRIEVAL}/state.json",
    log:
        f"{RETRIEVAL}/state.log",
    params:
        code=stage_code("retrieval"),
        stage="retrieval",
        choice=lambda w: w.retrieval,
        problem=problem,
        scheme=scheme,
    message:
        "Recover the private images of {wildcards.challenge} ({wildcards.retrieval})"


use rule similarity as finish with:
    input:
        sample_digest,
        pool_digest,
        before=last_state,
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{ATTACK}/decryption.npy",
        f"{ATTACK}/private.npy",
        f"{ATTACK}/assignment.npz",
        f"{ATTACK}/attack.json",
    log:
        f"{CHALLENGE}/logs/attack-{{attack}}.log",
    wildcard_constraints:
        attack=one_of(name for name in STAGED if name not in DECODING),
    params:
        code=stage_code("finish"),
        stage="finish",
        choice=lambda w: attack_of(w)["finish"],
        problem=problem,
        pool=pool_store,
        scheme=scheme,
    message:
        "Finish the attack {wildcards.attack} on {wildcards.challenge}"


use rule finish as decode with:
    output:
        f"{ATTACK}/decryption.npy",
        f"{ATTACK}/private.npy",
        f"{ATTACK}/assignment.npz",
        f"{ATTACK}/attack.json",
        f"{ATTACK}/decoding.npz",
    wildcard_constraints:
        attack=one_of(DECODING),
    message:
        "Decode the public images of {wildcards.challenge} ({wildcards.attack})"


rule whole_attack:
    """Run an attack of one's own that is not made of stages."""
    input:
        sample_digest,
        pool_digest,
        ancient(f"{CHALLENGE}/challenge.json"),  # only to tell its own pool from others
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{ATTACK}/decryption.npy",
        f"{ATTACK}/attack.json",
    log:
        f"{CHALLENGE}/logs/attack-{{attack}}.log",
    wildcard_constraints:
        attack=one_of(WHOLE),
    threads: 2
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=own_code,
        run=lambda w: attack_of(w)["run"],
        problem=problem,
        pool=pool_store,
        scheme=scheme,
    message:
        "Run {wildcards.attack} on {wildcards.challenge}"
    script:
        "../scripts/whole_attack.py"
