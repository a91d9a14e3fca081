"""Scores: baselines and attacks against the truth, leaderboards, galleries, organiser's page.

What is scored is any folder `results/{challenge}/attacks/{attack}/` with a
`decryption.npy`; the rules of the attacks make them. Only the rules here open the truth.
Records of others' submissions are put into `results/{challenge}/submissions/`.
"""


wildcard_constraints:
    attack="[a-zA-Z0-9][a-zA-Z0-9._-]*",


localrules:
    ssim,
    check,
    ablation,
    overview,
    results_page,


# A report shows private images: only its maker may read it, even where it is made by hand.
if any(word.split("=")[0] == "--report" for word in sys.argv):
    os.umask(0o077)


rule score:
    """Score what an attack recovered."""
    input:
        f"{CHALLENGE}/challenge.json",
        **secrets("truth", "private"),
        decryption=f"{ATTACK}/decryption.npy",
    output:
        score=f"{ATTACK}/score.json",
        rows=f"{ATTACK}/rows.csv",
        record=f"{ATTACK}/record.json",
    log:
        f"{CHALLENGE}/logs/score-{{attack}}.log",
    params:
        code=code("score"),
        # Not on [-1, 1], and meant so: encryptions without their signs.
        assume_range=lambda w: w.attack in NOT_ON_RANGE,
    message:
        "Score {wildcards.attack} on {wildcards.challenge}"
    script:
        "../scripts/score.py"


rule gallery:
    """Draw private images beside what an attack recovered of them."""
    input:
        f"{CHALLENGE}/encryption.npy",
        **secrets("truth", "private"),
        decryption=f"{ATTACK}/decryption.npy",
    output:
        report(
            f"{ATTACK}/gallery.png",
            caption="../report/gallery.rst",
            category="Galleries",
            labels={"challenge": "{challenge}", "attack": "{attack}"},
        ),
    log:
        f"{CHALLENGE}/logs/gallery-{{attack}}.log",
    params:
        code=code("gallery"),
    message:
        "Draw the gallery of {wildcards.attack} on {wildcards.challenge}"
    script:
        "../scripts/gallery.py"


rule ssim:
    """Draw how the rows' scores are distributed."""
    input:
        of_attacks("rows.csv"),
    output:
        report(
            f"{CHALLENGE}/ssim.png",
            caption="../report/ssim.rst",
            category="Scores",
            labels={"challenge": "{challenge}", "what": "SSIM by row"},
        ),
    log:
        f"{CHALLENGE}/logs/ssim.log",
    params:
        code=code("ssim"),
    message:
        "Draw the scores by row of {wildcards.challenge}"
    script:
        "../scripts/ssim.py"


rule protection:
    """Draw what augmentation protects, as it was measured on other images."""
    input:
        package_files("leaderboard/protection.csv"),
    output:
        report(
            "results/protection.png",
            caption="../report/protection.rst",
            category="Scores",
            labels={"challenge": "all", "what": "what augmentation protects"},
        ),
    log:
        "results/logs/protection.log",
    params:
        code=code("protection"),
    message:
        "Draw what augmentation protects"
    script:
        "../scripts/protection.py"


rule leaderboard:
    """Rank attacks, baselines, submissions and what was reported in 2020."""
    input:
        f"{CHALLENGE}/challenge.json",
        of_attacks("decryption.npy"),
        submissions(".npy", ".zip"),
        package_files("leaderboard/reported/*.json"),
        package_files("leaderboard/templates/*"),
        **secrets("truth", "private"),
        attacks=of_attacks("record.json"),
        submissions=submissions(".json"),
        taken_in=lambda w: records_taken_in(submitted_to(w)),
    output:
        f"{CHALLENGE}/leaderboard.md",
        f"{CHALLENGE}/leaderboard.csv",
        report(
            f"{CHALLENGE}/leaderboard.html",
            caption="../report/leaderboard.rst",
            category="Scores",
            labels={"challenge": "{challenge}", "what": "leaderboard"},
        ),
    log:
        f"{CHALLENGE}/logs/leaderboard.log",
    params:
        code=code("leaderboard"),
        reported=lambda w: challenge_of(w).get("reported", False),
    message:
        "Rank the results on {wildcards.challenge}"
    script:
        "../scripts/leaderboard.py"


rule overview:
    """List all challenges, and the best attacks on each."""
    input:
        package_files("leaderboard/templates/*"),
        expand("results/sweeps/{sweep}.csv", sweep=config["sweeps"]),
        curves(),
        planes(),
        overviewed("challenge.json", "leaderboard.html"),
        overviewed_attacks("record.json"),
        overviewed_attacks("gallery.png"),
        overviewed_submissions,
    output:
        "results/index.md",
        report(
            "results/index.html",
            caption="../report/overview.rst",
            category="Scores",
            labels={"challenge": "all", "what": "overview"},
        ),
    log:
        "results/logs/overview.log",
    params:
        code=code("overview"),
        attacks={name: given["attacks"] for name, given in listed("challenges").items()},
        sweeps=list(config["sweeps"]),
    message:
        "List all challenges"
    script:
        "../scripts/overview.py"


rule results_page:
    """Put what was found on one page: sentences, boards, curves, recovered images."""
    input:
        package_files("leaderboard/templates/*"),
        overviewed("challenge.json", "encryption.npy", "label.npy"),
        overviewed("secret/truth.npz", "secret/private.npz"),
        overviewed_attacks("record.json"),
        overviewed_attacks("decryption.npy"),
        overviewed_submissions,
        curves(),
        planes(),
        PIPELINE,
    output:
        f"results/report{OF_CONFIGURATION}.html",
    log:
        f"results/logs/report{OF_CONFIGURATION}.log",
    params:
        code=code("results_page"),
        attacks={name: given["attacks"] for name, given in listed("challenges").items()},
        pictures=pictures_of_page(),
        beside=f"workflow{OF_CONFIGURATION}.html",
    message:
        "Put what was found on one page"
    script:
        "../scripts/results_page.py"


rule ablation:
    """Set the attacks of several steps side by side, over challenges alike."""
    input:
        attacked("challenge.json"),
        scores=staged("score.json"),
        attacks=staged("attack.json"),
    output:
        report(
            "results/ablation.md",
            caption="../report/ablation.rst",
            category="Scores",
            labels={"challenge": "all", "what": "ablation"},
        ),
    log:
        "results/logs/ablation.log",
    params:
        code=code("ablation"),
    message:
        "Compare the attacks of several steps"
    script:
        "../scripts/ablation.py"


rule check:
    """Look at everything that counts before a challenge is published."""
    input:
        baseline_records,
        package_files("leaderboard/templates/*"),
        f"{CHALLENGE}/release.zip",
        f"{CHALLENGE}/verification.txt",
        **secrets("truth", "private", "seed"),
    output:
        report(
            f"{CHALLENGE}/check.html",
            caption="../report/check.rst",
            category="Before publishing",
            labels={"challenge": "{challenge}", "what": "check"},
        ),
    log:
        f"{CHALLENGE}/logs/check.log",
    params:
        code=code("check"),
    message:
        "Check that {wildcards.challenge} can be published"
    script:
        "../scripts/check.py"
