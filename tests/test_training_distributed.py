"""Several parties train: the examples run, agree, and let no plain image out."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from wire import can_record, find_images, record  # noqa: E402

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))

import parties  # noqa: E402

ENVIRONMENT = os.environ | {
    "GLOO_SOCKET_IFNAME": "lo",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLES)]),
}
ACCURACY = re.compile(r"accuracy: plain [\d.]+%, encrypted ten times ([\d.]+)%")
SMALL = ["--train=32", "--test=20", "--batch=16", "--epochs=1"]  # one step of 8 for each of two
WITH_FLOWER = pytest.mark.skipif(
    shutil.which("flwr", path=Path(sys.executable).parent) is None,
    reason="Flower is not installed: see docs/distributed.md",
)
WITH_WIRE = pytest.mark.skipif(
    not can_record(), reason="hearing the loopback takes root, or user namespaces"
)


def torchrun(count, script, *arguments):
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*run, f"--nproc-per-node={count}", str(script), *arguments]


def output(command):
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def private_images(count, monkeypatch):
    """The images of each party, uint8 (n, C, H, W), with the arguments SMALL."""
    monkeypatch.setattr(sys, "argv", ["example", *SMALL])
    options = parties.read_options("")
    return [parties.join(options, party, count).images.numpy() for party in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "example"),
    [(2, "train_averaging.py"), (4, "train_averaging.py"), (2, "train_gathering.py")],
)
def test_parties_learn_together(count, example):
    found = ACCURACY.search(output(torchrun(count, EXAMPLES / example)))
    assert float(found[1]) > 20  # of ten classes: chance is 10, with a standard error of 3.4


@pytest.mark.parametrize(
    "example", sorted(EXAMPLES.glob("train_*.py")), ids=lambda path: path.stem
)
def test_examples_are_short(example):
    assert len(example.read_text(encoding="utf-8").splitlines()) < 80


def test_parts_of_parties_have_nothing_in_common(monkeypatch):
    first, second = private_images(2, monkeypatch)
    assert first.shape == second.shape == (16, 3, 32, 32)
    together = np.concatenate([first, second]).reshape(32, -1)
    assert len(np.unique(together, axis=0)) == 32


ALL_SAME = """
import sys, torch, train_averaging
import torch.distributed as dist
train = train_averaging.train_together
def keep(network, party):
    train(network, party)
    torch.save(network.state_dict(), f"{OUT}/{dist.get_rank()}.pt")
    return network
OUT, train_averaging.train_together = sys.argv.pop(1), keep
train_averaging.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_all_parties_end_with_the_same_network(count, tmp_path):
    script = tmp_path / "keeping.py"
    script.write_text(ALL_SAME, encoding="utf-8")
    output(torchrun(count, script, tmp_path, "--epochs=2"))
    weights = [torch.load(tmp_path / f"{party}.pt") for party in range(count)]
    for other in weights[1:]:
        assert other.keys() == weights[0].keys()
        assert all(torch.equal(other[name], value) for name, value in weights[0].items())


WORKER = """
import sys, torch, train_averaging
import torch.distributed as dist
dist.init_process_group("gloo")
parts = torch.load(f"{sys.argv[1]}/parts.pt", weights_only=False)
network = train_averaging.train_together(parts["network"], parts[dist.get_rank()])
torch.save(network.state_dict(), f"{sys.argv[1]}/{dist.get_rank()}.pt")
dist.destroy_process_group()
"""


def smooth_network():
    """Without batch norm, which sees each party's rows apart: there means differ a little."""
    torch.manual_seed(4)
    layers = (
        torch.nn.Flatten(),
        torch.nn.Linear(192, 16),
        torch.nn.Tanh(),
        torch.nn.Linear(16, 4),
    )
    return torch.nn.Sequential(*layers).double()


class Fixed:
    """A transform of 64-bit rows that both sides of the comparison can make again."""

    def __call__(self, images, labels):
        soft = torch.nn.functional.one_hot(labels, 4).double() * 0.7
        return images.double() / 127.5 - 1, soft


def test_mean_gradients_of_parties_are_those_of_their_joint_batch(tmp_path):
    """Two parties' network is that of one process which takes both batches at once."""
    from instahide.training.loop import epoch_batches, training_step
    from instahide.training.schedule import Schedule

    schedule = Schedule(epochs=2, batch=8, rate=0.05)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 24, 3, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 4, (2, 24), generator=generator)
    parts = {
        party: parties.Party(images[party], labels[party], Fixed(), schedule)
        for party in (0, 1)
    }
    torch.save({"network": smooth_network(), **parts}, tmp_path / "parts.pt")
    script = tmp_path / "worker.py"
    imported = "from test_training_distributed import Fixed\n"
    script.write_text(imported + WORKER, encoding="utf-8")
    here = ENVIRONMENT["PYTHONPATH"] + os.pathsep + str(Path(__file__).parent)
    subprocess.run(
        torchrun(2, script, tmp_path), env=ENVIRONMENT | {"PYTHONPATH": here}, check=True
    )
    network = smooth_network()
    optimizer = torch.optim.SGD(network.parameters(), momentum=0.9, nesterov=True,
                                weight_decay=schedule.decay)  # fmt: skip
    for epoch in (0, 1):
        batches = [epoch_batches(images[p], labels[p], schedule, epoch) for p in (0, 1)]
        for step, both in enumerate(zip(*batches, strict=True)):
            optimizer.param_groups[0]["lr"] = schedule.rate_at((epoch + (step + 0.5) / 3) / 2)
            joint = [torch.cat(pair) for pair in zip(*both, strict=True)]
            training_step(network, optimizer, *Fixed()(*joint))
    for party in (0, 1):
        trained = torch.load(tmp_path / f"{party}.pt")
        for name, value in network.state_dict().items():
            torch.testing.assert_close(trained[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@WITH_WIRE
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("averaging", 2 * 4 * 116_000),  # first weights, and a step's gradients
        ("gathering", 4 * 8 * 3072),  # a step's encryptions
    ],
)
def test_no_plain_image_leaves_a_party(name, least, tmp_path, monkeypatch):
    run = torchrun(2, EXAMPLES / f"train_{name}.py", *SMALL)
    _, streams = record(run, tmp_path, env=ENVIRONMENT)
    assert max(map(len, streams)) > least, "the recording misses what the parties exchange"
    assert not find_images(streams, np.concatenate(private_images(2, monkeypatch)))


