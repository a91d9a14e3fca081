"""Audits: what leaks from one's own images, by the steps of `instahide audit`.

All that they make shows private images. So it lies in folders for their owner only, the page
beside them may be read by him only, and none of it enters Snakemake's report.
"""


wildcard_constraints:
    half="pool|others",
    attacker="photos|pool|blind",
    rows="[1-9][0-9]*",


rule audit_images:
    """Read a folder of one's own images."""
    input:
        audit_input,
    output:
        private=f"{AUDIT}/private.npz",
        told=f"{AUDIT}/reading.json",
    log:
        f"{AUDIT}/logs/images.log",
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("audit_images", "opencv-python-headless"),
        folder=lambda w: audit_of(w)["images"],
        reading=lambda w: reading_of(audit_of(w)),
        seed=lambda w: audit_of(w)["seed"],
        inventory=lambda w: own_inventory_of(w.audit),
    message:
        "Read the images of the audit {wildcards.audit}"
    script:
        "../scripts/audit_images.py"


rule audit_photos:
    """Make the public images that are mixed in, or those that the attacker has."""
    input:
        private=f"{AUDIT}/private.npz",
    output:
        store=directory(f"{AUDIT}/{{half}}.zarr"),
        digest=f"{AUDIT}/{{half}}.zarr.sha256",
    log:
        f"{AUDIT}/logs/{{half}}.log",
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=code("audit_photos", "opencv-python-headless"),
        source=lambda w: audit_of(w).get("public"),
        seed=lambda w: audit_of(w)["seed"],
        inventory=lambda w: public_inventory_of(w.audit),
    message:
        "Make public images for the audit {wildcards.audit} ({wildcards.half})"
    script:
        "../scripts/audit_photos.py"


rule audit_encrypt:
    """Encrypt each image so many times."""
    input:
        audit_pool(".sha256"),
        private=f"{AUDIT}/private.npz",
    output:
        directory(f"{AUDIT}/rows-{{rows}}/challenge"),
    log:
        f"{AUDIT}/logs/encrypt-{{rows}}.log",
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=code("audit_encrypt", "scipy"),
        pool=audit_pool(""),
        mixing=lambda w: asdict(AUDITS[w.audit].mixing),
    message:
        "Encrypt each image of the audit {wildcards.audit} {wildcards.rows} times"
    script:
        "../scripts/audit_encrypt.py"


rule audit_attack:
    """Attack encryptions, and look for the originals in what comes back."""
    input:
        unpack(audit_halves(".sha256")),
        challenge=f"{AUDIT}/rows-{{rows}}/challenge",
        told=ancient(f"{AUDIT}/reading.json"),  # for the estimate only
    output:
        f"{AUDIT}/rows-{{rows}}/{{attacker}}.npz",
    log:
        f"{AUDIT}/logs/{{attacker}}-{{rows}}.log",
    threads: 2
    resources:
        mem_mb=audit_memory,
        runtime=audit_minutes,
    params:
        code=audit_attempt_code,
        attempt=audit_attempt,
        public=audit_halves(""),
    message:
        "Attack the audit {wildcards.audit} ({wildcards.attacker}, {wildcards.rows} encryptions)"
    script:
        "../scripts/audit_attack.py"


rule audit_page:
    """Tell in one page what came back."""
    input:
        package_files("auditing/templates/*"),
        package_files("leaderboard/protection.csv"),
        f"{AUDIT}/others.zarr.sha256",
        audit_found,
        private=f"{AUDIT}/private.npz",
        told=f"{AUDIT}/reading.json",
    output:
        page=f"{AUDIT}.html",
        table=f"{AUDIT}.csv",
        json=f"{AUDIT}.json",
        result=f"{AUDIT}/result.npz",
    log:
        f"{AUDIT}/logs/page.log",
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code("audit_page"),
        title=lambda w: Path(audit_of(w)["images"]).resolve().name,
        settings=lambda w: asdict(AUDITS[w.audit]),
        attackers=lambda w: [asdict(one) for one in attackers_of(AUDITS[w.audit])],
        public=lambda w: audit_of(w).get("public"),
    message:
        "Write {output.page}, which shows private images"
    script:
        "../scripts/audit_page.py"
