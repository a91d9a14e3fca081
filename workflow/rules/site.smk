"""The public site: `snakemake site` gathers boards and participants' pages in `results/site/`."""


rule site:
    """Gather what is public of all challenges in a static folder, without galleries."""
    input:
        package_files("leaderboard/templates/*"),
        overviewed(
            "challenge.json",
            "leaderboard.html",
            "leaderboard.csv",
            "participants.html",
            "release.zip",
        ),
        overviewed_attacks("record.json"),
        overviewed_submissions,
    output:
        directory("results/site"),
    log:
        "results/logs/site.log",
    params:
        code=code("site"),
        challenges=[f"results/{name}" for name in listed("challenges")],
    message:
        "Gather what is public in {output}"
    script:
        "../scripts/site.py"
