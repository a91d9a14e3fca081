"""Attacks: what they recover from the released files alone.

Each fills `results/{challenge}/attacks/{attack}/`, which workflow/scores.smk scores.
"""

# Jobs that share the seeds: as many can run at once.
SEED_SLICES = 16
PRNG = f"{CHALLENGE}/attacks/prng"


wildcard_constraints:
    slice=r"\d+",


localrules:
    found_seed,


def prng_setting(wildcards):
    """What `prng.Setting` needs: it is public."""
    given = challenge_of(wildcards)
    images = config["private"][given["private"]]["images"]
    return {"images": images, **{key: given[key] for key in ("k", "c1", "c2")}}


def whitened_settings(wildcards):
    """The keys of a challenge that `whitened.Settings` needs: they are public."""
    given = challenge_of(wildcards)
    return {
        "masked": not given["scheme"].startswith("mixup"),
        "k": given["k"],
        "largest": given["c1"],
        "least": given["c2"],
    }


rule seed_search:
    """Try one slice of the seeds of the generator of 2020."""
    input:
        f"{CHALLENGE}/label.npy",
    output:
        f"{PRNG}/search/{{slice}}.json",
    params:
        code=code("seed_search"),
        slice=lambda w: [int(w.slice), SEED_SLICES],
        setting=prng_setting,
    log:
        f"{CHALLENGE}/logs/seed_search-{{slice}}.log",
    message:
        "Search the seed of {wildcards.challenge}, slice {wildcards.slice}"
    threads: 4
    script:
        "scripts/seed_search.py"


rule found_seed:
    """Join what the slices hold."""
    input:
        expand(f"{PRNG}/search/{{slice}}.json", slice=range(SEED_SLICES), allow_missing=True),
    output:
        f"{PRNG}/seed.json",
    params:
        code=code("found_seed"),
    log:
        f"{CHALLENGE}/logs/found_seed.log",
    message:
        "Join the seeds found for {wildcards.challenge}"
    script:
        "scripts/found_seed.py"


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
    params:
        code=code("prng", "numpy", "scipy"),
        setting=prng_setting,
    log:
        f"{CHALLENGE}/logs/attack-prng.log",
    message:
        "Attack {wildcards.challenge} through its generator"
    threads: 2
    script:
        "scripts/prng.py"


rule whitened:
    """Learn what public images look like, and take masks and mixtures apart."""
    input:
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
        sample=lambda w: f"results/public/{challenge_of(w)['public_sample']}/pool.zarr.sha256",
    output:
        decryption=f"{CHALLENGE}/attacks/whitened/decryption.npy",
        private=f"{CHALLENGE}/attacks/whitened/private.npy",
        assignment=f"{CHALLENGE}/attacks/whitened/assignment.npz",
        about=f"{CHALLENGE}/attacks/whitened/attack.json",
    params:
        code=code("whitened", "numpy", "scipy"),
        sample=lambda w: f"results/public/{challenge_of(w)['public_sample']}/pool.zarr",
        images=lambda w: config["private"][challenge_of(w)["private"]]["images"],
        settings=whitened_settings,
    log:
        f"{CHALLENGE}/logs/attack-whitened.log",
    message:
        "Attack {wildcards.challenge} by what public images look like"
    threads: 2
    script:
        "scripts/whitened.py"
