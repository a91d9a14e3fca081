"""Commands that belong to training on encryptions."""

import argparse

from instahide.commands.options import add_command

SCHEME_NAMES = ("cross", "inside", "mixup", "mixup-inside")


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    command = add_command(
        commands,
        "conformance",
        run_conformance,
        "check anybody's implementation of InstaHide from what it makes of test images",
    )
    command.add_argument(
        "implementation",
        metavar="MODULE:FUNCTION",
        help="called with public images (none for the inside schemes), returns what encrypts "
        "(images, labels); options follow behind commas; its code is run, see "
        "docs/training.md",
    )
    command.add_argument(
        "--scheme", choices=SCHEME_NAMES, default="cross", help="what it is said to be"
    )
    command.add_argument("--k", type=int, default=4, help="images in a mixture")
    command.add_argument("--c1", type=float, default=0.65, help="no coefficient exceeds it")
    command.add_argument(
        "--c2", type=float, default=0.3, help="the least sum of the two private coefficients"
    )
    command.add_argument(
        "--inputs",
        choices=("uint8", "unit", "signed"),
        default="uint8",
        help="images given as bytes, floats from 0 to 1, or floats from -1 to 1",
    )
    command.add_argument(
        "--arrays",
        choices=("torch", "numpy"),
        help="what it takes (default: torch where PyTorch is installed)",
    )
    command.add_argument(
        "--batches", type=int, default=80, help="of 32 images; more find subtler faults"
    )


def run_conformance(options: argparse.Namespace) -> int:
    """Print a table of verdicts; return 1 where a fault is found."""
    from instahide.choice import choose
    from instahide.encodings.instahide.scheme import Scheme
    from instahide.training.conformance import check

    scheme = Scheme(options.scheme, options.k, options.c1, options.c2)
    report = check(
        choose("implementation", options.implementation, {}),
        scheme,
        batches=options.batches,
        inputs=options.inputs,
        torch=None if options.arrays is None else options.arrays == "torch",
    )
    print(report)
    count = len(report.faults)
    print(f"{count or 'no'} fault{'' if count == 1 else 's'} found")
    return 0 if report.passed else 1
