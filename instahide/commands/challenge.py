"""Commands that make and verify challenges."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from instahide.commands.options import (
    add_command,
    add_force,
    add_image,
    add_seed,
    add_threads,
    add_trusted,
    parse_key,
    tell_who_looks,
)
from instahide.encodings.instahide.scheme import SCHEMES, Scheme
from instahide.randomness import historical

if TYPE_CHECKING:
    from instahide.encodings.augmentation import Augmentation
    from instahide.encodings.choice import EncodingChoice


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    for add in (add_samples, add_pool, add_private, add_encrypt, add_verify, add_keys):
        add(commands)


def add_samples(commands) -> None:
    """Add `instahide samples`."""
    command = add_command(commands, "samples", run_samples, "write photos to start with")
    command.add_argument("folder", type=Path, help="gets two folders: public and private")
    add_force(command)


def run_samples(options: argparse.Namespace) -> int:
    """Write the photos that come with installed packages."""
    from instahide.photos.samples import save_samples

    save_samples(options.folder / "public", options.folder / "private")
    print(f"public photos: {options.folder / 'public'}")
    print(f"private images, a folder per class: {options.folder / 'private'}")
    return 0


def add_pool(commands) -> None:
    """Add `instahide pool`."""
    command = add_command(
        commands, "pool", run_pool, "make a pool of public images from photos"
    )
    command.add_argument(
        "photos", type=Path, help="a folder tree, a tar, a tar of tars (ImageNet) or a zip"
    )
    command.add_argument("--out", type=Path, required=True, help="the pool, a Zarr store")
    command.add_argument(
        "--crops-per-photo", type=int, default=25, metavar="N", help="random square crops"
    )
    command.add_argument(
        "--crop-size",
        type=int,
        nargs=2,
        default=(64, 128),
        metavar=("MIN", "MAX"),
        help="smallest and largest side of a crop, in pixels (default 64 128)",
    )
    command.add_argument(
        "--key-points",
        type=int,
        default=40,
        metavar="N",
        help="keep crops with more SIFT key points than this (default 40)",
    )
    command.add_argument(
        "--most-skipped",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of photos that may be unusable (default 0.1)",
    )
    command.add_argument("--seed", type=int, default=0, help="of the crops; no secret")
    add_image(command)
    add_threads(command)
    add_force(command)


def run_pool(options: argparse.Namespace) -> int:
    """Make a pool of public images."""
    from instahide.photos.listing import list_photos
    from instahide.pool.build import build_pool
    from instahide.pool.crops import CropSettings
    from instahide.randomness.keystream import Key

    if options.out.exists() and not options.force:
        print(f"{options.out} exists: the pool is made, and compared with it", file=sys.stderr)
    settings = CropSettings(options.crops_per_photo, *options.crop_size, options.channels)
    report = build_pool(
        options.out,
        list_photos(options.photos),
        Key.from_seed(options.seed),
        settings,
        more_than=options.key_points,
        size=options.size,
        most_skipped=options.most_skipped,
        threads=options.threads,
    )
    print(f"{report['patches']} public images from {report['photos']} photos: {options.out}")
    if report["skipped"]:
        reasons = ", ".join(
            f"{number} {reason}" for reason, number in report["reasons"].items()
        )
        print(f"skipped {report['skipped']} photos: {reasons}")
    return 0


def add_private(commands) -> None:
    """Add `instahide private`."""
    command = add_command(commands, "private", run_private, "select a private set")
    command.add_argument(
        "images",
        type=Path,
        help="a folder with one sub-folder per class, or CIFAR-10's archive",
    )
    command.add_argument("--out", type=Path, required=True, help="the private set, .npz")
    command.add_argument(
        "--images",
        dest="count",
        type=int,
        default=100,
        metavar="N",
        help="images to select, as equally many of each class as possible",
    )
    add_seed(command)
    add_image(command)
    add_force(command)


def run_private(options: argparse.Namespace) -> int:
    """Select a private set."""
    from instahide.challenge.private import load_private
    from instahide.challenge.selection import select_private
    from instahide.placing import refuse_existing

    if options.seed is None:  # another set every time
        refuse_existing(options.out)
    key = parse_key(options.seed)
    select_private(
        options.out,
        options.images,
        key,
        count=options.count,
        size=options.size,
        channels=options.channels,
    )
    chosen = load_private(options.out)
    print(f"{len(chosen.images)} images of {len(chosen.class_names)} classes: {options.out}")
    tell_who_looks(options.out)
    return 0


def add_encrypt(commands) -> None:
    """Add `instahide encrypt`."""
    command = add_command(commands, "encrypt", run_encrypt, "make a challenge")
    command.add_argument("--private", type=Path, required=True, help="private set, .npz")
    command.add_argument("--public", type=Path, help="pool; the inside schemes need none")
    command.add_argument("--out", type=Path, required=True, help="folder of the challenge")
    command.add_argument(
        "--encoding",
        default="instahide",
        metavar="CHOICE",
        help="instahide, with the options below; or dp-instahide, or module:function, with "
        ",option=value (default %(default)s)",
    )
    command.add_argument(
        "--scheme",
        choices=SCHEMES,
        default=Scheme.name,
        help="cross mixes 2 private and k - 2 public images, inside k private ones; the mixup "
        "ones are the same without the mask",
    )
    command.add_argument("--k", type=int, default=Scheme.k, help="images in a mixture")
    command.add_argument("--c1", type=float, default=Scheme.c1, help="largest coefficient")
    command.add_argument("--c2", type=float, default=Scheme.c2, help="least private sum")
    command.add_argument(
        "--rows-per-image",
        type=int,
        default=Scheme.rows_per_image,
        metavar="T",
        help="encryptions that each private image leads",
    )
    command.add_argument(
        "--generator",
        default="aes256-ctr",
        metavar="NAME",
        help=f"aes256-ctr (default), or {historical.NAME}, whose seed is found in minutes",
    )
    command.add_argument(
        "--public-use",
        metavar="USE",
        help=f"of {historical.NAME}: one-batch (default) or fresh public images",
    )
    command.add_argument(
        "--augmentation",
        metavar="OPTIONS",
        help="transform each image anew before it is mixed, as in crop_padding=4,flip=true; "
        "also fill=grey, rotation, translation, crop, public=true (default: not at all)",
    )
    command.add_argument(
        "--treatment",
        metavar="LIST",
        help="treat rows before they are released, as in gaussian=0.1,rounding=8; also "
        "laplace=, jpeg=, jpeg444=, clip= (default: not at all)",
    )
    add_seed(command)
    add_threads(command)
    add_force(command)


def run_encrypt(options: argparse.Namespace) -> int:
    """Make a challenge: encryptions, labels, manifest, secrets, release."""
    from instahide.challenge.making import make_challenge
    from instahide.participants.notice import notice_of
    from instahide.participants.releasing import save_companions

    chosen = chosen_encoding(options)
    key = parse_key(options.seed, options.generator)
    notice = notice_of(options.out.resolve().name)
    make_challenge(
        options.out,
        options.private,
        options.public,
        key,
        chosen,
        threads=options.threads,
        accompany=partial(save_companions, notice=notice),
    )
    if options.generator == historical.NAME:
        origin = "32 bits of the system's" if options.seed is None else "as given"
        print(f"seed: {origin}; the released labels give it away, see docs/prng.md")
    print(f"challenge: {options.out}; publish release.zip and nothing of secret/")
    return 0


def chosen_encoding(options: argparse.Namespace) -> "EncodingChoice":
    """Return the encoding that the options choose.

    Raises
    ------
    InstaHideError
        When options of InstaHide are given with another one.
    """
    from instahide.encodings.catalogue import choose_encoding
    from instahide.encodings.choice import INSTAHIDE, of_scheme
    from instahide.errors import InstaHideError

    given = (options.scheme, options.k, options.c1, options.c2, options.rows_per_image)
    if options.encoding == INSTAHIDE:
        augmentation = options.augmentation and read_augmentation(options.augmentation)
        more = (options.public_use, augmentation, options.treatment)
        return of_scheme(Scheme(*given), options.generator, *more)
    for name in ("augmentation", "treatment"):
        if getattr(options, name):
            raise InstaHideError(f"--{name} is InstaHide's: leave it out")
    chosen, usual = choose_encoding(options.encoding), Scheme()
    if given != tuple(vars(usual).values()) or options.generator == historical.NAME:
        raise InstaHideError(
            f"--scheme, --k, --c1, --c2, --rows-per-image and --generator are InstaHide's: "
            f"write options of {chosen.name} behind its name, as in "
            f"--encoding {chosen.name},rows_per_image=10"
        )
    return chosen


def read_augmentation(text: str) -> "Augmentation":
    """Read ``key=value,…``.

    Raises
    ------
    InstaHideError
        When it is of another form, or no augmentation.
    """
    from instahide.choice import choose
    from instahide.encodings.augmentation import Augmentation
    from instahide.errors import InstaHideError

    try:
        options = choose("augmentation", f"augmentation,{text}", {"augmentation": ""}).options
    except InstaHideError:
        raise InstaHideError(
            f"--augmentation {text!r} is not of the form crop_padding=4,flip=true"
        ) from None
    truths = {"true": True, "false": False}
    return Augmentation.of(
        {key: truths.get(str(value), value) for key, value in options.items()}
    )


def add_verify(commands) -> None:
    """Add `instahide verify`."""
    command = add_command(
        commands, "verify", run_verify, "make a challenge again and compare each file"
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge")
    command.add_argument("--private", type=Path, help="private set (default: the secret copy)")
    command.add_argument("--public", type=Path, help="pool; the inside schemes need none")
    add_trusted(command)
    add_seed(command, default="default: the secret copy")


def run_verify(options: argparse.Namespace) -> int:
    """Verify a challenge."""
    from instahide.challenge.folder import ChallengeFolder, load_seed
    from instahide.challenge.manifest import load_manifest
    from instahide.challenge.verification import verify_files
    from instahide.encodings.catalogue import told_by

    folder = ChallengeFolder(options.challenge)
    chosen = told_by(load_manifest(folder), options.encoding)
    key = load_seed(folder.seed) if options.seed is None else parse_key(options.seed)
    private = options.private or folder.private
    result = verify_files(folder, private, options.public, key, chosen)
    print(result.as_text())
    return 0 if result.passed else 1


def add_keys(commands) -> None:
    """Add `instahide keys`."""
    command = add_command(commands, "keys", run_keys, "print the table of configuration keys")
    command.add_argument("schema", type=Path, nargs="?", help="default: the package's own")
    command.add_argument(
        "--into", type=Path, help="a Markdown file to put it in, between <!-- keys --> marks"
    )


def run_keys(options: argparse.Namespace) -> int:
    """Print the table of configuration keys, or put it into a text."""
    from instahide.files import save_text
    from instahide.schema import insert_table, load_schema, table

    keys = table(load_schema(options.schema))
    if options.into is None:
        print(keys, end="")
    else:
        text = insert_table(options.into.read_text(encoding="utf-8"), keys)
        save_text(options.into, text, update=True)  # all but the table is as it was
    return 0
