import numpy as np
import pytest

from instahide.challenge import encryption
from instahide.challenge.encryption import encode_rows, save_encryption
from instahide.challenge.sources import combine
from instahide.challenge.streaming import encryption_stream
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.mixing import encrypt
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.pool.pool import empty_pool
from instahide.randomness.keystream import Key


def plain_numpy(plan, private, public, mask):
    """The same sums in the same order, without any compiled code of ours."""
    mixture = np.zeros((len(plan), *private.shape[1:]))
    for place in range(plan.members.shape[1]):
        weights = plan.weights[:, place, None, None, None]
        mixture = mixture + weights * private[plan.members[:, place]]
    for place in range(public.shape[1]):
        weights = plan.weights[:, plan.members.shape[1] + place, None, None, None]
        mixture = mixture + weights * public[:, place]
    signs = np.unpackbits(mask, axis=1, bitorder="little")[:, : private[0].size] * 2.0 - 1.0
    return ((mixture / 127.5 - 1.0) * signs.reshape(mixture.shape)).astype(np.float32)


def test_bytes_are_those_of_plain_numpy(sources):
    plan = sources.plan()
    expected = plain_numpy(
        plan,
        sources.private.images,
        sources.pool.read(plan.public),
        sources.encoding.generator.mask(0, len(plan)),
    )
    assert encode_rows(sources, plan, 0).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["inside", "mixup", "mixup-inside"])
def test_other_schemes_agree_with_plain_numpy(private, pool, name):
    scheme = Scheme(name, k=4)
    public = empty_pool(pool.shape) if scheme.inside else pool
    sources = combine(private, public, Key.from_seed(5), of_scheme(scheme))
    plan = sources.plan()[:40]
    keep = np.full((40, 24), 255, np.uint8)
    mask = sources.encoding.generator.mask(0, 40) if sources.encoding.scheme.masked else keep
    public = sources.pool.read(plan.public)
    expected = plain_numpy(plan, private.images, public, mask)
    assert encode_rows(sources, plan, 0).tobytes() == expected.tobytes()


def test_a_grey_image_of_odd_size_mixed_with_itself_is_itself():
    image = np.random.default_rng(3).integers(0, 256, (1, 7, 9, 1), dtype=np.uint8)
    plan = Plan(np.zeros((1, 2), int), np.empty((1, 0), int), np.array([[0.25, 0.75]]))
    mixed = encrypt(plan, image, np.empty((1, 0, 7, 9, 1), np.uint8), None)
    assert np.array_equal(mixed[0], (image[0] / 127.5 - 1).astype(np.float32))


def test_signs_are_fair_and_fresh_for_every_row(sources):
    mask = np.unpackbits(sources.encoding.generator.mask(0, 500), axis=1)
    assert abs(mask.mean() - 0.5) < 4 * 0.5 / np.sqrt(mask.size)
    assert len(np.unique(mask, axis=0)) == 500


@pytest.mark.parametrize(("threads", "batch"), [(1, 7), (3, 7), (3, 256)])
def test_files_do_not_depend_on_threads_and_batches(
    sources, tmp_path, monkeypatch, threads, batch
):
    monkeypatch.setattr(encryption, "BATCH_ROWS", batch)
    plan = sources.plan()
    save_encryption(tmp_path / "e.npy", sources, plan, threads=threads)
    loaded = np.load(tmp_path / "e.npy")
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, encode_rows(sources, plan, 0))


def test_an_error_leaves_no_file_behind(sources, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encryption.os, "pwrite", full)
    with pytest.raises(InstaHideError, match=r"e\.npy: No space left"):
        save_encryption(tmp_path / "e.npy", sources, sources.plan())
    assert not list(tmp_path.iterdir())


def test_the_stream_gives_the_rows_of_the_challenge_in_any_batches(sources):
    plan = sources.plan()
    for size in (7, 64):
        batches = list(encryption_stream(sources, batch_rows=size, stop=len(plan)))
        rows, labels = map(np.concatenate, zip(*batches, strict=True))
        assert np.array_equal(rows, encode_rows(sources, plan, 0))
        assert np.array_equal(labels, label_rows(plan, sources.private))


def test_the_stream_goes_on_after_the_challenge(sources):
    stream = encryption_stream(sources, batch_rows=20, start=60)
    first, second = next(stream)[0], next(stream)[0]
    assert not np.array_equal(first, second)
    assert np.array_equal(first, next(encryption_stream(sources, batch_rows=20, start=60))[0])


def test_labels_sum_the_private_coefficients_by_class():
    plan = Plan(
        np.array([[0, 1], [0, 2]]),
        np.array([[3], [4]]),
        np.array([[0.5, 0.2, 0.3], [0.1, 0.3, 0.6]]),
    )
    images = np.zeros((3, 2, 2, 1), np.uint8)
    label = label_rows(plan, LabelledImages(images, np.array([0, 0, 2]), tuple("abc")))
    assert label.dtype == np.float32
    assert np.allclose(label, [[0.7, 0, 0], [0.1, 0, 0.3]])


def test_shapes_that_do_not_fit_are_refused(private):
    from instahide.pool.pool import Pool

    pool = Pool(np.zeros((9, 16, 16, 3), np.uint8))
    with pytest.raises(InstaHideError, match="same image size"):
        combine(private, pool, Key.from_seed(1), of_scheme(Scheme()))
    with pytest.raises(InstaHideError, match="no generator 'dice'"):
        combine(
            private,
            Pool(np.zeros((9, 8, 8, 3), np.uint8)),
            Key.from_seed(1),
            of_scheme(Scheme(), "dice"),
        )
