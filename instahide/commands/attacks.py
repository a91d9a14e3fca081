"""Commands that attack challenges."""

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instahide.attacks.catalogue import BUILT, NAMED, STAGES, prng, unmixing
from instahide.attacks.recipe import WHITENED
from instahide.commands.options import add_command, add_force, add_threads
from instahide.encodings.instahide.scheme import SCHEMES, Scheme
from instahide.randomness.historical import SEEDS

#: Attacks made of stages, and what they do.
STAGED = {
    "whitened": "learn what public images look like, and take masks and mixtures apart",
    "whitened-classes": "as `whitened`, without the labels' coefficients",
    "whitened-none": "as `whitened`, without any labels",
    "whitened-inside": "as `whitened`, for rows that mix private images only",
    "whitened-dp": "as `whitened`, for DP-InstaHide: means of private images under noise",
    "pool": "find the public images in a pool that is known, and solve exactly",
    "neural": "as in 2020: learn by a network which rows share an image, and follow slopes",
    "neural-v1": "as `neural`, then correct colours by another network",
    "linear": "solve rows that never had a mask (mixup)",
    "linear-classes": "as `linear`, without the labels' coefficients",
    "linear-none": "as `linear`, without any labels",
    "linear-pool": "as `linear-none`, exactly, with a pool that is known",
    "augmented": "as `whitened`, where images were cropped and flipped before they were mixed",
    "augmented-classes": "as `augmented`, without the labels' coefficients",
    "augmented-none": "as `augmented`, without any labels",
    "augmented-pool": "as `pool`, where images were cropped and flipped before they were mixed",
    "augmented-untold": "as `augmented`, and find out how images were cropped and flipped",
}
#: Attacks that begin with each row for itself.
SINGLES = {
    "single": "find each row's public images, row by row, in a pool that is known; no labels",
    "single-labels": "as `single`, then take mixtures of private images apart: for few rows",
}
#: Attacks that InstaHide's authors tried.
AUTHORS_OWN = {
    "averaging": "the authors' own: the mean of the rows that a class leads",
    "publicsearch": "the authors' own: look for each row's public images by how alike they are",
    "learnt-mask": "the authors' own: train a network to take masks off (with the extra torch)",
}
#: The option that gives public photos, and what it means, by what they are.
PHOTO_OPTIONS = {
    "sample": ("--public-sample", "a pool of other photos of the same kind"),
    "pool": ("--pool", "the challenge's pool, or as much of it as is known"),
}
#: The challenge of 2020.
DEFAULTS = {
    "images": 100,
    **{name: getattr(Scheme, name) for name in ("name", "k", "c1", "c2")},
}

if TYPE_CHECKING:
    from instahide.attacks.prng.attack import Setting
    from instahide.attacks.prng.seedsearch import Match
    from instahide.attacks.recipe import Attack
    from instahide.attacks.seen import Seen


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    add_seed_search(commands)
    attack = commands.add_parser(
        "attack",
        help="attack a challenge",
        description="Attack a challenge from its released files; writes decryption.npy, "
        "attack.json and, where the private set is recovered, private.npy.",
    )
    attacks = attack.add_subparsers(required=True, metavar="ATTACK")
    for add in ATTACKS:
        add(attacks)


def add_seed_search(commands) -> None:
    """Add `instahide seed-search`."""
    command = add_command(
        commands,
        "seed-search",
        run_seed_search,
        "find the seed of the generator of 2020 that made some labels",
    )
    command.add_argument("label", type=Path, help="label.npy; its first ten rows suffice")
    command.add_argument(
        "--first", action="store_true", help="stop at the first seed that fits"
    )
    add_setting(command)
    add_search(command)
    add_threads(command)


def run_seed_search(options: argparse.Namespace) -> int:
    """Print every seed that fits, with its largest deviation."""
    from instahide.attacks.prng.seedsearch import load_labels

    matches = find_seeds(options, load_labels(options.label), first=options.first)
    for match in matches:
        print(f"seed {match.seed}, largest deviation {match.deviation:.1e}")
    return 0 if matches else deny(options)


def add_prng(attacks) -> None:
    """Add `instahide attack prng`."""
    command = add_attack(
        attacks,
        "prng",
        run_prng,
        "find the seed of the generator of 2020, with it masks and coefficients, and solve",
    )
    command.add_argument(
        "--seed", type=int, help="the seed, when it is known: nothing is searched"
    )
    add_setting(command)
    add_search(command)
    add_threads(command)


