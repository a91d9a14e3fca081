"""The training loop learns, goes on where it was, and says what is wrong."""

import pytest

torch = pytest.importorskip("torch")

from dataclasses import replace  # noqa: E402

import numpy as np  # noqa: E402

from instahide.errors import InstaHideError  # noqa: E402
from instahide.training.accuracy import measure_accuracy  # noqa: E402
from instahide.training.configured import PRESETS  # noqa: E402
from instahide.training.loop import Course, Plain, augment, epoch_batches, train  # noqa: E402
from instahide.training.networks import laptop_network, resnet18  # noqa: E402
from instahide.training.recorded import Recorded  # noqa: E402
from instahide.training.schedule import Schedule  # noqa: E402
from instahide.training.transform import InstaHide  # noqa: E402

SCHEDULE = Schedule(epochs=3, batch=32, rate=0.05)


def easy(count, seed):
    """Images whose class is the half that is bright, uint8, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 120, (count, 3, 16, 16), generator=generator)
    for image, label in zip(images, labels, strict=True):
        image[:, 8 * label : 8 * label + 8] += 120
    return images.to(torch.uint8), labels


IMAGES, LABELS = easy(160, 0)
PUBLIC = torch.randint(0, 256, (40, 3, 16, 16), generator=torch.Generator().manual_seed(9)).to(
    torch.uint8
)


def network(seed=0, **options):
    torch.manual_seed(seed)
    return laptop_network(2, **options)


def cross():
    return InstaHide(2, public=PUBLIC, key=3)


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def test_the_laptop_network_has_the_parameters_it_says():
    count = sum(value.numel() for value in laptop_network(10).parameters())
    assert 116_000 < count < 118_000
    assert laptop_network(10)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_resnet_is_the_one_of_the_field():
    # 11,173,962: what public implementations of ResNet-18 for CIFAR-10 count.
    assert sum(value.numel() for value in resnet18(10).parameters()) == 11_173_962
    grey = resnet18(7, channels=1, signed=True).eval()
    assert grey(torch.zeros(2, 1, 32, 32)).shape == (2, 7)


@pytest.mark.slow
def test_the_papers_setting_takes_steps():
    network, schedule = PRESETS["paper"]
    assert (network, schedule.epochs, schedule.drops) == ("resnet18", 200, (100, 150))
    assert [schedule.rate_at(share) for share in (0, 0.49, 0.5, 0.74, 0.75, 0.999)] == (
        pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    )
    short = replace(schedule, epochs=2, drops=(1,), batch=16)
    torch.manual_seed(0)
    model = resnet18(2)
    before = weights(model)
    learned = train(model, IMAGES[:32], LABELS[:32], cross(), short)
    assert all(epoch.loss < 10 for epoch in learned.curve)
    assert torch.isfinite(weights(model)).all() and not torch.equal(weights(model), before)


def test_magnitudes_hide_the_mask_and_signed_input_does_not():
    rows = torch.randn(4, 3, 16, 16).clamp(-1, 1)
    flipped = rows * torch.sign(torch.randn(rows.shape))
    for signed in (False, True):
        model = network(signed=signed).eval()
        with torch.no_grad():
            assert torch.equal(model(rows), model(flipped)) is not signed


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: Plain(2), cross], ids=["plain", "cross"])
def test_training_learns(make):
    model = train(network(), IMAGES, LABELS, make(), replace(SCHEDULE, epochs=6)).network
    transform = make() if isinstance(make(), InstaHide) else None
    accuracy = measure_accuracy(model, *easy(200, 1), transform)
    # Who has seen magnitudes of mixtures only need not know what to make of a plain image.
    right = accuracy.largest_10 if transform else accuracy.plain
    assert right > 0.8  # chance is 0.5, with a standard error of 0.035


def test_an_interrupted_run_ends_as_one_that_was_not(tmp_path):
    whole = train(network(), IMAGES, LABELS, cross(), SCHEDULE)
    calls = []

    class Failing(InstaHide):
        def __call__(self, images, labels):
            calls.append(1)
            if len(calls) > 12:  # within the third epoch of 5 steps each
                raise KeyboardInterrupt
            return super().__call__(images, labels)

    failing = Failing(2, public=PUBLIC, key=3)
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(network(), IMAGES, LABELS, failing, SCHEDULE, checkpoint=path)
    assert path.stat().st_mode & 0o777 == 0o600
    gone_on = train(network(5), IMAGES, LABELS, cross(), SCHEDULE, checkpoint=path)
    assert [epoch.loss for epoch in gone_on.curve] == [epoch.loss for epoch in whole.curve]
    assert torch.equal(weights(gone_on.network), weights(whole.network))
    assert [child.name for child in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_finished_run_is_not_trained_again(tmp_path):
    path = tmp_path / "checkpoint.pt"
    done = train(network(), IMAGES, LABELS, Plain(2), SCHEDULE, checkpoint=path)
    again = train(network(1), IMAGES, LABELS, Plain(2), SCHEDULE, checkpoint=path)
    assert torch.equal(weights(done.network), weights(again.network))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "no whole checkpoint"),
        (lambda path: path.write_text("{}", encoding="utf-8"), "no whole checkpoint"),
        (lambda path: torch.save([1], path), "no whole checkpoint"),
        (lambda path: torch.save({"format": 1}, path), "no whole checkpoint"),
    ],
)
def test_damaged_checkpoints_end_in_a_sentence(spoil, message, tmp_path):
    path = tmp_path / "checkpoint.pt"
    train(network(), IMAGES, LABELS, Plain(2), replace(SCHEDULE, epochs=1), checkpoint=path)
    spoil(path)
    with pytest.raises(InstaHideError, match=message):
        train(network(), IMAGES, LABELS, Plain(2), SCHEDULE, checkpoint=path)


def test_checkpoints_of_another_schedule_or_network_are_refused(tmp_path):
    path, short = tmp_path / "checkpoint.pt", replace(SCHEDULE, epochs=1)
    train(network(), IMAGES, LABELS, Plain(2), short, checkpoint=path)
    with pytest.raises(InstaHideError, match="another schedule"):
        train(network(), IMAGES, LABELS, Plain(2), SCHEDULE, checkpoint=path)
    for other, images, labels, transform in [
        (network(width=8), IMAGES, LABELS, Plain(2)),
        (network(signed=True), IMAGES, LABELS, Plain(2)),
        (network(), 255 - IMAGES, LABELS, Plain(2)),
        (network(), IMAGES, 1 - LABELS, Plain(2)),
        (network(), IMAGES, LABELS, cross()),
    ]:
        with pytest.raises(InstaHideError, match="another transform or another network"):
            train(other, images, labels, transform, short, checkpoint=path)


def test_epochs_are_a_function_of_seed_and_epoch():
    def batches(epoch):
        return [rows for rows, _ in epoch_batches(IMAGES, LABELS, SCHEDULE, epoch)]

    first = batches(1)
    torch.manual_seed(5)
    assert len(first) == 5 and all(map(torch.equal, first, batches(1)))
    assert not all(map(torch.equal, first, batches(2)))


def recorded_rows(images, epochs):
    """Rows that tell their own number."""
    numbers = np.arange(images * epochs, dtype=np.float32)
    rows = np.broadcast_to(numbers[:, None, None, None], (len(numbers), 16, 16, 3))
    return Recorded(images, rows, np.stack([numbers, 0 * numbers], axis=1))


@pytest.mark.parametrize(
    ("others", "images", "batch"), [(160, 7, 32), (160, 70, 32), (0, 70, 32)]
)
def test_every_recorded_row_of_an_epoch_is_seen_once(others, images, batch):
    schedule = replace(SCHEDULE, batch=batch)
    course = Course(
        IMAGES[:others], LABELS[:others], Plain(2), schedule, recorded_rows(images, 3)
    )
    for epoch in range(3):
        batches = list(course.batches(epoch))
        assert len(batches) == (others + images) // batch
        rows, soft = (torch.cat(parts) for parts in zip(*batches, strict=True))
        found = rows[rows[:, 0, 0, 0] > 1, 0, 0, 0].tolist()  # Plain ones lie on [-1, 1]
        expected = np.arange(epoch * images, (epoch + 1) * images, dtype=float)
        assert found == [number for number in expected if number > 1]
        assert set(expected) <= set(soft[:, 0].tolist())
        if others:
            assert {len(part) for part, _ in batches} == {batch}


def test_rows_that_do_not_last_end_in_a_sentence():
    with pytest.raises(InstaHideError, match="14 rows are recorded, and 3 epochs of 7 images"):
        Course(IMAGES, LABELS, Plain(2), SCHEDULE, recorded_rows(7, 2))
    with pytest.raises(InstaHideError, match="each with a label"):
        Course(IMAGES, LABELS, Plain(2), SCHEDULE, Recorded(2, np.zeros((6, 4)), np.zeros(5)))


def test_crops_and_flips_are_those_of_slicing():
    images = torch.randint(1, 256, (50, 3, 16, 16), dtype=torch.uint8)
    moved = augment(images, torch.Generator().manual_seed(0), SCHEDULE)
    padded = torch.nn.functional.pad(images, (3,) * 4)
    for image, result in zip(padded, moved, strict=True):
        ways = [
            way[:, down : down + 16, right : right + 16]
            for way in (image, image.flip(2))
            for down in range(7)
            for right in range(7)
        ]
        assert any(torch.equal(way, result) for way in ways)


def test_without_flips_and_padding_images_stay_as_they_are():
    plain = replace(SCHEDULE, flip=False, padding=0)
    assert torch.equal(augment(IMAGES, torch.Generator(), plain), IMAGES)


def test_rates_rise_then_fall():
    rates = [SCHEDULE.rate_at(share) for share in (0, 0.1, 0.2, 0.6, 1)]
    assert rates == pytest.approx([0, 0.025, 0.05, 0.025, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"batch": 0}, "batch = 0"),
        ({"rate": -1.0}, "rate = -1.0"),
        ({"rate": float("nan")}, "rate = nan"),
        ({"rise": 1.0}, "rise = 1.0"),
        ({"momentum": 1.0}, "momentum = 1.0"),
        ({"momentum": 0.0}, "nesterov needs momentum"),
        ({"drops": (3,)}, r"drops = \[3\].* from 1 to 2"),
        ({"padding": -1}, "padding = -1"),
    ],
)
def test_bad_schedules_end_in_a_sentence(options, message):
    with pytest.raises(InstaHideError, match=message):
        replace(SCHEDULE, **options)


def test_too_few_images_and_exploding_losses_end_in_a_sentence():
    with pytest.raises(InstaHideError, match="there are 10 images"):
        train(network(), IMAGES[:10], LABELS[:10], Plain(2), SCHEDULE)
    with pytest.raises(InstaHideError, match=r"rate .* is too high"):
        train(network(), IMAGES, LABELS, Plain(2), replace(SCHEDULE, rate=1e30))
