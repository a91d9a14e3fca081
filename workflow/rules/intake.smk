"""Submissions: what lies in `results/{challenge}/submissions/` is taken in, and told of.

A zip without a record of the same name beside it is scored within limits. The log and the
copies stay whatever becomes of the files; see docs/intake.md.
"""


localrules:
    intake,


rule intake:
    """Score what was handed in, each file within limits."""
    input:
        f"{CHALLENGE}/challenge.json",
        handed_in,
        **secrets("truth", "private", "seed"),
    output:
        records=f"{CHALLENGE}/submissions/intake/records.json",
        teams=f"{CHALLENGE}/submissions/intake/teams.md",
        entries=f"{CHALLENGE}/submissions/intake/entries.csv",
    log:
        f"{CHALLENGE}/logs/intake.log",
    params:
        code=code("intake"),
        rules=intake_rules,
    message:
        "Take in what was handed in to {wildcards.challenge}"
    script:
        "../scripts/intake.py"
