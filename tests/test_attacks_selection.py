from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls

from instahide.attacks.knownpool.selection import NONE, select_atoms, sweep, sweep_back


def inner_products(atoms, row):
    both = np.concatenate([atoms, row[:, None]], axis=1)
    return both @ both.transpose(0, 2, 1)


@pytest.fixture
def problem():
    """Four rows, nine atoms of 30 dimensions each; three of them make the row."""
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((4, 9, 30))
    atoms[:, 1] = 0.9 * atoms[:, 0] + 0.3 * atoms[:, 1]  # alike, so that first choices err
    weights = np.zeros((4, 9))
    weights[:, [1, 4, 7]] = [0.5, 0.3, 0.2]
    row = np.einsum("bm,bmd->bd", weights, atoms) + 0.02 * rng.standard_normal((4, 30))
    return atoms, row, weights


def test_sweeping_solves_least_squares(problem):
    atoms, row, _ = problem
    matrices, rows = inner_products(atoms, row), np.arange(4)
    first, second = np.array([0, 3, 2, 5]), np.array([1, 4, 8, 0])
    sweep(matrices, rows, first)
    sweep(matrices, rows, second)
    for b in rows:
        chosen = [first[b], second[b]]
        solution, left, _, _ = np.linalg.lstsq(atoms[b, chosen].T, row[b], rcond=None)
        np.testing.assert_allclose(matrices[b, chosen, -1], solution)
        np.testing.assert_allclose(matrices[b, -1, -1], left[0])


def test_sweeping_back_undoes_it(problem):
    matrices = inner_products(*problem[:2])
    before, rows = matrices.copy(), np.array([0, 2])
    for pivots in ([0, 1], [5, 3], [8, 0]):
        sweep(matrices, rows, np.array(pivots))
    for pivots in ([5, 3], [0, 1], [8, 0]):  # the order does not matter
        sweep_back(matrices, rows, np.array(pivots))
    np.testing.assert_allclose(matrices, before, atol=1e-10)


def test_the_selection_is_the_best_of_all_subsets(problem):
    atoms, row, weights = problem
    chosen = select_atoms(inner_products(atoms, row), 3, threshold=5, size=30)
    for b in range(4):
        fits = {s: nnls(atoms[b, list(s)].T, row[b]) for s in combinations(range(9), 3)}
        best = min(fits, key=lambda s: fits[s][1])
        assert set(chosen.picks[b]) == set(best) == set(np.flatnonzero(weights[b]))
        order = np.argsort(chosen.picks[b])
        np.testing.assert_allclose(chosen.coefficients[b, order], fits[best][0])
        np.testing.assert_allclose(chosen.left[b], fits[best][1] ** 2)


def test_gain_and_margin_are_differences_of_energies(problem):
    atoms, row, _ = problem
    chosen = select_atoms(inner_products(atoms, row), 3, threshold=5, size=30)
    for b in range(4):
        for slot, pick in enumerate(chosen.picks[b]):
            others = [p for p in chosen.picks[b] if p != pick]
            without = nnls(atoms[b, others].T, row[b])[1] ** 2
            rivals = [m for m in range(9) if m not in chosen.picks[b]]
            instead = min(nnls(atoms[b, [*others, m]].T, row[b])[1] ** 2 for m in rivals)
            np.testing.assert_allclose(chosen.gain[b, slot], without - chosen.left[b])
            assert chosen.margin[b, slot] == pytest.approx(instead - chosen.left[b], rel=0.05)


def test_noise_and_negatives_are_not_chosen():
    rng = np.random.default_rng(1)
    atoms = rng.standard_normal((50, 9, 300))
    noise = select_atoms(
        inner_products(atoms, rng.standard_normal((50, 300))), 2, threshold=25, size=300
    )
    assert (noise.picks == NONE).all()
    assert (noise.coefficients == 0).all()
    negative = select_atoms(inner_products(atoms, -atoms[:, 0]), 1, threshold=25, size=300)
    assert not (negative.picks == 0).any()


def test_an_atom_that_appears_twice_is_used_once():
    rng = np.random.default_rng(2)
    atoms = rng.standard_normal((3, 5, 40))
    atoms[:, 4] = atoms[:, 2]
    row = atoms[:, 2] + 0.5 * atoms[:, 0] + 0.01 * rng.standard_normal((3, 40))
    chosen = select_atoms(inner_products(atoms, row), 3, threshold=20, size=40)
    for picks in chosen.picks:
        assert 0 in picks
        assert (np.isin(picks, [2, 4])).sum() == 1
    assert (chosen.margin[np.isin(chosen.picks, [2, 4])] < 1e-6).all()
