import csv
import json

import numpy as np
import pytest

from instahide.challenge.private import save_private
from instahide.encodings.plan import Plan, save_plan
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.scoring.metrics import METRICS
from instahide.scoring.score import as_dict, format_table, rows_as_csv, score, score_file

RNG = np.random.default_rng(7)
BYTES = RNG.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
PRIVATE = to_unit_range(BYTES)
PAIRS = RNG.integers(0, 6, (40, 2))


def scored(decryption, pairs=PAIRS, **options):
    return score(decryption, pairs, PRIVATE, rng=np.random.default_rng(1), **options)


def test_the_first_image_handed_in_scores_full_marks():
    result = scored(PRIVATE[PAIRS[:, 0]])
    summary = as_dict(result)
    assert tuple(summary) == METRICS
    assert summary["max_ssim"] == {"mean": 1, "low": 1, "high": 1}
    assert summary["min_l2"] == {"mean": 0, "low": 0, "high": 0}
    assert summary["mean_l2"]["mean"] == pytest.approx(summary["max_l2"]["mean"] / 2)
    assert json.loads(json.dumps(summary)) == summary


def test_the_wrong_range_is_refused_unless_asked_for():
    absolute = abs(PRIVATE[PAIRS[:, 0]])
    with pytest.raises(InstaHideError, match=r"theirs.npy .* 0 to 1"):
        scored(absolute, name="theirs.npy")
    assert scored(absolute, assume_range=True).summary["max_ssim"].mean < 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 70_000])
@pytest.mark.parametrize("assume_range", [True, False])
def test_what_are_no_values_of_images_is_refused_whatever_the_range(value, assume_range):
    decryption = PRIVATE[PAIRS[:, 0]].copy()
    decryption[3, 1, 1, 1] = value
    with pytest.raises(InstaHideError, match=r"NaN or infinite.*row 3|which no images have"):
        scored(decryption, assume_range=assume_range)


def test_the_digest_is_that_of_the_values_however_they_are_packed():
    decryption = PRIVATE[PAIRS[:, 0]] * np.float32(0.5)
    digests = {
        scored(array).decryption
        for array in (decryption, np.asfortranarray(decryption), decryption.astype(">f8"))
    }
    assert len(digests) == 1
    assert scored(-decryption).decryption not in digests


def test_table():
    table = format_table(scored(PRIVATE[PAIRS[:, 0]]))
    lines = table.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == [
        "Max_SSIM",
        "Mean_SSIM",
        "Min_L2",
        "Max_L2",
        "Mean_L2",
    ]
    assert lines[1].split()[1:] == ["1.0000", "1.0000", "…", "1.0000"]
    assert "40 rows" in lines[6]
    assert "6 private images" in lines[6]


@pytest.mark.parametrize("columns", [2, 4])
def test_csv_holds_every_row(columns):
    pairs = RNG.integers(0, 6, (40, columns))
    result = scored(-PRIVATE[pairs[:, 0]], pairs)
    rows = list(csv.DictReader(rows_as_csv(result).splitlines()))
    assert [int(row["row"]) for row in rows] == list(range(40))
    images = [[int(row[f"private_{c}"]) for c in range(columns)] for row in rows]
    np.testing.assert_array_equal(images, pairs)
    for name in METRICS:
        values = [float(row[name]) for row in rows]
        np.testing.assert_allclose(values, getattr(result.rows, name), atol=1e-6)
        assert np.mean(values) == pytest.approx(result.summary[name].mean, abs=1e-6)


@pytest.fixture
def files(tmp_path):
    """A truth and a private set as the workflow writes them."""
    plan = Plan(PAIRS, np.zeros((40, 4), int), np.full((40, 6), 1 / 6))
    save_plan(tmp_path / "truth.npz", plan)
    names = ("frog", "ship")
    save_private(tmp_path / "private.npz", LabelledImages(BYTES, np.zeros(6, int), names))
    return tmp_path / "truth.npz", tmp_path / "private.npz"


def test_files_score_as_their_arrays(files, tmp_path):
    decryption = PRIVATE[PAIRS[:, 1]] * np.float32(0.9)
    np.save(tmp_path / "decryption.npy", decryption)
    found = score_file(tmp_path / "decryption.npy", *files)
    expected = score(decryption, PAIRS, PRIVATE, rng=np.random.default_rng(0))
    assert as_dict(found) == as_dict(expected)
    assert rows_as_csv(found) == rows_as_csv(expected)


def test_other_files_are_refused(files, tmp_path):
    truth, private = files
    decryption = tmp_path / "decryption.npy"
    np.save(decryption, PRIVATE[PAIRS[:30, 0]])
    with pytest.raises(InstaHideError, match=r"decryption.npy .*\(40, 8, 8, 3\)"):
        score_file(decryption, truth, private)
    with pytest.raises(InstaHideError, match=r"private.npz lacks the array 'pairs"):
        score_file(decryption, private, private)
    with pytest.raises(InstaHideError, match="only who has the truth can score"):
        score_file(decryption, tmp_path / "none.npz", private)
