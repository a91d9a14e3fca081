"""What is asked for on the command line, looked at before any job is thought of.

A name that nothing makes is answered with the nearest one, and what another configuration
made under the same name is not replaced without a word.
"""

from instahide.configurations import (
    load_made,
    replaced,
    save_made,
    sources,
    sources_of_training,
    things,
    warning,
)
from instahide.nearest import nearest
from snakemake.cli import get_argument_parser
from snakemake.io import strip_wildcard_constraints
from snakemake.logging import logger

NAMES = {
    "challenge": config["challenges"],
    "pool": config["public"],
    "set": config["private"],
    "attack": ATTACKS,
    "data": config["data"],
    "training": config["training"],
    "sweep": config["sweeps"],
    "audit": config["audits"],
    "half": ("pool", "others"),
    "run": {seed for given in config["training"].values() for seed in given["seeds"]},
}


def targets():
    """The targets of the command line, which Snakemake does not tell before it needs them."""
    if not workflow.is_main_process or Path(sys.argv[0]).stem not in ("snakemake", "__main__"):
        return []  # a job of a running workflow, or another program
    given = get_argument_parser().parse_args(sys.argv[1:]).targets
    return [name if name in RULES else os.path.relpath(name) for name in given or ["all"]]


def wildcards_of(path):
    """The wildcards of a path for each rule that makes it."""
    return [rule.get_wildcards(path) for rule in workflow.rules if rule.is_producer(path)]


def is_there(wildcards):
    """Tell whether names that the patterns leave open are there."""
    attack = wildcards.get("attack", "mean")
    if attack not in ATTACKS:  # may be a folder of the user's own, see docs/attacks.md
        folder = Path(f"results/{wildcards['challenge']}/attacks/{attack}")
        return Path(folder, "decryption.npy").exists()
    if "run" in wildcards:
        return int(wildcards["run"]) in config["training"][wildcards["training"]]["seeds"]
    if "rows" in wildcards:
        settings = AUDITS[wildcards["audit"]]
        who = {one.name for one in attackers_of(settings)}
        return int(wildcards["rows"]) in settings.all_rows and (
            wildcards.get("attacker", "photos") in who
        )
    if "shard" in wildcards:
        return int(wildcards["shard"]) < config["public"][wildcards["pool"]]["shards"]
    if "kind" in wildcards:
        source = config[wildcards["kind"]].get(wildcards["name"], {}).get("source", {})
        return "url_list" in source or "url" in source
    return "trail" not in wildcards or f"{wildcards['trail']}/{wildcards['product']}" in STEPS


def could_be_made():
    """Yield rules and paths that could be asked for, but the parts of pools and attacks."""
    for rule in workflow.rules:
        if not rule.has_wildcards():
            yield rule.name
        for pattern in map(strip_wildcard_constraints, rule.output):
            wanted = set(re.findall(r"{(\w+)}", pattern))
            if wanted <= NAMES.keys():
                for path in expand(pattern, **{key: NAMES[key] for key in wanted}):
                    if rule.is_producer(path):
                        yield path


def things_for(target):
    """The folders of pools, private sets and challenges that a target is made from."""
    if target in RULES:
        return [] if target == "samples" else list(things(config))
    folders = []
    for wildcards in wildcards_of(target):
        if "challenge" in wildcards:
            challenge = config["challenges"][wildcards["challenge"]]
            folders += [f"results/{wildcards['challenge']}", *sources(challenge)]
        folders += [f"results/public/{wildcards['pool']}"] if "pool" in wildcards else []
        folders += [f"results/private/{wildcards['set']}"] if "set" in wildcards else []
        folders += [f"results/data/{wildcards['data']}"] if "data" in wildcards else []
        folders += [f"results/audits/{wildcards['audit']}"] if "audit" in wildcards else []
        folders += points_from(wildcards["sweep"]) if "sweep" in wildcards else []
        if "training" in wildcards:
            given = config["training"][wildcards["training"]]
            folders += [
                f"results/training/{wildcards['training']}",
                *sources_of_training(given),
            ]
    return folders


def points_from(sweep):
    """The folders of pools that a sweep is made from; its points are named by their content."""
    points = config["sweeps"][sweep]["points"]
    return sorted({f"results/public/{point['pool']}" for point in points if point["pool"]})


RULES = {rule.name for rule in workflow.rules}
CONFIGURATION = tuple(map(os.path.relpath, workflow.configfiles)) or ("--config",)
TARGETS = targets()
for target in TARGETS:
    if target not in RULES and not any(map(is_there, wildcards_of(target))):
        raise WorkflowError(
            f"nothing makes {target} with {' and '.join(CONFIGURATION)}: "
            f"{nearest(target, could_be_made())}"
        )

MADE = things(config)
WANTED = {place: MADE[place] for target in TARGETS for place in things_for(target)}
for audit in config["audits"]:
    if f"results/audits/{audit}" in WANTED:
        check_audit(audit)
for place, other in replaced(WANTED, CONFIGURATION, load_made()).items():
    logger.warning(warning(place, other, CONFIGURATION))


onstart:
    if workflow.is_main_process:
        try:
            save_made(WANTED, CONFIGURATION)
        except InstaHideError as error:
            logger.warning(f"Warning: {error}")
