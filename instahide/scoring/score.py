"""Scoring a decryption against the truth, and showing the result."""

import csv
import io
import json
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from instahide.challenge.private import load_private
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.plan import Plan, load_plan
from instahide.errors import InstaHideError
from instahide.files import load_npy, sha256_of_arrays
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
from instahide.scoring.mixed import Mixed, mixed_images
from instahide.scoring.recoveredset import largest_shift, recovered_set_scores
from instahide.scoring.roworder import order_hint
from instahide.scoring.submission import read_submission

BOOTSTRAP_SEED = 0  # no secret: the same decryption always gets the same intervals
MOST_TEMPLATES = 2**28  # values of images as they were mixed, among which rows are looked for
DECRYPTION, RECOVERED_SET = "decryption.npy", "private.npy"  # as attacks leave them

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
    recovered_set : Interval, optional
        The mean SSIM of private images with a recovered set, up to flip and shift, where
        there is a set and images were transformed before they were mixed; see
        `instahide.scoring.recoveredset`.
    """

    summary: dict[str, Interval]
    rows: RowScores
    pairs: np.ndarray
    decryption: str
    hint: str = ""
    recovered_set: Interval | None = None


def score(
    decryption: np.ndarray,
    pairs: np.ndarray,
    private: np.ndarray,
    *,
    rng: np.random.Generator,
    assume_range: bool = False,
    name: str = "the decryption",
    mixed: Mixed | None = None,
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
    mixed : callable, optional
        As in `instahide.scoring.metrics.challenge_scores`.

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
    rows = challenge_scores(decryption, private, pairs, mixed)
    return Score(
        summarise(rows, pairs, rng=rng),
        rows,
        pairs,
        decryption_digest(decryption),
        _order_hint(decryption, private, pairs, mixed),
    )


def _order_hint(
    decryption: np.ndarray, private: np.ndarray, pairs: np.ndarray, mixed: Mixed | None
) -> str:
    """Say in what other order a decryption would be explained better, or nothing.

    Where images were transformed, each image of each row is one of its own.
    """
    if mixed is None:
        return order_hint(decryption, private, pairs)
    if pairs.size * private[0].size > MOST_TEMPLATES:
        return ""
    images = mixed(slice(None)).reshape(-1, *private.shape[1:])
    return order_hint(decryption, images, np.arange(pairs.size).reshape(pairs.shape))


def score_images(
    decryption: np.ndarray,
    plan: Plan,
    images: np.ndarray,
    *,
    recovered: np.ndarray | None = None,
    assume_range: bool = False,
    name: str = "the decryption",
) -> Score:
    """Score a decryption against the truth as it is kept, see `score`.

    Parameters
    ----------
    plan : Plan
        Rows are compared with its images as they were mixed.
    images : (n, H, W, C) uint8 array
    recovered : (m, H, W, C) float array, optional
        A recovered private set. It is scored where the plan has transforms; elsewhere
        the rows tell all.
    """
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    private = to_unit_range(images)
    given = {"rng": rng, "assume_range": assume_range, "name": name}
    found = score(decryption, plan.members, private, **given, mixed=mixed_images(plan, images))
    if recovered is None or plan.augmentation is None:
        return found
    return replace(found, recovered_set=score_set(recovered, private, plan.augmentation))


def score_set(
    recovered: np.ndarray, private: np.ndarray, augmentation: Augmentation
) -> Interval:
    """Return the mean SSIM of private images with a recovered set, up to flip and shift.

    Parameters
    ----------
    recovered : (m, H, W, C) float array, range [-1, 1]
    private : (n, H, W, C) float32 array, range [-1, 1]

    Raises
    ------
    InstaHideError
        When the set is not of such images.
    """
    check_numbers(recovered, name="the recovered set")
    shift = largest_shift(augmentation, private.shape[1:])
    found = recovered_set_scores(recovered, private, shift=shift, flip=augmentation.flip).ssim
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    each = RowScores(*[found] * len(METRICS))
    return summarise(each, np.arange(len(found))[:, None], rng=rng)["max_ssim"]


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
    plan, images = load_plan(truth), load_private(private).images
    shape = (len(plan), *images.shape[1:])
    decryption = read_submission(path, shape=shape).decryption
    given = {"assume_range": assume_range, "name": str(path)}
    return score_images(decryption, plan, images, **given, recovered=_set_beside(path, plan))


def _set_beside(path: Path | str, plan: Plan) -> np.ndarray | None:
    """Read the recovered set that an attack left beside its decryption, where it is scored."""
    place = Path(path).with_name(RECOVERED_SET)
    wanted = plan.augmentation is not None and Path(path).name == DECRYPTION
    return load_npy(place) if wanted and place.exists() else None


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
    if score.recovered_set is not None:
        found = score.recovered_set
        lines.append(
            f"recovered set, up to flip and shift: SSIM {found.mean:.4f} "
            f"({found.low:.4f} … {found.high:.4f})"
        )
    return "\n".join(lines)


def as_dict(score: Score) -> dict[str, dict[str, float]]:
    """Return ``{metric: {"mean": …, "low": …, "high": …}}``, ready for JSON."""
    return {name: asdict(interval) for name, interval in score.summary.items()}


def as_json(score: Score) -> str:
    """Return the metrics as JSON.

    Under ``recovered_set`` what a recovered set reaches, where it is scored; under ``hint``
    what may be wrong, if anything.
    """
    more: dict[str, Any] = {"hint": score.hint} if score.hint else {}
    if score.recovered_set is not None:
        more["recovered_set"] = asdict(score.recovered_set)
    return json.dumps(as_dict(score) | more, indent=2, ensure_ascii=False, allow_nan=False)


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
