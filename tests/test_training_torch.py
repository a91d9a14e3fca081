"""The batch transform within PyTorch: loops, workers, epochs, encrypted prediction."""

import sys

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from instahide.errors import InstaHideError  # noqa: E402
from instahide.training.rows import EpochSampler  # noqa: E402
from instahide.training.transform import InstaHide  # noqa: E402

RNG = np.random.default_rng(3)
IMAGES = torch.from_numpy(RNG.integers(0, 256, (24, 3, 8, 8), dtype=np.uint8))
LABELS = torch.arange(24) % 4
PUBLIC = torch.from_numpy(RNG.integers(0, 256, (30, 3, 8, 8), dtype=np.uint8))
DATA = torch.utils.data.TensorDataset(IMAGES, LABELS)


def transform(**options):
    return InstaHide(**{"num_classes": 4, "public": PUBLIC, "key": 11} | options)


def loaded(mix, workers, **options):
    options = {"batch_size": 8, "num_workers": workers, "collate_fn": mix.collate} | options
    return torch.utils.data.DataLoader(DATA, **options)


def joined(batches):
    return torch.cat([rows for rows, _ in batches])


def test_tensors_come_out_as_arrays_do():
    mix = transform()
    rows, soft = mix(IMAGES, LABELS)
    arrays = mix(IMAGES.numpy(), LABELS.numpy())
    assert rows.dtype == soft.dtype == torch.float32
    assert (rows.numpy() == arrays[0]).all() and (soft.numpy() == arrays[1]).all()
    assert rows.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_on_unit_give_the_rows_of_the_bytes(dtype):
    assert (
        transform()(IMAGES.to(dtype) / 255, LABELS)[0] == transform()(IMAGES, LABELS)[0]
    ).all()


def test_half_floats_are_taken():
    rows, _ = transform()((IMAGES / 255).to(torch.bfloat16), LABELS)
    assert rows.dtype == torch.float32 and rows.abs().max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_an_epoch_is_the_same_whatever_the_number_of_workers(context):
    mix = transform()
    alone = joined(loaded(mix, 0))
    with_two = joined(loaded(mix, 2, multiprocessing_context=context))
    assert (alone == with_two).all()


@pytest.mark.parametrize("torch_first", [True, False])
def test_workers_that_persist_hear_of_epochs(torch_first, monkeypatch):
    with monkeypatch.context() as patch:
        if not torch_first:  # the transform is made before PyTorch is imported
            patch.delitem(sys.modules, "torch")
        mix = transform(public=PUBLIC.numpy())
    loader = loaded(mix, 2, persistent_workers=True)
    epochs = []
    for epoch in (0, 1, 0):
        mix.set_epoch(epoch)
        epochs.append(joined(loader))
    assert (epochs[0] == epochs[2]).all() and (epochs[0] != epochs[1]).any()


def test_without_a_key_nothing_comes_again_in_workers_or_epochs():
    loader = loaded(transform(key=None), 2)
    rows = []
    for _ in range(2):
        torch.manual_seed(0)
        rows.append(joined(loader).numpy())
    signs = np.packbits(np.concatenate(rows).reshape(48, -1) > 0, axis=1)
    assert len(np.unique(signs, axis=0)) == 48


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_of_a_set_come_by_epochs_from_a_loader(workers):
    rows = transform().rows(IMAGES, LABELS)
    sampler = EpochSampler(len(rows))
    loader = torch.utils.data.DataLoader(
        rows, batch_size=10, sampler=sampler, num_workers=workers
    )
    for epoch in (1, 0):
        sampler.set_epoch(epoch)
        batches = list(loader)
        wanted, label = rows.batch(24 * epoch, 24 * epoch + 24)
        assert (joined(batches).numpy() == wanted).all()
        assert (torch.cat([soft for _, soft in batches]).numpy() == label).all()


def test_one_row_is_there_by_itself():
    rows = transform().rows(IMAGES, LABELS)
    row, label = rows[30]
    wanted = rows.batch(30, 31)
    assert (row.numpy() == wanted[0][0]).all() and (label.numpy() == wanted[1][0]).all()


def test_the_largest_weight_is_what_makes_predictions_right():
    """A model that knows the mean grey of a class, and images that are all of one grey."""
    greys = torch.tensor([0, 60, 190, 255], dtype=torch.uint8)
    images = greys[LABELS][:, None, None, None].expand(24, 3, 8, 8).contiguous()

    def model(rows):
        mixed = rows.mean(dim=(1, 2, 3))[:, None]
        return -50 * (mixed - (greys / 127.5 - 1)[None]) ** 2

    mix = InstaHide(4, scheme="mixup-inside", k=2, key=1, c1=0.95)
    right = {
        largest: (mix.predict(model, images, largest=largest).argmax(1) == LABELS)
        .float()
        .mean()
        for largest in (True, False)
    }
    assert right[True] >= right[False] and right[True] > 0.6


def test_predictions_are_means_of_probabilities_for_each_image():
    mix = transform()

    def model(rows):
        return rows.flatten(1)[:, :4] * 3

    means = mix.predict(model, IMAGES, encodings=3)
    assert means.shape == (24, 4)
    torch.testing.assert_close(means.sum(1), torch.ones(24))
    assert (mix.predict(model, IMAGES, encodings=3) == means).all()
    assert (mix.predict(model, IMAGES, encodings=4) != means).any()


def test_a_constant_model_predicts_its_constant():
    logits = torch.tensor([0.0, 1.0, 2.0, 3.0])
    means = transform(key=None).predict(lambda rows: logits.expand(len(rows), 4), IMAGES)
    torch.testing.assert_close(means, logits.softmax(0).expand(24, 4))


@pytest.mark.parametrize(
    ("model", "encodings", "message"),
    [
        (lambda rows: rows, 1, "logits"),
        (lambda rows: rows[:3, 0, 0], 1, "logits"),
        (None, 0, "encodings = 0"),
    ],
)
def test_bad_predictions_end_in_a_sentence(model, encodings, message):
    with pytest.raises(InstaHideError, match=message):
        transform().predict(model, IMAGES, encodings=encodings)
