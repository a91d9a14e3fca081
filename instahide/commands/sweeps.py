"""Commands that look at sweeps."""

import argparse
from pathlib import Path

from instahide.commands.options import add_command, add_force

FORMATS_OF_FIGURES = (".png", ".svg", ".pdf")


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    sweep = commands.add_parser(
        "sweep",
        help="look at the results of a sweep",
        description="Look at the results of a sweep, see docs/sweeps.md.",
    )
    add_plot(sweep.add_subparsers(required=True, metavar="WHAT"))


def add_plot(commands) -> None:
    """Add `instahide sweep plot`."""
    command = add_command(
        commands, "plot", run_plot, "draw a column of a sweep's table against another"
    )
    command.add_argument("table", type=Path, help="the CSV of a sweep")
    command.add_argument("--x", required=True, metavar="COLUMN", help="what goes to the right")
    command.add_argument("--y", default="max_ssim", metavar="COLUMN", help="what goes upwards")
    command.add_argument("--color", default="attack", metavar="COLUMN", help="what makes lines")
    command.add_argument(
        "--panel",
        action="append",
        metavar="COLUMN",
        help="what makes panels; may be repeated (default: one panel)",
    )
    command.add_argument(
        "--where",
        action="append",
        metavar="COLUMN=VALUE",
        help="draw these lines of the table only, n=100 or k=2,4; may be repeated "
        "(default: all)",
    )
    command.add_argument(
        "--average",
        action="append",
        metavar="COLUMN",
        help="take means over it, and say so in the figure; may be repeated (default: means "
        "are taken over seeds, and anything else is refused)",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("sweep.png"),
        metavar="FILE",
        help="a picture: .png, .svg or .pdf",
    )
    add_force(command)


def run_plot(options: argparse.Namespace) -> int:
    """Draw a view of a sweep."""
    from instahide.errors import InstaHideError
    from instahide.figures import save_figure
    from instahide.leaderboard.curves import draw_view
    from instahide.leaderboard.points import read_points, where_told
    from instahide.leaderboard.records import reported_records
    from instahide.leaderboard.sweepviews import View, title_of_view

    if options.out.suffix not in FORMATS_OF_FIGURES:
        raise InstaHideError(
            f"--out {options.out}: its name should end in {', '.join(FORMATS_OF_FIGURES)}"
        )
    every = read_points(options.table)
    points = where_told(every, options.where or [])
    panels, averaged = tuple(options.panel or ()), tuple(options.average or ())
    view = View(options.x, options.y, options.color, panels, averaged)
    title = title_of_view(points, view, every.varying())
    save_figure(options.out, draw_view(points, view, reported_records(), title))
    print(options.out)
    return 0
