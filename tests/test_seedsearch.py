"""The seed search: complete whatever a seed redraws or hides, resumable, safe to feed."""

import json

import numpy as np
import pytest

from instahide.attacks.prng import seedkernel, seedsearch
from instahide.attacks.prng.seedsearch import Match, search, visible_coefficients
from instahide.errors import InstaHideError
from instahide.randomness import historical

SETTINGS = {"images": 100, "k": 6, "c1": 0.65, "c2": 0.3}


def released(seed, rows=10, settings=SETTINGS, shared=()):
    """Labels of a seed's first rows; those in `shared` mix two images of one class."""
    drawn = historical.coefficients(
        historical.stream(seed),
        settings["images"], settings["k"], settings["c1"], settings["c2"],
    )  # fmt: skip
    labels = np.zeros((rows, 10), np.float32)
    for j in range(rows):
        # Class order must not matter: the first coefficient lies left or right.
        first, second = ((3 * j) % 10, (3 * j + 4) % 10) if j % 2 else (j % 10, (j + 1) % 10)
        labels[j, first] += np.float32(drawn[j, 0])
        labels[j, first if j in shared else second] += np.float32(drawn[j, 1])
    return labels


def redrawn_rows(seed, settings=SETTINGS):
    """Which rows of the first block a seed draws more than once."""
    direct = np.abs(historical.stream(seed).normal(0, 1, (settings["images"], settings["k"])))
    direct /= direct.sum(axis=1, keepdims=True)
    low = direct[:, 0] + direct[:, 1] < settings["c2"]
    return (direct.max(axis=1) > settings["c1"]) | low


def first_pair_is_rejected(seed):
    x, y = 2 * historical.stream(seed).random_sample(2) - 1
    return x * x + y * y >= 1


def seeds_where(condition, count=3):
    """The first few seeds that meet a condition."""
    found = (seed for seed in range(100_000) if condition(seed))
    return [next(found) for _ in range(count)]


def search_around(seed, labels, settings=SETTINGS, width=300):
    start = max(seed - width // 3, 0)
    return search(labels, **settings, start=start, stop=min(start + width, historical.SEEDS))


def assert_found(seed, labels, settings=SETTINGS):
    matches = search_around(seed, labels, settings)
    assert [match.seed for match in matches] == [seed]
    assert 0 <= matches[0].deviation < 2e-7


CASES = {
    "first row redrawn": lambda s: redrawn_rows(s)[0],
    "first row kept": lambda s: not redrawn_rows(s)[0],
    "first pair rejected": first_pair_is_rejected,
    "first pair rejected, first row redrawn": lambda s: (
        first_pair_is_rejected(s) and redrawn_rows(s)[0]
    ),
    "first five rows redrawn": lambda s: redrawn_rows(s)[:5].all(),
    "no row redrawn": lambda s: not redrawn_rows(s)[:10].any(),
    "all ten rows redrawn": lambda s: redrawn_rows(s)[:10].all(),
}


@pytest.mark.parametrize("case", CASES)
def test_seed_is_found_whatever_its_first_rows_do(case):
    for seed in seeds_where(CASES[case]):
        assert_found(seed, released(seed))
        assert_found(seed, released(seed, shared={0}))
        assert_found(seed, released(seed, shared=set(range(9))))
        assert_found(seed, released(seed, shared=set(range(10))))


def test_any_seed_is_found():
    for seed in np.random.default_rng(0).integers(0, historical.SEEDS, 400).tolist():
        assert_found(seed, released(seed, shared={seed % 10}))


@pytest.mark.parametrize("rows", [1, 2, 3, 40, 100])
def test_other_numbers_of_rows_serve(rows):
    for seed in (0, 7, 12345, 2**31):
        assert_found(seed, released(seed, rows))


@pytest.mark.parametrize(
    "settings",
    [
        {"images": 100, "k": 5, "c1": 0.65, "c2": 0.3},
        {"images": 33, "k": 5, "c1": 0.65, "c2": 0.3},  # odd block: a cached normal is left
        {"images": 11, "k": 3, "c1": 0.65, "c2": 0.3},
        {"images": 50, "k": 2, "c1": 0.65, "c2": 0.0},
        {"images": 12, "k": 20, "c1": 0.3, "c2": 0.05},
        {"images": 10, "k": 90, "c1": 0.1, "c2": 0.0},  # longer than what the sieve draws
    ],
)
def test_other_settings_serve(settings):
    for seed in range(1000, 1030):
        assert_found(seed, released(seed, settings=settings), settings)


def test_all_matches_agree_with_trying_every_seed():
    settings = {"images": 5, "k": 6, "c1": 0.65, "c2": 0.3}
    labels = released(77, rows=1, settings=settings, shared={0})
    shown = visible_coefficients(labels)
    tried = {seed: seedsearch.deviation(seed, shown, **settings) for seed in range(3000)}
    expected = [Match(s, d) for s, d in tried.items() if d <= seedsearch.LABEL_TOLERANCE]
    assert search(labels, **settings, stop=3000) == expected != []


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_ends_of_the_seed_space_are_reached(seed):
    assert_found(seed, released(seed))


def test_range_is_half_open():
    labels = released(500)
    assert [m.seed for m in search(labels, **SETTINGS, start=500, stop=501)] == [500]
    assert search(labels, **SETTINGS, start=0, stop=500) == []
    assert search(labels, **SETTINGS, start=501, stop=1501) == []


def test_labels_of_no_seed_match_nothing():
    labels = released(500)
    labels[9] *= np.float32(0.99)
    assert search(labels, **SETTINGS, stop=1000) == []


def test_threads_and_chunks_change_nothing(monkeypatch):
    labels = released(4321, rows=3)
    monkeypatch.setattr(seedsearch, "SEEDS_AT_ONCE", 333)
    for threads in (1, 2):
        done = []
        matches = search(labels, **SETTINGS, stop=5000, threads=threads, progress=done.append)
        assert [match.seed for match in matches] == [4321]
        assert sum(done) == 5000


def test_first_ends_early(monkeypatch):
    monkeypatch.setattr(seedsearch, "SEEDS_AT_ONCE", 100)
    done = []
    options = {**SETTINGS, "stop": 10_000, "first": True, "progress": done.append}
    assert [match.seed for match in search(released(250), **options)] == [250]
    assert sum(done) == 300


def test_interrupted_search_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(seedsearch, "SEEDS_AT_ONCE", 100)
    state, labels = tmp_path / "state.json", released(150)
    options = {**SETTINGS, "stop": 1000, "state": state}

    def interrupt(seeds, total=[0]):  # noqa: B006
        total[0] += seeds
        if total[0] == 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(labels, **options, progress=interrupt)
    assert json.loads(state.read_text(encoding="utf-8"))["next"] == 400
    done = []
    assert [m.seed for m in search(labels, **options, progress=done.append)] == [150]
    assert done == [400] + [100] * 6
    assert search(labels, **options, first=True)[0].seed == 150


def test_state_of_another_search_is_refused(tmp_path):
    state, labels = tmp_path / "state.json", released(150)
    search(labels, **SETTINGS, stop=200, state=state)
    for other in ({"stop": 300}, {"stop": 200, "c1": 0.7}):
        with pytest.raises(InstaHideError, match="another state file"):
            search(labels, **(SETTINGS | other), state=state)
    with pytest.raises(InstaHideError, match="another state file"):
        search(released(151), **SETTINGS, stop=200, state=state)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"search": 1, "next": []}'])
