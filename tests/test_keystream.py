import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from instahide.errors import InstaHideError
from instahide.randomness.keystream import Key, Stream

STREAM = Key.from_seed(1).stream("test")


def test_blocks_are_those_of_nist_sp_800_38a():
    # Section F.5.5, CTR-AES256: key, initial counter and output blocks.
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    expected = (
        "0bdf7df1591716335e9a8b15c860c502 5a6e699d536119065433863c8f657b94"
        "1bc12c9c01610d5d0d8bd6a3378eca62 2956e1c8693536b1bee99c73a31576b6"
    )
    blocks = Stream(key).blocks(0xF0F1F2F3F4F5F6F7, 4, first=0xF8F9FAFBFCFDFEFF)
    assert blocks.tobytes() == bytes.fromhex(expected)


def test_each_index_is_a_counter_mode_of_its_own():
    counter = (77).to_bytes(8) + bytes(8)
    cipher = Cipher(algorithms.AES256(STREAM.key), modes.CTR(counter)).encryptor()
    assert STREAM.blocks(77, 5).tobytes() == cipher.update(bytes(80))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8), st.integers(1, 9))
def test_any_order_and_any_company_give_the_same_words(indices, count):
    together = STREAM.words(indices, count)
    alone = np.concatenate([STREAM.words([index], count) for index in indices])
    assert np.array_equal(together, alone)
    assert np.array_equal(
        STREAM.words(indices, count, first=2), STREAM.words(indices, count + 2)[:, 2:]
    )


def test_purposes_and_keys_give_different_streams():
    streams = [Key.from_seed(s).stream(p) for s in (1, 2) for p in ("mask", "order")]
    assert len({stream.words(0, 1).item() for stream in streams}) == 4


def test_bits_are_taken_from_the_lowest_upwards():
    word = int(STREAM.words(3, 1).item())
    packed = STREAM.bits(3, 64)
    bits = np.unpackbits(packed, bitorder="little")
    assert [int(bit) for bit in bits] == [word >> j & 1 for j in range(64)]
    assert np.array_equal(STREAM.bits(3, 13)[0], packed[0, :2])


@given(st.integers(1, 2**32))
def test_integers_are_the_high_half_of_the_product(below):
    words = [int(w) for w in STREAM.words(9, 20)[0]]
    assert STREAM.integers(9, 20, below)[0].tolist() == [w * below >> 64 for w in words]


def test_distributions():
    draws = STREAM.normals(np.arange(2_000), 10).ravel()
    assert stats.kstest(draws, "norm").pvalue > 1e-3
    assert np.all(draws * 2**24 == np.rint(draws * 2**24))
    counts = np.bincount(STREAM.integers(np.arange(2_000), 10, 7).ravel(), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3
    first = STREAM.permutations(np.arange(3_000), 6)
    assert np.array_equal(np.sort(first), np.tile(np.arange(6), (3_000, 1)))
    assert stats.chisquare(np.bincount(first[:, 0])).pvalue > 1e-3


def test_uniforms_never_reach_the_ends():
    class Ends(Stream):
        def words(self, indices, count, first=0):
            return np.array([[0, 2**64 - 1]], dtype=np.uint64)

    low, high = Ends(bytes(32)).uniforms(0, 2)[0]
    assert 0 < low < high < 1


def test_keys_are_read_as_written():
    assert Key.parse(" 2020\n") == Key.from_seed(2020)
    assert Key.from_seed(2020).material == hashlib.sha256(b"instahide seed 2020").digest()
    fresh = Key.generate()
    assert Key.parse(fresh.text).material == fresh.material
    assert not fresh.guessable
    assert all(Key.from_seed(seed).guessable for seed in (0, 2**64 - 1, 2**64, 10**79))
    assert fresh.text not in repr(fresh)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "hex:12", "hex:" + "g" * 64, "9" * 81])
def test_other_seeds_are_refused_without_repeating_them(text):
    with pytest.raises(InstaHideError) as error:
        Key.parse(text)
    assert text == "" or text not in str(error.value)
