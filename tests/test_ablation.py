import json

import pytest

from instahide.scoring.ablation import ablation_table, changes, read_result, save_ablation


def attack_folder(root, challenge, attack, ssim, labels="coefficients", pool=False, **choices):
    chosen = {"similarity": "whitened", "assignment": "em", "retrieval": "field",
              "finish": "local"} | choices  # fmt: skip
    folder = root / challenge / "attacks" / attack
    folder.mkdir(parents=True)
    about = {
        "cpu_seconds": 10.0,
        "given": {"labels": labels, "public_pool": pool},
        "stages": [{"name": name, "choice": text} for name, text in chosen.items()],
    }
    (folder / "attack.json").write_text(json.dumps(about))
    (folder / "score.json").write_text(json.dumps({"max_ssim": {"mean": ssim}}))
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
    lines = (tmp_path / "out.md").read_text().splitlines()
    assert lines[2:5] == [
        "| classes | labels `classes` | 0.950 | +0.050 | 10 |",
        "| base | (all defaults) | 0.850 (0.800 to 0.900) |  | 10 |",
        "| plain | similarity `plain` | 0.600 (0.500 to 0.700) "
        "| -0.250 (-0.300 to -0.200) | 10 |",
    ]
    assert "2 challenges (a, b)" in lines[-1]


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
