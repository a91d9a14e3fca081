"""The scoring program of a platform: one submission in, ``scores.json`` or a sentence out.

`instahide.hosting.codabench` and `instahide.hosting.evalai` put this module and all that it
imports into their bundles, so what is imported here decides which libraries a platform needs.
"""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.files import save_json
from instahide.scoring.metrics import METRICS
from instahide.scoring.score import TITLES, Score, format_table, score_images
from instahide.scoring.submission import read_submission, read_unpacked

SCORES = "scores.json"
#: What a platform shows of a score: key in `SCORES`, and title of the column.
SHOWN_COLUMNS = {name: TITLES[name] for name in METRICS} | {
    "low": "Max_SSIM, low end",
    "high": "Max_SSIM, high end",
}
REFUSED, FAILED = 2, 1  # exit codes


def run_program(arguments: Sequence[str]) -> int:
    """Score a submission on a platform.

    Nothing that is printed tells of the truth: not which images a row mixes, nor a traceback.

    Parameters
    ----------
    arguments : sequence of str
        The folder with ``truth.npz`` and ``private.npz``; the submission, a file or the
        folder that it was unpacked into; the folder that gets ``scores.json``.

    Returns
    -------
    int
        0; 2 where the submission is refused, with a sentence on standard error; 1 where
        the program itself fails.
    """
    reference, submission, out = map(Path, arguments)
    try:
        found = score_submission(reference, submission)
        save_json(out / SCORES, as_columns(found))
    except InstaHideError as error:
        print(f"refused: {error}", file=sys.stderr)
        return REFUSED
    except Exception as error:  # whatever it is, teams read it
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"the scoring program failed ({type(error).__name__}, {Path(place.filename).name} "
            f"line {place.lineno}); that is no fault of the submission: tell the organisers",
            file=sys.stderr,
        )
        return FAILED
    print(format_table(found))
    if found.hint:
        print(f"hint: {found.hint}")
    return 0


def score_submission(reference: Path, submission: Path) -> Score:
    """Score a submission, a file or a folder, against the truth in a folder.

    Raises
    ------
    InstaHideError
        When it is refused, see `instahide.scoring.submission`.
    """
    plan = load_plan(reference / "truth.npz")
    images = load_private(reference / "private.npz").images
    read = read_unpacked if submission.is_dir() else read_submission
    decryption = read(submission, shape=(len(plan), *images.shape[1:])).decryption
    return score_images(decryption, plan, images)


def as_columns(score: Score) -> dict[str, float]:
    """Return the values of `SHOWN_COLUMNS`, all of their digits."""
    ends = score.summary["max_ssim"]
    means = {name: score.summary[name].mean for name in METRICS}
    return means | {"low": ends.low, "high": ends.high}
