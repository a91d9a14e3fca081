"""Scoring a decryption against the truth, and showing the result."""

import csv
import io
import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np

from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.files import sha256_of_arrays
from instahide.images import to_unit_range
from instahide.scoring.metrics import (
    METRICS,
    Interval,
    RowScores,
    challenge_scores,
    check_numbers,
    check_range,
    summarise,
)
from instahide.scoring.roworder import order_hint
from instahide.scoring.submission import read_submission

BOOTSTRAP_SEED = 0  # no secret: the same decryption always gets the same intervals

TITLES = {
    "max_ssim": "Max_SSIM",
    "mean_ssim": "Mean_SSIM",
    "min_l2": "Min_L2",
    "max_l2": "Max_L2",
    "mean_l2": "Mean_L2",
}


@dataclass(frozen=True)
class Score:
    """The challenge's metrics, and of what.

    Attributes
    ----------
    summary : dict of Interval
        Averaged over all rows, with intervals, by name.
    rows : RowScores
    pairs : (E, m) integer array
        The private images of each row.
    decryption : str
        See `decryption_digest`.
    hint : str
        See `instahide.scoring.roworder.order_hint`.
    """

    summary: dict[str, Interval]
    rows: RowScores
    pairs: np.ndarray
    decryption: str
    hint: str = ""


def score(
    decryption: np.ndarray,
    pairs: np.ndarray,
    private: np.ndarray,
    *,
    rng: np.random.Generator,
    assume_range: bool = False,
    name: str = "the decryption",
) -> Score:
    """Score a decryption with the challenge's five metrics.

    Parameters
    ----------
    decryption : (E, H, W, C) float32 array, range [-1, 1]
        One recovered image for each encryption, in the encryptions' order.
    pairs : (E, m) integer array
        The truth: which private images each encryption mixes.
    private : (n, H, W, C) float32 array, range [-1, 1]
    rng : numpy.random.Generator
        For the bootstrap intervals.
    assume_range : bool
        Take the values as they are, for decryptions that only look as if they were not on
        [-1, 1], such as absolute encryptions; numbers they must be.
    name : str
        What to call the decryption in messages.

    Returns
    -------
    Score

    Raises
    ------
    InstaHideError
        When shapes do not agree, or the values are not on [-1, 1] as far as
        `instahide.scoring.metrics.check_range` can tell.
    """
    (check_numbers if assume_range else check_range)(decryption, name=name)
    rows = challenge_scores(decryption, private, pairs)
    return Score(
        summarise(rows, pairs, rng=rng),
        rows,
        pairs,
        decryption_digest(decryption),
        order_hint(decryption, private, pairs),
    )


def score_images(
    decryption: np.ndarray,
    pairs: np.ndarray,
    images: np.ndarray,
    *,
    assume_range: bool = False,
    name: str = "the decryption",
) -> Score:
    """Score a decryption against private images as they are kept, see `score`.

    Parameters
    ----------
    images : (n, H, W, C) uint8 array
    """
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    private = to_unit_range(images)
    return score(decryption, pairs, private, rng=rng, assume_range=assume_range, name=name)


def decryption_digest(decryption: np.ndarray) -> str:
    """Return the SHA-256 of what is scored: the array as float32, however it was packed."""
    return sha256_of_arrays({"decryption": np.asarray(decryption, np.float32)})


def score_file(
    path: Path | str,
    truth: Path | str,
    private: Path | str,
    *,
    assume_range: bool = False,
) -> Score:
    """Score a `.npy` file or a submission's zip, which may be anybody's.

    Parameters
    ----------
    path : path
        See `instahide.scoring.submission.read_submission`.
    truth, private : path
        `truth.npz` and the private set of the challenge.

    Raises
    ------
    InstaHideError
        When one of the files is missing or not what it should be, or as in `score`.
    """
    if not Path(truth).exists():
        raise InstaHideError(f"{truth} does not exist: only who has the truth can score")
    pairs, images = load_plan(truth).members, load_private(private).images
    shape = (len(pairs), *images.shape[1:])
    decryption = read_submission(path, shape=shape).decryption
    return score_images(decryption, pairs, images, assume_range=assume_range, name=str(path))


def format_table(score: Score) -> str:
    """Render a score as a text table, one line for each metric."""
    lines = [f"{'metric':<11}{'mean':>8}   95 % interval"]
    for name, interval in score.summary.items():
        ends = f"{interval.low:.4f} … {interval.high:.4f}"
        lines.append(f"{TITLES[name]:<11}{interval.mean:>8.4f}   {ends}")
    lines.append(
        f"{len(score.pairs)} rows; intervals: bootstrap over the "
        f"{len(np.unique(score.pairs))} private images"
    )
    return "\n".join(lines)


def as_dict(score: Score) -> dict[str, dict[str, float]]:
    """Return ``{metric: {"mean": …, "low": …, "high": …}}``, ready for JSON."""
    return {name: asdict(interval) for name, interval in score.summary.items()}


def as_json(score: Score) -> str:
    """Return the metrics as JSON, and under ``hint`` what may be wrong, if anything."""
    hint = {"hint": score.hint} if score.hint else {}
    return json.dumps(as_dict(score) | hint, indent=2, ensure_ascii=False, allow_nan=False)


def rows_as_csv(score: Score) -> str:
    """Return the metrics of every row as CSV, with the private images that it mixes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    images = [f"private_{column}" for column in range(score.pairs.shape[1])]
    writer.writerow(["row", *images, *METRICS])
    values = np.column_stack(astuple(score.rows)).tolist()
    for row, (pair, numbers) in enumerate(zip(score.pairs.tolist(), values, strict=True)):
        writer.writerow([row, *pair, *(f"{number:.6f}" for number in numbers)])
    return text.getvalue()