@pytest.mark.slow
@WITH_WIRE
@pytest.mark.parametrize("name", ["averaging", "gathering"])
def test_a_party_that_sends_plain_images_is_caught(name, tmp_path, monkeypatch):
    run = torchrun(2, Path(__file__).with_name("leakyparties.py"), name, *SMALL)
    _, streams = record(run, tmp_path, env=ENVIRONMENT)
    honest, leaky = private_images(2, monkeypatch)
    assert find_images(streams, leaky) == set(range(16))
    assert not find_images(streams, honest)


@pytest.mark.slow
@WITH_FLOWER
def test_clients_of_flower_learn_together():
    found = ACCURACY.search(output([sys.executable, EXAMPLES / "flower_loopback.py"]))
    # Chance is 10, with a standard error of 3.4. The order in which clients answer differs from
    # run to run, and with it what is learned: 34 to 64 were seen.
    assert float(found[1]) > 20


def flower(folder, spoilt=()):
    """The command that runs a copy of the example, with parts of the client replaced."""
    shutil.copytree(EXAMPLES, folder)
    app = folder / "train_flower.py"
    text = app.read_text(encoding="utf-8")
    for before, after in spoilt:
        assert before in text
        text = text.replace(before, after)
    app.write_text(text, encoding="utf-8")
    return [sys.executable, folder / "flower_loopback.py", *SMALL, "--rounds=1"]


@pytest.mark.slow
@WITH_FLOWER
@WITH_WIRE
def test_no_plain_image_leaves_a_client_of_flower(tmp_path, monkeypatch):
    told, streams = record(flower(tmp_path / "app"), tmp_path, env=ENVIRONMENT)
    assert ACCURACY.search(told)
    # Weights go to two clients, and two come back.
    assert sum(map(len, streams)) > 4 * 4 * 116_000
    assert not find_images(streams, np.concatenate(private_images(2, monkeypatch)))


@pytest.mark.slow
@WITH_FLOWER
@WITH_WIRE
def test_a_client_of_flower_that_sends_plain_images_is_caught(tmp_path, monkeypatch):
    spoilt = [
        ("import ArrayRecord, ", "import ConfigRecord, ArrayRecord, "),
        ('"metrics": count}', '"metrics": count, "more": ConfigRecord({"more": IMAGES})}'),
        ("IMAGES", "(party.images / 255).numpy().tobytes()"),
    ]
    _, streams = record(flower(tmp_path / "app", spoilt), tmp_path, env=ENVIRONMENT)
    both = np.concatenate(private_images(2, monkeypatch))
    assert find_images(streams, both) == set(range(32))


FORMS = {
    "bytes": lambda image: image,
    "floats on [0, 1]": lambda image: (image / 255).astype(np.float32),
    "floats on [-1, 1]": lambda image: (image / 127.5 - 1).astype(np.float32),
    "normalised": lambda image: ((image / 255 - 0.47) / 0.25).astype(np.float64),
    "half": lambda image: (image / 255).astype(np.float16),
    "negative": lambda image: (255 - image).astype(np.float32),
    "channels last": lambda image: image.transpose(1, 2, 0),
    "channels last, floats": lambda image: (image.transpose(1, 2, 0) / 255).astype(np.float32),
    "mirrored": lambda image: image[:, :, ::-1],
    "moved": lambda image: np.pad(image, ((0, 0), (3, 0), (3, 0)))[:, :-3, :-3],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_the_search_finds_images_in_whatever_form(form, before):
    rng = np.random.default_rng(before)
    images = rng.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    sent = np.ascontiguousarray(FORMS[form](images[2])).tobytes()
    around = rng.bytes(400 + before), rng.bytes(400)
    assert find_images([sent.join(around)], images) == {2}
    assert not find_images([b"".join(around)], images)


def test_the_search_finds_no_encryptions(monkeypatch):
    from instahide.training import InstaHide

    images = np.concatenate(private_images(2, monkeypatch))
    public = np.zeros((1, 3, 32, 32), np.uint8)  # which hides nothing
    for scheme, given in (("inside", None), ("cross", public)):
        mix = InstaHide(10, k=3, scheme=scheme, key=1, public=given)
        rows, _ = mix(images, np.zeros(32, np.int64))
        assert not find_images([np.ascontiguousarray(rows).tobytes()], images)
