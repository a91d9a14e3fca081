"""Commands for those who take part, and for publishing what they see."""

import argparse
from dataclasses import replace
from pathlib import Path

from instahide.commands.options import add_command, add_force


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    for add in (add_check_submission, add_release, add_site):
        add(commands)


def add_check_submission(commands) -> None:
    """Add `instahide check-submission`."""
    command = add_command(
        commands,
        "check-submission",
        run_check_submission,
        "say what is understood of a submission, or what is wrong with it; needs no truth",
    )
    command.add_argument("submission", type=Path, help="the zip, or a .npy file")
    command.add_argument(
        "release", type=Path, help="release.zip, or the folder it was unpacked into"
    )


def run_check_submission(options: argparse.Namespace) -> int:
    """Check a submission."""
    from instahide.participants.checking import check_submission

    found = check_submission(options.submission, options.release)
    print(found.as_text())
    return 0 if found.ready else 1


def add_release(commands) -> None:
    """Add `instahide release`."""
    command = add_command(
        commands,
        "release",
        run_release,
        "write participants.html, sample_submission.zip and release.zip of a challenge anew",
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge")
    command.add_argument("--title", help="of the page (default: the folder's name)")
    command.add_argument(
        "--licence",
        help="of the data, in words (default: the page says that none was named)",
    )
    command.add_argument(
        "--deadline", metavar="TIME", help="in UTC, as in 2026-12-31T23:59:59Z (default: none)"
    )
    command.add_argument(
        "--per-day",
        type=int,
        default=0,
        metavar="N",
        help="files of a team that are scored in a day; 0 is any number",
    )
    add_force(command)


def run_release(options: argparse.Namespace) -> int:
    """Write what a release holds beside the arrays, and pack it."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.participants.notice import notice_of
    from instahide.participants.releasing import release_again

    folder = ChallengeFolder(options.challenge)
    notice = notice_of(
        folder.path.resolve().name,
        options.licence or "",
        deadline=options.deadline or "",
        per_day=options.per_day,
    )
    notice = replace(notice, title=options.title) if options.title else notice
    release_again(folder, notice)
    print(f"release: {folder.release}, with {folder.participants.name}")
    return 0


def add_site(commands) -> None:
    """Add `instahide site`."""
    command = add_command(
        commands, "site", run_site, "gather boards and participants' pages in a static folder"
    )
    command.add_argument("out", type=Path, help="the folder, for any web server or Pages host")
    command.add_argument("challenge", type=Path, nargs="+", help="folders of challenges")
    command.add_argument(
        "--without-releases", action="store_true", help="leave out each release.zip"
    )
    command.add_argument(
        "--with-galleries",
        action="store_true",
        help="show galleries, and so private images: for when a challenge is over "
        "(default: leave them out)",
    )
    add_force(command)


def run_site(options: argparse.Namespace) -> int:
    """Write the site."""
    from instahide.participants.site import save_site

    save_site(
        options.out,
        options.challenge,
        with_releases=not options.without_releases,
        with_galleries=options.with_galleries,
    )
    print(f"site: {options.out / 'index.html'}")
    if options.with_galleries:
        print("it shows galleries, and so private images")
    else:
        print("galleries, which show private images, were left out (--with-galleries)")
    return 0