def run_prng(options: argparse.Namespace) -> int:
    """Attack a challenge through the generator of 2020."""
    from instahide.attacks.needs import check_needs, size_of
    from instahide.attacks.prng.seedsearch import Match
    from instahide.attacks.protocol import Run, Stopwatch, save_recovery
    from instahide.attacks.running import given_to, run_step, step_rng
    from instahide.placing import refuse_existing
    from instahide.progress import announce

    out = options.out or options.challenge / "attacks" / "prng"
    refuse_existing(out)  # attack.json tells what time it took
    attack, watch = prng(), Stopwatch()
    seen = see_published(options, attack)
    search, solve = attack.steps
    announce(check_needs([solve.choice], size_of(seen)))
    matches = [] if options.seed is None else [Match(options.seed, 0.0)]
    if not matches:
        with watch.stage(search.name, choice=search.choice.text):
            matches = find_seeds(options, seen.label, first=True)
        if not matches:
            return deny(options)
    with watch.stage(solve.name, choice=solve.choice.text):
        found = [{"matches": [vars(match) for match in matches]}]
        recovery = run_step(solve, seen, (found,), step_rng(1, 0))
    save_recovery(out, recovery, Run(attack.name, given_to(attack, seen), watch.stages))
    print(f"seed {recovery.details['seed']}; public images: {recovery.details['public_use']}")
    tell_recovered(out, options.challenge)
    return 0


def add_staged(attacks) -> None:
    """Add the attacks that are made of stages, such as `instahide attack whitened`."""
    for name, summary in STAGED.items():
        command = add_attack(attacks, name, run_staged, summary)
        add_photos(command, *PHOTO_OPTIONS[NAMED[name].get("public", "sample")])
        for stage, known in STAGES.items():
            command.add_argument(
                f"--{stage}",
                default=NAMED[name].get(stage, WHITENED[stage]),
                metavar="CHOICE",
                help=f"{', '.join(known)} or module:function, with ,option=value "
                "(default %(default)s)",
            )
        add_scheme(command)
        command.add_argument("--seed", type=int, default=0, help="of the attack itself")
        command.set_defaults(attack=name)
        add_setting(command)


def add_singles(attacks) -> None:
    """Add the attacks that begin row by row, such as `instahide attack single`."""
    for name, summary in (SINGLES | AUTHORS_OWN).items():
        command = add_attack(attacks, name, run_single, summary)
        command.set_defaults(public=None)
        public = BUILT[name]().public
        if public != "none":
            add_photos(command, *PHOTO_OPTIONS[public])
        add_scheme(command)
        add_setting(command)
        command.set_defaults(attack=name)


def run_single(options: argparse.Namespace) -> int:
    """Attack with steps that take no options, such as on each row for itself."""
    from instahide.attacks.running import save_attack
    from instahide.placing import refuse_existing

    out = options.out or options.challenge / "attacks" / options.attack
    refuse_existing(out)  # attack.json tells what time it took
    attack = BUILT[options.attack]()
    seen = see_published(
        options,
        attack,
        public=options.public,
        labels=attack.labels,
        knows_pool=attack.public == "pool",
    )
    save_attack(out, attack, seen)
    tell_recovered(out, options.challenge)
    return 0


def add_photos(command: argparse.ArgumentParser, option: str, meaning: str) -> None:
    """Add the option that gives public photos."""
    command.add_argument(
        option, dest="public", type=Path, required=True, metavar="POOL", help=meaning
    )


def add_scheme(command: argparse.ArgumentParser) -> None:
    """Add the option that tells the scheme."""
    command.add_argument(
        "--scheme",
        dest="name",
        choices=SCHEMES,
        help="default: as challenge.json says, else cross",
    )


def run_staged(options: argparse.Namespace) -> int:
    """Attack a challenge with public photos at hand."""
    from instahide.attacks.running import save_attack
    from instahide.placing import refuse_existing

    out = options.out or options.challenge / "attacks" / options.attack
    refuse_existing(out)  # attack.json tells what time it took
    chosen = {stage: getattr(options, stage) for stage in STAGES}
    attack = unmixing(options.attack, **NAMED[options.attack] | chosen)
    seen = see_published(
        options,
        attack,
        public=options.public,
        labels=attack.labels,
        knows_pool=attack.public == "pool",
    )
    save_attack(out, attack, seen, seed=options.seed)
    tell_recovered(out, options.challenge)
    return 0


