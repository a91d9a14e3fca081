"""The generator of 2020 as a challenge's: rows in any order, public images, refusals."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import load_manifest
from instahide.challenge.sources import combine
from instahide.challenge.verification import verify_files
from instahide.encodings.catalogue import told_by
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide import mersenne as historicalgenerator
from instahide.encodings.instahide.generators import make_generator, new_key
from instahide.encodings.instahide.mersenne import HistoricalGenerator
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.randomness import historical
from instahide.randomness.keystream import Key

N, SHAPE = 7, (4, 5, 3)
SMALL = {"images": N, "k": 6, "c1": 0.65, "c2": 0.3, "shape": SHAPE}


def generator(seed=21, pool=50, public_use="one-batch", scheme=Scheme()):  # noqa: B008
    return HistoricalGenerator(seed, scheme, N, pool, SHAPE, public_use)


@pytest.mark.parametrize("public_use", ["one-batch", "fresh"])
def test_rows_are_those_of_the_blocks(public_use):
    made = generator(pool=9, public_use=public_use)
    blocks = list(islice(historical.blocks(21, **SMALL), 3))
    plan = made.plan(0, 3 * N)
    np.testing.assert_array_equal(plan.members, np.concatenate([b.private for b in blocks]))
    np.testing.assert_array_equal(
        plan.weights, np.concatenate([b.coefficients for b in blocks])
    )
    assert plan.public.shape == (3 * N, 4)
    assert plan.public.min() >= 0 and plan.public.max() < 9
    bits = np.unpackbits(made.mask(0, 3 * N), axis=1, bitorder="little", count=60)
    signs = 2 * bits.reshape(-1, *SHAPE).astype(int) - 1
    np.testing.assert_array_equal(signs, np.concatenate([b.mask for b in blocks]))


RANGES = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)


@settings(max_examples=30, deadline=None)
@given(st.lists(RANGES, min_size=1, max_size=6))
def test_any_range_in_any_order_gives_the_same_rows(ranges):
    whole, pieces = generator(), generator()
    # Keep so little that earlier blocks have to be made again.
    object.__setattr__(pieces, "_parts", historicalgenerator.Lookback(pieces._draw, keep=2))
    plan, mask = whole.plan(0, 60), whole.mask(0, 60)
    for start, stop in ranges:
        part = pieces.plan(start, stop)
        for name in ("members", "public", "weights"):
            expected = getattr(plan, name)[start:stop]
            np.testing.assert_array_equal(getattr(part, name), expected)
        np.testing.assert_array_equal(pieces.mask(start, stop), mask[start:stop])


def test_one_batch_of_public_images_is_indexed_by_the_permutations():
    public = generator().plan(0, 3 * N).public.reshape(3, N, 4)
    for block, rows in zip(islice(historical.blocks(21, **SMALL), 3), public, strict=True):
        batch = np.empty(N, int)
        batch[block.permutations[1]] = rows[:, 0]
        assert len(set(batch)) == N
        for column in (1, 2, 3):
            assert (rows[:, column] == batch[block.permutations[column + 1]]).all()


def test_fresh_rows_hold_different_public_images():
    public = generator(pool=5, public_use="fresh").plan(0, 20 * N).public
    assert all(len(set(row)) == 4 for row in public.tolist())
    assert np.bincount(public.ravel(), minlength=5).min() > 0


@pytest.mark.parametrize("public_use", ["one-batch", "fresh"])
def test_plain_pairs_need_no_public_image(public_use):
    plan = generator(pool=0, public_use=public_use, scheme=Scheme(k=2)).plan(0, 14)
    assert plan.public.shape == (14, 0) and plan.weights.shape == (14, 2)


def test_images_may_meet_themselves_as_they_did():
    pairs = generator().plan(0, 100 * N).members
    assert (pairs[:, 0] == pairs[:, 1]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": 6}, "needs 7 at least"),
        ({"pool": 3, "public_use": "fresh"}, "needs 4 at least"),
        ({"public_use": "twice"}, "public_use is 'twice'"),
        ({"scheme": Scheme("inside", k=4)}, "'inside'.*cross or mixup"),
        ({"seed": 2**32}, "from 0 to 4294967295"),
        ({"seed": None}, "from 0 to 4294967295"),
    ],
)
def test_what_history_cannot_make_is_refused(change, message):
    with pytest.raises(InstaHideError, match=message):
        generator(**change)


@pytest.mark.parametrize("text", ["4294967296", "hex:" + "5a" * 32])
def test_keys_of_more_than_32_bits_are_refused_without_repeating_them(text):
    kwargs = {"images": N, "pool": 50, "shape": SHAPE}
    with pytest.raises(InstaHideError, match="integer from 0") as error:
        make_generator(historical.NAME, Key.parse(text), Scheme(), **kwargs)
    assert text not in str(error.value)


def test_the_systems_seed_has_32_bits():
    seeds = {int(new_key(historical.NAME).text) for _ in range(5)}
    assert len(seeds) > 1 and max(seeds) < 2**32


def test_the_default_generator_takes_no_public_use():
    kwargs = {"images": N, "pool": 50, "shape": SHAPE, "public_use": "fresh"}
    with pytest.raises(InstaHideError, match="belongs to the generator mt19937-2020"):
        make_generator("aes256-ctr", Key.from_seed(1), Scheme(), **kwargs)


@pytest.mark.parametrize("name", ["cross", "mixup"])
@pytest.mark.parametrize("public_use", [None, "fresh"])
def test_a_challenge_is_made_verified_and_the_same_with_any_threads(
    name, public_use, files, tmp_path, monkeypatch
):
    monkeypatch.setattr("instahide.challenge.encryption.BATCH_ROWS", 16)
    key, scheme = Key.from_seed(77), Scheme(name, rows_per_image=7)
    made = [
        make_challenge(
            tmp_path / f"{threads}", *files, key,
            of_scheme(scheme, historical.NAME, public_use), threads=threads,
        )
        for threads in (1, 3)
    ]  # fmt: skip
    assert made[0].encryption.read_bytes() == made[1].encryption.read_bytes()
    assert verify_files(made[0], *files, key, told_by(load_manifest(made[0]))).passed
    manifest = load_manifest(made[0])
    assert manifest["generator"] == "mt19937-2020"
    assert manifest["public_use"] == (public_use or "one-batch")


def test_labels_show_the_historical_coefficients(private, pool):
    sources = combine(private, pool, Key.from_seed(5), of_scheme(Scheme(), historical.NAME))
    plan = sources.plan()
    drawn = historical.coefficients(historical.stream(5), 20, 6, 0.65, 0.3)
    np.testing.assert_array_equal(plan.weights[:20], drawn)
    label = label_rows(plan, private)
    np.testing.assert_allclose(label[:20].sum(axis=1), drawn[:, :2].sum(axis=1), rtol=1e-6)


def test_seeds_and_options_make_different_challenges():
    made = generator()
    others = [replace(made, seed=22), replace(made, public_use="fresh")]
    assert all((other.plan(0, 20).public != made.plan(0, 20).public).any() for other in others)
    assert (others[0].mask(0, 20) != made.mask(0, 20)).any()
    assert (others[1].mask(0, 20) == made.mask(0, 20)).all()
