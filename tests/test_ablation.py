import json

import pytest

from instahide.challenge.manifest import FORMAT_VERSION
from instahide.errors import InstaHideError
from instahide.leaderboard.ablation import ablation_table, changes, read_result, save_ablation


def save_challenge(root, name, k=6, rows=50, **changed):
    about = {
        "format_version": FORMAT_VERSION,
        "scheme": {"name": "cross", "k": k, "c1": 0.65, "c2": 0.3, "rows_per_image": rows},
        "generator": "aes256-ctr",
        "images": 100,
        "image_shape": [32, 32, 3],
        "classes": ["cat", "dog"],
        "pool": {"patches": 400, "sha256": "ab" * 32},
    }
    (root / name).mkdir(exist_ok=True)
    (root / name / "challenge.json").write_text(json.dumps(about | changed), encoding="utf-8")


def attack_folder(root, challenge, attack, ssim, labels="coefficients", pool=False, **choices):
    chosen = {"similarity": "whitened", "assignment": "em", "retrieval": "field",
              "finish": "local"} | choices  # fmt: skip
    if not (root / challenge).exists():
        save_challenge(root, challenge)
    folder = root / challenge / "attacks" / attack
    folder.mkdir(parents=True)
    about = {
        "cpu_seconds": 10.0,
        "given": {"labels": labels, "public_pool": pool},
        "stages": [{"name": name, "choice": text} for name, text in chosen.items()],
    }
    (folder / "attack.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "score.json").write_text(
        json.dumps({"max_ssim": {"mean": ssim}}), encoding="utf-8"
    )
    return folder


@pytest.fixture
def folders(tmp_path):
    return [
        attack_folder(tmp_path, "a", "base", 0.9),
        attack_folder(tmp_path, "b", "base", 0.8),
        attack_folder(tmp_path, "a", "plain", 0.7, similarity="plain"),
        attack_folder(tmp_path, "b", "plain", 0.5, similarity="plain"),
        attack_folder(tmp_path, "a", "classes", 0.95, labels="classes"),
    ]


def test_differences_are_taken_challenge_by_challenge(folders, tmp_path):
    save_ablation(tmp_path / "out.md", folders)
    lines = (tmp_path / "out.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == (
        "## cross, k = 6, c1 = 0.65, c2 = 0.3, T = 50, n = 100, 2 classes, 32 × 32 × 3, "
        "pool abababab of 400, aes256-ctr"
    )
    assert lines[4:7] == [
        "| classes | labels `classes` | 0.950 | +0.050 | 10 |",
        "| base | (all defaults) | 0.850 (0.800 to 0.900) |  | 10 |",
        "| plain | similarity `plain` | 0.600 (0.500 to 0.700) "
        "| -0.250 (-0.300 to -0.200) | 10 |",
    ]
    assert "2 challenges (a, b)" in lines[-1]


OTHER = {"name": "cross", "k": 4, "c1": 0.65, "c2": 0.3, "rows_per_image": 50}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"k": 3}, "k = 3"),
        ({"rows": 20}, "T = 20"),
        ({"scheme": OTHER | {"c1": 0.8}}, "c1 = 0.8"),
        ({"scheme": OTHER | {"name": "inside"}, "pool": None}, "inside, k = 4"),
        ({"generator": "mt19937-2020", "public_use": "fresh"}, "mt19937-2020, fresh"),
        ({"images": 50}, "n = 50"),
        ({"image_shape": [28, 28, 1]}, "28 × 28 × 1"),
        ({"pool": {"patches": 7, "sha256": "cd" * 32}}, "pool cdcdcdcd of 7"),
        ({"classes": ["cat", "dog", "emu"]}, "3 classes"),
        ({"classes": ["cat", "emu"]}, "2 classes"),
    ],
)
def test_challenges_with_other_settings_are_not_averaged(tmp_path, changed, named):
    save_challenge(tmp_path, "c", **changed)
    scores = {"a": 0.58, "b": 0.62, "c": 0.17}
    base = [attack_folder(tmp_path, name, "base", ssim) for name, ssim in scores.items()]
    plain = [
        attack_folder(tmp_path, name, "plain", ssim - 0.1, similarity="plain")
        for name, ssim in scores.items()
    ]
    sections = ablation_table(map(read_result, base + plain)).split("## ")[1:]
    assert len(sections) == 2
    other = next(text for text in sections if "| base | (all defaults) | 0.170 |" in text)
    same = next(text for text in sections if text != other)
    assert named in other.splitlines()[0]
    assert "1 challenges (c)" in other and "2 challenges (a, b)" in same
    assert "| base | (all defaults) | 0.600 (0.580 to 0.620) |" in same
    assert "| plain | similarity `plain` | 0.070 | -0.100 |" in other


def test_without_the_defaults_there_is_nothing_to_compare_with(folders):
    table = ablation_table(map(read_result, folders[2:4]))
    assert "0.600 (0.500 to 0.700) |  | 10" in table


def test_who_knows_the_pool_is_not_what_others_are_compared_with(folders, tmp_path):
    knowing = attack_folder(tmp_path, "a", "knowing", 1.0, pool=True)
    table = ablation_table(map(read_result, [knowing, *folders[:2]]))
    assert "| knowing | public `pool` | 1.000 | +0.100 | 10 |" in table


def test_only_choices_that_differ_count(folders):
    assert changes(read_result(folders[0])) == {}
    assert changes(read_result(folders[2])) == {"similarity": "plain"}


@pytest.mark.parametrize("name", ["attack.json", "score.json"])
@pytest.mark.parametrize("content", ["{", "[]", "{}", "[" * 5000, '{"stages": [5]}', "NaN"])
def test_damaged_results_are_named(folders, name, content):
    (folders[0] / name).write_text(content, encoding="utf-8")
    with pytest.raises(InstaHideError, match=str(folders[0])) as caught:
        read_result(folders[0])
    assert "again" in str(caught.value) or name in str(caught.value)


def test_challenges_of_trainings_are_told_apart(tmp_path):
    """Their folders are all called `seen`."""
    results = tmp_path / "results"
    found = []
    for name, ssim in (("one", 0.5), ("two", 0.7)):
        (results / f"training/{name}").mkdir(parents=True)
        save_challenge(results, f"training/{name}/seen")
        found.append(attack_folder(results, f"training/{name}/seen", "base", ssim))
    table = ablation_table(map(read_result, found))
    assert "mean over 2 challenges (training/one/seen, training/two/seen)" in table
    assert "| 0.600 (0.500 to 0.700) |" in table
