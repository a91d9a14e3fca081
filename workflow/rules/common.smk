"""What rules ask of the configuration, one function for each thing; no rules."""

# Where things are made.
PUBLIC = "results/public/{pool}"
PRIVATE = "results/private/{set}"
CHALLENGE = "results/{challenge}"
ATTACK = f"{CHALLENGE}/attacks/{{attack}}"
SAMPLES = "results/samples"


def one_of(names):
    """A pattern that only these names match, and nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def code(script, *libraries):
    """The digest of a script's meaning, see instahide/codehash.py."""
    return code_digest(f"{workflow.basedir}/workflow/scripts/{script}.py", libraries)


def challenge_of(wildcards):
    return config["challenges"][wildcards.challenge]


def growing(first):
    """A resource that grows with each attempt, where the profile retries.

    First values suit shards of 10,000 photos and 2.5 million rows; docs/cluster.md says
    what was measured.
    """
    return lambda wildcards, attempt: first * attempt


def pool_digest(wildcards):
    """The digest of a challenge's pool; nothing for the schemes without public images."""
    pool = challenge_of(wildcards).get("public")
    return f"results/public/{pool}/pool.zarr.sha256" if pool else []


def pool_store(wildcards):
    pool = challenge_of(wildcards).get("public")
    return f"results/public/{pool}/pool.zarr" if pool else None


def scheme(wildcards):
    """The keys of a challenge that make its `Scheme`."""
    given = challenge_of(wildcards)
    return {
        "name": given["scheme"],
        **{key: given[key] for key in ("k", "c1", "c2", "rows_per_image")},
    }


def generator(wildcards):
    """The generator of a challenge, and how it picks public images if there is a choice."""
    given = challenge_of(wildcards)
    chosen = {"generator": given["generator"]}
    if given["generator"] == "mt19937-2020":
        chosen["public_use"] = given["public_use"]
    return chosen


def shards(pattern):
    """All shards of a pool's stage."""
    return lambda wildcards: expand(
        pattern,
        pool=wildcards.pool,
        shard=range(config["public"][wildcards.pool]["shards"]),
    )


# ---- sources


def downloaded(kind, name):
    """The place of a source that is downloaded."""
    source = config[kind][name]["source"]
    if "url_list" in source:
        return f"results/downloads/lists/{kind}/{name}"
    return f"results/downloads/{kind}/{name}/{PurePosixPath(urlsplit(source['url']).path).name}"


def source_of(kind, name):
    """The folder or archive that a source's images are read from."""
    source = config[kind][name]["source"]
    if "bundled" in source:
        return f"{SAMPLES}/{kind}"
    return source.get("path") or downloaded(kind, name)


def input_of(kind, name):
    """What a source's readers wait for. A folder of the user's is watched by `inventory`."""
    source = config[kind][name]["source"]
    if "bundled" in source:
        return f"{SAMPLES}/{kind}.sha256"
    if "url_list" in source:
        return downloaded(kind, name) + ".sha256"
    path = source_of(kind, name)
    return [] if Path(path).is_dir() else path


def inventory_of(kind, name):
    """Names and sizes of a user's own folder, so that a changed one is noticed."""
    path = config[kind][name]["source"].get("path")
    return inventory(path) if path and Path(path).is_dir() else ""


def in_storage(wildcards):
    """An archive in an S3 store, which Snakemake's plugin fetches; see docs/cluster.md."""
    url = config[wildcards.kind][wildcards.name]["source"].get("url", "")
    return storage(url) if url.startswith("s3://") else []


def photo_source(wildcards):
    return source_of("public", wildcards.pool)


def photo_input(wildcards):
    return input_of("public", wildcards.pool)


def photo_inventory(wildcards):
    return inventory_of("public", wildcards.pool)


def private_source(wildcards):
    return source_of("private", wildcards.set)


def private_input(wildcards):
    return input_of("private", wildcards.set)


def private_inventory(wildcards):
    return inventory_of("private", wildcards.set)


def crop_settings(wildcards):
    """The keys of a pool that make its `CropSettings`."""
    pool = config["public"][wildcards.pool]
    return {
        "per_photo": pool["crops_per_photo"],
        "smallest": pool["crop_size"][0],
        "largest": pool["crop_size"][1],
        "channels": config["image"]["channels"],
    }


def crops_output(path):
    """A shard's crops, dropped after the filter unless the configuration keeps them."""
    return directory(path) if config["keep_crops"] else temp(directory(path))


# ---- scores


def package_files(pattern):
    """Files of the package that rules read besides its modules, which `code` knows."""
    return sorted(map(str, Path(workflow.basedir, "instahide").glob(pattern)))


def secrets(*names):
    """The secret files of a challenge by name."""
    return {
        name: f"{CHALLENGE}/secret/{name}{'' if name == 'seed' else '.npz'}" for name in names
    }


def of_attacks(file):
    """A file of every attack that is configured for a challenge."""
    return lambda wildcards: [
        f"results/{wildcards.challenge}/attacks/{attack}/{file}"
        for attack in challenge_of(wildcards)["attacks"]
    ]


def staged(file):
    """A file of every attack that is made of stages, on every challenge."""
    return [
        f"results/{challenge}/attacks/{attack}/{file}"
        for challenge, given in config["challenges"].items()
        for attack in given["attacks"]
        if attack in STAGED
    ]


def attacked(file):
    """A file of every challenge that has an attack made of stages."""
    return [
        f"results/{challenge}/{file}"
        for challenge, given in config["challenges"].items()
        if any(attack in STAGED for attack in given["attacks"])
    ]


def submissions(*suffixes):
    """The records of submissions or the decryptions beside them, see docs/scoring.md."""

    def found(wildcards):
        folder = Path(f"results/{wildcards.challenge}/submissions")
        return sorted(str(path) for path in folder.glob("*") if path.suffix in suffixes)

    return found


def pictures(wildcards):
    """The figures of all challenges that have attacks."""
    for challenge, given in config["challenges"].items():
        for attack in given["attacks"]:
            yield f"results/{challenge}/attacks/{attack}/gallery.png"
        if given["attacks"]:
            yield f"results/{challenge}/ssim.png"
