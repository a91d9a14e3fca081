"""Commands that hand a challenge to others: platforms, searches, and in the end everybody."""

import argparse
from pathlib import Path

from instahide.commands.options import (
    add_command,
    add_force,
    add_trusted,
    tell_who_looks,
)
from instahide.errors import InstaHideError

PLATFORMS = ("codabench", "evalai")


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    for add in (add_bundle, add_croissant, add_disclose):
        add(commands)


def add_bundle(commands) -> None:
    """Add `instahide bundle`."""
    command = add_command(
        commands, "bundle", run_bundle, "pack a challenge for a platform that scores"
    )
    command.add_argument("platform", choices=PLATFORMS, help="whose form the bundle has")
    command.add_argument("challenge", type=Path, help="folder of the challenge, with secrets")
    command.add_argument("--out", type=Path, required=True, help="the bundle, .zip")
    command.add_argument(
        "--start", required=True, metavar="DATE", help="2027-01-31 or '2027-01-31 18:00', UTC"
    )
    command.add_argument("--end", required=True, metavar="DATE", help="in the same form")
    command.add_argument(
        "--image",
        metavar="NAME",
        help="Docker image that scores; its Dockerfile is in the bundle (default: none, but "
        "Codabench needs one)",
    )
    command.add_argument("--title", help="default: tells the folder's name")
    command.add_argument("--licence", help="of the data, a name or an address (default: none)")
    command.add_argument(
        "--url",
        help="where release.zip can be had (default: in the bundle; EvalAI needs an address)",
    )
    command.add_argument(
        "--per-day", type=int, default=5, metavar="N", help="submissions of a team a day"
    )
    command.add_argument(
        "--submissions", type=int, default=100, metavar="N", help="of a team in all"
    )
    add_force(command)


def run_bundle(options: argparse.Namespace) -> int:
    """Write the bundle of a platform."""
    from instahide.hosting.codabench import save_codabench
    from instahide.hosting.evalai import save_evalai
    from instahide.hosting.pages import NO_LICENCE, Hosting, load_hosted

    if options.platform == "codabench" and not options.image:
        raise InstaHideError(
            "Codabench scores in a Docker image: name it with --image yours/scoring:1, then "
            "build it from the Dockerfile in the bundle"
        )
    hosting = Hosting(
        title=options.title or f"InstaHide challenge: {options.challenge.resolve().name}",
        start=options.start,
        end=options.end,
        per_day=options.per_day,
        total=options.submissions,
        licence=options.licence or NO_LICENCE,
        url=options.url or "",
    )
    challenge = load_hosted(options.challenge, hosting)
    if options.platform == "codabench":
        save_codabench(options.out, challenge, options.image)
    else:
        save_evalai(options.out, challenge)
    print(f"bundle: {options.out}; the truth is in it: give it to the platform alone")
    tell_who_looks(options.out)
    return 0


def add_croissant(commands) -> None:
    """Add `instahide croissant`."""
    command = add_command(
        commands, "croissant", run_croissant, "describe a release for searches of data sets"
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge")
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE.json",
        help="default: croissant.json by release.zip",
    )
    command.add_argument("--url", required=True, help="the page of the data set")
    command.add_argument("--licence", required=True, help="of the data: an address, or a name")
    command.add_argument("--creator", required=True, help="who publishes it")
    command.add_argument("--published", required=True, metavar="DATE", help="when: YYYY-MM-DD")
    command.add_argument("--title", help="default: tells the folder's name")
    command.add_argument("--cite", help="how to cite it (default: all of the above)")
    command.add_argument("--number", default="1.0.0", help="the version of the data")
    command.add_argument(
        "--download",
        default="release.zip",
        metavar="URL",
        help="address of the release (default %(default)s, beside the metadata)",
    )
    add_force(command)


def run_croissant(options: argparse.Namespace) -> int:
    """Write Croissant metadata."""
    from instahide.files import save_json
    from instahide.hosting.croissant import Publication, describe_release

    told = Publication(
        title=options.title or f"InstaHide challenge: {options.challenge.resolve().name}",
        url=options.url,
        licence=options.licence,
        creator=options.creator,
        published=options.published,
        cite=options.cite or "",
        version=options.number,
        download=options.download,
    )
    out = options.out or options.challenge / "croissant.json"
    save_json(out, describe_release(options.challenge, told))
    print(f"metadata: {out}")
    return 0


def add_disclose(commands) -> None:
    """Add `instahide disclose`."""
    command = add_command(
        commands, "disclose", run_disclose, "publish the secrets of a challenge that is over"
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge, with secrets")
    command.add_argument("--out", type=Path, required=True, help="a folder, or a .zip")
    command.add_argument(
        "--public",
        type=Path,
        metavar="POOL",
        help="pool, to make the encryptions again first (default: only all else)",
    )
    command.add_argument(
        "--with-pool",
        action="store_true",
        help="publish the pool too (default: not, since its photos are other people's)",
    )
    command.add_argument(
        "--recipe",
        type=Path,
        metavar="CONFIG.yaml",
        help="how the pool is made (default: not told)",
    )
    add_trusted(command)
    add_force(command)


def run_disclose(options: argparse.Namespace) -> int:
    """Write the disclosure of a challenge."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.challenge.manifest import load_manifest
    from instahide.hosting.disclosure import Disclosure, as_told, save_disclosure
    from instahide.placing import refuse_existing

    if options.out.is_dir():
        refuse_existing(options.out)
    wanted = Disclosure(
        options.challenge, options.public, options.with_pool, options.recipe, options.encoding
    )
    found = save_disclosure(options.out, wanted)
    print(as_told(found, load_manifest(ChallengeFolder(options.challenge))))
    print(
        f"disclosure: {options.out}; the seed and the private images are in it, for everybody"
    )
    return 0