def see_published(options: argparse.Namespace, attack: "Attack", **others: Any) -> "Seen":
    """Read what an attacker sees, with the public parameters that options or files tell."""
    from instahide.attacks.running import check_encoding
    from instahide.attacks.seen import load_seen

    about = told_of(options.challenge)
    if "encoding" in about:
        check_encoding(attack, about["encoding"]["name"])
        return load_seen(options.challenge, None, about["images"], **others)
    known = published(options)
    images = known.pop("images")
    told = {key: about[key] for key in ("augmentation", "treatment") if key in about}
    return load_seen(options.challenge, {"scheme": known} | told, images, **others)


def tell_recovered(out: Path, challenge: Path) -> None:
    """Print where the recovery is, and the command that scores it."""
    decryption = shlex.quote(str(out / "decryption.npy"))
    print(f"recovered: {out}")
    folder = shlex.quote(str(challenge))
    print(f"whoever has the truth can score it: instahide score {decryption} {folder}")


def add_attack(attacks, name: str, run, summary: str) -> argparse.ArgumentParser:
    """Add an attack: a folder with the released files in, another with the recovery out."""

    def limited(options: argparse.Namespace) -> int:
        from instahide.memory import limited_to

        with limited_to(options.memory):
            return run(options)

    command = add_command(attacks, name, limited, summary)
    command.add_argument(
        "challenge", type=Path, help="a folder with encryption.npy and label.npy"
    )
    command.add_argument(
        "--out", type=Path, help=f"default: attacks/{name} in the challenge's folder"
    )
    command.add_argument(
        "--memory",
        metavar="SIZE",
        help="refuse to start where more is needed, such as 8G (default: what is available, or "
        "what the environment variable INSTAHIDE_MEMORY says)",
    )
    add_force(command)
    return command


def add_setting(command: argparse.ArgumentParser) -> None:
    """Add what is public about a challenge besides its rows and labels."""
    for name, kind, meaning in (
        ("images", int, "number of private images"),
        ("k", int, "images in a mixture"),
        ("c1", float, "largest coefficient"),
        ("c2", float, "least private sum"),
    ):
        command.add_argument(
            f"--{name}",
            type=kind,
            help=f"{meaning} (default: as challenge.json says, if there is one; else "
            f"{DEFAULTS[name]})",
        )


def add_search(command: argparse.ArgumentParser) -> None:
    """Add the options of a seed search."""
    command.add_argument("--start", type=int, default=0, help="first seed to try (default 0)")
    command.add_argument("--stop", type=int, default=SEEDS, help="seed to stop before")
    command.add_argument(
        "--state", type=Path, help="file that lets an interrupted search go on where it was"
    )


def make_setting(options: argparse.Namespace) -> "Setting":
    """Return the setting that the options describe."""
    from instahide.attacks.prng.attack import Setting

    known = published(options)
    return Setting(*(known[name] for name in ("images", "k", "c1", "c2")))


def published(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is public of a challenge: options, else `challenge.json`, else of 2020."""
    known = dict(DEFAULTS)
    if about := told_of(getattr(options, "challenge", None)):
        known |= about["scheme"] | {"images": about["images"]}
    given = {name: getattr(options, name, None) for name in known}
    return known | {name: value for name, value in given.items() if value is not None}


def told_of(challenge: Path | None) -> dict[str, Any]:
    """Return what `challenge.json` tells of the encoding, where there is one."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.challenge.manifest import load_manifest

    if challenge is None or not os.path.lexists(ChallengeFolder(challenge).manifest):
        return {}
    return load_manifest(ChallengeFolder(challenge), needed=("scheme", "images"))


def find_seeds(options: argparse.Namespace, label, *, first: bool) -> "list[Match]":
    """Search the seeds that the options ask for."""
    from instahide.attacks.prng.attack import search_seeds

    return search_seeds(
        label,
        make_setting(options),
        start=options.start,
        stop=options.stop,
        threads=options.threads,
        first=first,
        state=options.state,
    )


def deny(options: argparse.Namespace) -> int:
    """Say that no seed fits; a negative answer."""
    from instahide.attacks.prng.attack import NO_SEED

    print(f"seeds {options.start} to {options.stop - 1}: {NO_SEED}")
    return 1


ATTACKS = (add_prng, add_singles, add_staged)
