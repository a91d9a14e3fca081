import pytest

from instahide.nearest import nearest

MADE = [
    "all",
    "results/ablation.md",
    *(f"results/{name}/{file}" for name in ("one", "two") for file in ("label.npy", "seed")),
    *(f"results/one/attacks/{name}/score.json" for name in ("whitened", "oracle")),
]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/oen/label.npy", "did you mean 'results/one/label.npy'?"),
        ("results/one/labels.npy", "did you mean 'results/one/label.npy'?"),
        ("result/one/labels.npy", "did you mean 'results/one/label.npy'?"),
        ("results/one/attacks/whitned/score.jsn", "'results/one/attacks/whitened/score.json'?"),
        ("results/one/label.npy/x", "did you mean 'results/one/label.npy'?"),
        ("alll", "did you mean 'all'?"),
        ("results/three/label.npy", "in results/ there are ablation.md, one, two"),
        ("results/two", "in results/two/ there are label.npy, seed"),
        ("results/one/attacks", "in results/one/attacks/ there are oracle, whitened"),
        ("", "there are all, results"),
        ("../../etc", "there are all, results"),
    ],
)
def test_the_nearest_path_or_what_there_is(target, expected):
    assert nearest(target, MADE).endswith(expected)


def test_long_lists_are_cut():
    assert nearest("x", [f"{n:04}" for n in range(1000)]).endswith("0019 and 980 more")


def test_where_nothing_is_made_it_says_nothing_wrong():
    assert nearest("x", []) == "there is nothing else"
