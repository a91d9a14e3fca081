"""The 2020 generator against independent re-implementations and against PyTorch."""

import math
from itertools import islice

import numpy as np
import pytest
from numpy.random import RandomState

from instahide.errors import InstaHideError
from instahide.randomness import historical

C1, C2 = 0.65, 0.3
SMALL = {"images": 7, "k": 6, "c1": C1, "c2": C2, "shape": (4, 5, 3)}


class Words:
    """MT19937's 32-bit outputs, from the published recurrences, in plain Python."""

    def __init__(self, seed):
        state = [seed]
        for i in range(1, 624):
            state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) % 2**32)
        self.state, self.used = state, 624

    def __call__(self):
        if self.used == 624:
            self.twist()
        y = self.state[self.used]
        self.used += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        return y ^ (y >> 18)

    def twist(self):
        s, self.used = self.state, 0
        for i in range(624):
            y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7FFFFFFF)
            s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (0x9908B0DF if y & 1 else 0)


class Normals:
    """Legacy normal variates by the polar method: second of a pair first, then the first."""

    def __init__(self, seed):
        self.words, self.kept, self.rejected = Words(seed), None, 0

    def __call__(self):
        if self.kept is not None:
            kept, self.kept = self.kept, None
            return kept
        while True:
            x, y = self.uniform(), self.uniform()
            square = x * x + y * y
            if 0 < square < 1:
                break
            self.rejected += 1
        factor = math.sqrt(-2 * math.log(square) / square)
        self.kept = factor * x
        return factor * y

    def uniform(self):
        high, low = self.words() >> 5, self.words() >> 6
        return 2 * ((high * 2**26 + low) / 2**53) - 1


def reference_coefficients(normals, rows, k, c1, c2):
    """All rows first, then row by row its redraws; also which rows were redrawn."""
    drawn = [[abs(normals()) for _ in range(k)] for _ in range(rows)]
    redrawn = set()
    for j, row in enumerate(drawn):
        row = [size / sum(row) for size in row]
        while max(row) > c1 or row[0] + row[1] < c2:
            redrawn.add(j)
            row = [abs(normals()) for _ in range(k)]
            row = [size / sum(row) for size in row]
        drawn[j] = row
    return np.array(drawn), redrawn


def reference_randperm(words, n):
    permutation = list(range(n))
    for i in range(n - 1):
        j = i + words() % (n - i)
        permutation[i], permutation[j] = permutation[j], permutation[i]
    return permutation


@pytest.mark.parametrize("seed", [0, 1, 5489, 2**32 - 1])
def test_stream_gives_the_raw_outputs_of_the_published_recurrences(seed):
    words = Words(seed)
    expected = [words() for _ in range(1500)]
    stream = historical.stream(seed)
    assert historical.outputs(stream, 700).tolist() == expected[:700]
    assert historical.outputs(stream, 800).tolist() == expected[700:]


def test_stream_gives_the_published_first_output():
    # The reference implementation's default seed and its first number.
    assert historical.outputs(historical.stream(5489), 1)[0] == 3499211612


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(InstaHideError, match="seed"):
        historical.stream(seed)


@pytest.mark.parametrize(
    ("k", "rows", "c1", "c2"),
    [(6, 30, C1, C2), (5, 11, C1, C2), (2, 9, 0.65, 0.3), (4, 10, 0.65, 0.0), (9, 5, 0.4, 0.2)],
)
def test_coefficients_follow_the_historical_order(k, rows, c1, c2):
    for seed in range(20):
        normals, stream = Normals(seed), RandomState(seed)
        for _ in range(2):  # a second block continues the stream, cached normal and all
            expected, _ = reference_coefficients(normals, rows, k, c1, c2)
            drawn = historical.coefficients(stream, rows, k, c1, c2)
            np.testing.assert_allclose(drawn, expected, rtol=1e-14)
    assert normals.rejected > 0


