"""Where photos and private images come from: bundled, a path, an address, a list of them."""


rule samples:
    """Write the photos that come with installed packages as two folders."""
    output:
        public=directory(f"{SAMPLES}/public"),
        private=directory(f"{SAMPLES}/private"),
        digests=[f"{SAMPLES}/public.sha256", f"{SAMPLES}/private.sha256"],
    log:
        "results/logs/samples.log",
    params:
        code=code_digest(
            f"{workflow.basedir}/workflow/scripts/samples.py", ["scikit-image", "matplotlib"]
        ),
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
    log:
        "results/logs/download-{kind}-{name}-{file}.log",
    params:
        url=lambda w: config[w.kind][w.name]["source"].get("url"),
        checksum=lambda w: config[w.kind][w.name]["source"].get("checksum"),
        credentials=lambda w: config[w.kind][w.name]["source"]["credentials"],
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
    log:
        "results/logs/download-{kind}-{name}.log",
    params:
        # No output: Snakemake would remove what is downloaded already when it starts again.
        folder="results/downloads/lists/{kind}/{name}",
        credentials=lambda w: config[w.kind][w.name]["source"]["credentials"],
    message:
        "Download the photos of {wildcards.name}"
    script:
        "../scripts/download_list.py"
