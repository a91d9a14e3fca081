"""The command for one's own images: what leaks from them?"""

import argparse
from pathlib import Path

from instahide.commands.options import add_command, add_force

QUICK_IMAGES, QUICK_SIZE = 50, 32
FULL_CURVE = (1, 2, 5, 20, 50)


def add_commands(commands) -> None:
    """Add `instahide audit`."""
    command = add_command(
        commands, "audit", run_command, "see what leaks from your own images, in one page"
    )
    command.add_argument(
        "folder", type=Path, help="your images, with or without a sub-folder for each class"
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="PAGE",
        help="the page, PAGE.html; a table, a JSON file and a folder get its name (default: "
        "audit-of-FOLDER/audit.html)",
    )
    _add_reading(command)
    _add_encryption(command)
    length = command.add_mutually_exclusive_group()
    length.add_argument(
        "--quick",
        action="store_true",
        help=f"at most {QUICK_IMAGES} images, of {QUICK_SIZE} × {QUICK_SIZE} pixels unless "
        "--size says otherwise, and no curve: minutes",
    )
    length.add_argument(
        "--full",
        action="store_true",
        help=f"try {', '.join(map(str, FULL_CURVE))} encryptions of each image besides",
    )
    add_force(command)


def _add_reading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help="side of the squares that images are resampled to (default: from the images, at "
        "most 64)",
    )
    command.add_argument(
        "--square",
        choices=("crop", "pad"),
        default="crop",
        help="what becomes of images that are not square (default crop)",
    )
    command.add_argument(
        "--channels",
        type=int,
        choices=(1, 3),
        help="3 for colour, 1 for grey (default: 1 where all images are grey)",
    )
    command.add_argument(
        "--images", type=int, metavar="N", help="at most N of them (default: all)"
    )


def _add_encryption(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--k", type=int, default=4, metavar="K", help="images in a mixture (default 4)"
    )
    command.add_argument(
        "--rows-per-image",
        type=int,
        default=10,
        metavar="T",
        help="encryptions of each image, one for each epoch of a training (default 10)",
    )
    command.add_argument(
        "--augment",
        action="store_true",
        help="crop and flip images at random before each mixture, as training does",
    )
    public = command.add_mutually_exclusive_group()
    public.add_argument(
        "--public",
        type=Path,
        metavar="FOLDER",
        help="public photos, half of them to mix in, half for the attacker (default: photos "
        "that come with installed packages)",
    )
    public.add_argument(
        "--inside", action="store_true", help="mix private images only, no public ones"
    )
    command.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")


def run_command(options: argparse.Namespace) -> int:
    """Audit a folder, and say in a few lines what came back."""
    from instahide.auditing.alike import alike_another
    from instahide.auditing.page import answer_of, rank_attackers
    from instahide.auditing.reading import Reading
    from instahide.auditing.settings import AuditSettings
    from instahide.auditing.whole import run_audit
    from instahide.auditing.words import EXPLAINED, counted, share
    from instahide.auditing.workfolder import usual_page
    from instahide.progress import announce, briefly

    rows = options.rows_per_image
    settings = AuditSettings(
        k=options.k,
        rows_per_image=rows,
        inside=options.inside,
        augment=options.augment,
        curve=_curve(options, rows),
        seed=options.seed,
    )
    reading = Reading(
        options.size or (QUICK_SIZE if options.quick else None),
        options.square,
        options.channels,
        min(options.images or QUICK_IMAGES, QUICK_IMAGES) if options.quick else options.images,
    )
    page = options.out or usual_page(options.folder)
    try:
        with briefly():
            result = run_audit(
                options.folder, page, settings, reading=reading, public=options.public
            )
    except KeyboardInterrupt:
        announce("The same command goes on from here.")
        raise
    ranked = rank_attackers(result)
    alike = alike_another(result.images, settings.margin)
    answer = answer_of(result, ranked, alike)
    print("\n".join([answer.verdict, *answer.remarks]))
    for one in () if answer.untold else ranked:
        came_back = share(one.recognised, len(result.files))
        print(f"- an attacker who {one.attacker.words}: {came_back}")
        print(f"  ({EXPLAINED[one.attacker.name]})")
    if result.unreadable:
        print(f"{counted(len(result.unreadable), 'file')} could not be used, see the page")
    print(f"The page, which shows your private images: {page}")
    return 0


def _curve(options: argparse.Namespace, rows: int) -> tuple[int, ...]:
    """Return the numbers of encryptions that are tried besides."""
    from instahide.auditing.settings import usual_curve

    if options.full:
        return FULL_CURVE
    return () if options.quick else usual_curve(rows)
