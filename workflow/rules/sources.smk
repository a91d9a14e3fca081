"""Where photos and private images come from: bundled, a path, an address, a list of them."""

SAMPLES = "results/samples"


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


rule samples:
    """Write the photos that come with installed packages as two folders."""
    output:
        public=directory(f"{SAMPLES}/public"),
        private=directory(f"{SAMPLES}/private"),
        digests=[f"{SAMPLES}/public.sha256", f"{SAMPLES}/private.sha256"],
    params:
        code=code_digest(f"{workflow.basedir}/workflow/scripts/samples.py", ["scikit-image", "matplotlib"]),
    log:
        "results/logs/samples.log",
    message:
        "Write the photos that come with installed packages"
    script:
        "../scripts/samples.py"


# No `code` in these two: the checksum decides what a download is, not how it was made.
rule download:
    """Download an archive and check it."""
    input:
        in_storage,
    output:
        "results/downloads/{kind}/{name}/{file}",
    params:
        url=lambda w: config[w.kind][w.name]["source"].get("url"),
        checksum=lambda w: config[w.kind][w.name]["source"].get("checksum"),
        credentials=lambda w: config[w.kind][w.name]["source"]["credentials"],
    log:
        "results/logs/download-{kind}-{name}-{file}.log",
    message:
        "Download {wildcards.file}"
    script:
        "../scripts/download.py"


rule download_list:
    """Download the photos of a list of addresses with checksums."""
    input:
        lambda w: config[w.kind][w.name]["source"]["url_list"],
    output:
        "results/downloads/lists/{kind}/{name}.sha256",
    params:
        # No output: Snakemake would remove what is downloaded already when it starts again.
        folder="results/downloads/lists/{kind}/{name}",
        credentials=lambda w: config[w.kind][w.name]["source"]["credentials"],
    log:
        "results/logs/download-{kind}-{name}.log",
    message:
        "Download the photos of {wildcards.name}"
    script:
        "../scripts/download_list.py"