def test_damaged_state_is_refused(tmp_path, content):
    state = tmp_path / "state.json"
    state.write_text(content, encoding="utf-8")
    with pytest.raises(InstaHideError, match="state of a seed search"):
        search(released(1), **SETTINGS, stop=10, state=state)


def test_visible_coefficients_hide_order_and_shared_classes():
    labels = np.array([[0, 0.25, 0, 0.5], [0.5, 0, 0.25, 0], [0, 0, 0.75, 0]], np.float32)
    expected = [[0.5, 0.25], [0.5, 0.25], [0.75, 0]]
    np.testing.assert_array_equal(visible_coefficients(labels), expected)
    one_class = np.array([[0.75]], np.float32)
    np.testing.assert_array_equal(visible_coefficients(one_class), [[0.75, 0]])


@pytest.mark.parametrize(
    "row", [[0, 0, 0], [0.2, 0.2, 0.2], [0.9, 0.9, 0], [-0.1, 0.5, 0], [np.nan, 0.5, 0]]
)
def test_rows_that_are_no_labels_are_refused(row):
    labels = np.array([[0.3, 0.3, 0], row], np.float32)
    with pytest.raises(InstaHideError, match="row 1"):
        search(labels, **SETTINGS, stop=10)


@pytest.mark.parametrize(
    "change",
    [{"start": 5, "stop": 5}, {"stop": 2**32 + 1}, {"start": -1}, {"threads": 0},
     {"k": 1}, {"c1": 0.1}, {"images": 0}],
)  # fmt: skip
def test_settings_that_no_search_can_use_are_refused(change):
    with pytest.raises(InstaHideError):
        search(released(1), **(SETTINGS | {"stop": 10} | change))


def test_released_labels_are_read(tmp_path):
    path = tmp_path / "label.npy"
    np.save(path, released(123))
    labels = seedsearch.load_labels(path)
    assert seedsearch.search(labels, **SETTINGS, stop=200)[0].seed == 123


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(10, np.float32),
        np.zeros((2, 2), int),
        np.zeros((2, 2), np.float16),
        np.array([[None]], object),
    ],
)
def test_files_of_other_content_are_refused(tmp_path, array):
    path = tmp_path / "label.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(InstaHideError, match=r"label\.npy"):
        seedsearch.load_labels(path)


def test_files_that_are_no_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "label.npz", labels=np.zeros((2, 2)))
    (tmp_path / "text.npy").write_text("seed", encoding="utf-8")
    (tmp_path / "empty.npy").touch()
    with open(tmp_path / "huge.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**70, 10)}
        np.lib.format.write_array_header_1_0(file, header)
    for name in ("label.npz", "text.npy", "empty.npy", "huge.npy", "missing.npy"):
        with pytest.raises(InstaHideError, match=name):
            seedsearch.load_labels(tmp_path / name)


def test_sieve_draws_what_numpy_draws_within_a_fifth_of_its_margin():
    work = seedkernel._workspace()
    seeds = np.arange(1000, 1000 + seedkernel.LANES, dtype=np.uint32)
    seedkernel._draw_sizes(seeds, seedkernel.MANY, work)
    for lane, seed in enumerate(seeds):
        count = work.place[lane] // seedkernel.LANES
        expected = np.abs(historical.stream(int(seed)).standard_normal(count))
        assert count > seedkernel.MANY and work.unsure[lane] == 0
        np.testing.assert_allclose(
            work.sizes[:count, lane], expected, rtol=seedkernel.MARGIN / 5, atol=1e-7
        )