def test_only_rows_out_of_bounds_are_redrawn_after_the_block():
    seed, rows, k = 3, 40, 6
    _, redrawn = reference_coefficients(Normals(seed), rows, k, C1, C2)
    direct = np.abs(RandomState(seed).normal(0, 1, (rows, k)))
    direct /= direct.sum(axis=1, keepdims=True)
    drawn = historical.coefficients(RandomState(seed), rows, k, C1, C2)
    changed = np.flatnonzero((drawn != direct).any(axis=1))
    assert set(changed) == redrawn and 0 < len(redrawn) < rows
    assert drawn.max() <= C1 and drawn[:, :2].sum(axis=1).min() >= C2
    np.testing.assert_allclose(drawn.sum(axis=1), 1)


@pytest.mark.parametrize(("k", "c1", "c2"), [(1, 1, 0), (4, 0.25, 0), (4, 0.4, 0.9), (2, 1, 1)])
def test_bounds_that_cannot_be_kept_are_refused(k, c1, c2):
    with pytest.raises(InstaHideError):
        historical.coefficients(RandomState(0), 3, k, c1, c2)


@pytest.mark.parametrize("n", [1, 2, 10, 100, 1000])
def test_randperm_swaps_in_order(n):
    words = historical.outputs(historical.stream(11), n - 1)
    made = historical.randperm(words, n)
    assert made.tolist() == reference_randperm(Words(11), n)
    assert sorted(made) == list(range(n))


def test_mask_takes_lowest_bits_channels_first():
    words = historical.outputs(historical.stream(4), 2 * 3 * 4 * 5)
    made = historical.mask(words, 2, 3, 4, 5)
    assert made.shape == (2, 4, 5, 3) and made.dtype == np.int8
    for index in np.ndindex(2, 3, 4, 5):
        image, channel, row, column = index
        word = int(words[np.ravel_multi_index(index, (2, 3, 4, 5))])
        assert made[image, row, column, channel] == (1 if word % 2 else -1)


def test_blocks_use_each_output_once_and_continue():
    words, n, k = Words(99), SMALL["images"], SMALL["k"]
    for block in islice(historical.blocks(99, **SMALL), 3):
        words(), words()  # the loader's base seed
        assert block.order.tolist() == reference_randperm(words, n)
        for permutation in block.permutations:
            assert permutation.tolist() == reference_randperm(words, n)
        bits = np.array([words() % 2 for _ in range(n * 60)]).reshape(n, 3, 4, 5)
        assert (block.mask == bits.transpose(0, 2, 3, 1) * 2 - 1).all()
        assert block.permutations.shape == (k - 1, n)


def test_every_private_image_is_once_first_and_once_second_in_a_block():
    for block in islice(historical.blocks(5, **SMALL), 2):
        assert sorted(block.private[:, 0]) == sorted(block.private[:, 1]) == list(range(7))
        assert (block.private[:, 1] == block.order[block.permutations[0]]).all()


def test_masks_are_those_of_the_blocks():
    expected = [block.mask for block in islice(historical.blocks(8, **SMALL), 3)]
    made = list(historical.masks(8, images=7, k=6, shape=(4, 5, 3), count=3))
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("seed", [0, 20201110, 2**32 - 1])
def test_blocks_agree_with_pytorch(seed):
    torch = pytest.importorskip("torch", reason="PyTorch is only needed to check against it")
    generator = torch.manual_seed(seed)
    for block in islice(historical.blocks(seed, **SMALL), 3):
        torch.empty((), dtype=torch.int64).random_(generator=generator)
        assert block.order.tolist() == torch.randperm(7, generator=generator).tolist()
        for permutation in block.permutations:
            assert permutation.tolist() == torch.randperm(7, generator=generator).tolist()
        signs = torch.randint(0, 2, (7, 3, 4, 5), generator=generator) * 2 - 1
        assert (block.mask == signs.permute(0, 2, 3, 1).numpy()).all()
