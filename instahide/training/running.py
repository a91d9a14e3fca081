"""One training of the workflow, from files to files, and how often its network is right.

::

    model.pt       the network's weights, a `state_dict`; mode 0600, for they tell of images
    curve.csv      loss and processor time of each epoch
    accuracy.json  shares of right predictions, and all that was trained
"""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.challenge.folder import load_seed
from instahide.challenge.private import load_private
from instahide.errors import InstaHideError
from instahide.files import atomic, save_json, sha256_of_file
from instahide.labelled import LabelledImages
from instahide.photos.split import SplitImages, load_split
from instahide.pool.pool import open_pool
from instahide.pytorch import import_torch
from instahide.smalljson import read_object
from instahide.training.accuracy import measure_accuracy
from instahide.training.loop import Epoch, Plain, train
from instahide.training.recipe import SIGNED, Training
from instahide.training.recorded import load_recorded, without
from instahide.training.transform import InstaHide, derived_key

CURVE = ("epoch", "loss", "processor_seconds")
NETWORKS_MODULE = "instahide.training.networks"


@dataclass(frozen=True)
class Files:
    """What a training is made from.

    Attributes
    ----------
    data : path
        See `instahide.photos.split.save_split`.
    seed : path
        Of the key of all runs of the training.
    pool : path, optional
    seen, private : path, optional
        The challenge of the recorded images, and its private set.
    """

    data: Path | str
    seed: Path | str
    pool: Path | str | None = None
    seen: Path | str | None = None
    private: Path | str | None = None


def save_training(
    model: Path | str, curve: Path | str, training: Training, files: Files, *, code: str = ""
) -> None:
    """Train a network; write its weights and its curve.

    Beside them lies a checkpoint until it is done, which a run that was ended goes on from
    when everything that it depends on is as it was.

    Parameters
    ----------
    model, curve : path
    training : Training
    files : Files
    code : str
        The digest of the code that trains: another one begins anew.

    Raises
    ------
    InstaHideError
        When something does not fit together, see also `loop.train`.
    """
    split = load_split(files.data)
    places, recorded = np.arange(len(split.train.images)), None
    if files.seen is not None:
        private = load_private(files.private)
        places = without(split.train, private)
        recorded = load_recorded(files.seen, len(private.images))
    checkpoint = Path(model).parent / f".checkpoint-{_digest(training, files, code)}.pt"
    with _one_thread():
        network, device = make_network(training, split), best_device()
        learned = train(
            network.to(device),
            *_tensors(split.train, places, device),
            make_transform(training, files, split, b"train") or Plain(_classes(split)),
            training.schedule,
            recorded=recorded,
            checkpoint=checkpoint,
        )
    with atomic(model, secret=True) as temporary:
        import_torch().save(learned.network.cpu().state_dict(), temporary)
    _save_curve(curve, learned.curve)
    for old in checkpoint.parent.glob(".checkpoint-*.pt"):
        old.unlink(missing_ok=True)


def save_accuracy(
    out: Path | str, model: Path | str, curve: Path | str, training: Training, files: Files
) -> None:
    """Measure a trained network on the images that test; write `accuracy.json`."""
    split = load_split(files.data)
    with _one_thread():
        network, device = make_network(training, split), best_device()
        load_weights(network, model)
        network = network.to(device).eval()
        transform = make_transform(training, files, split, b"accuracy")
        tested = _tensors(split.test, np.arange(len(split.test.images)), device)
        accuracy = measure_accuracy(network, *tested, transform)
    with open(curve, encoding="utf-8", newline="") as file:
        seconds = sum(float(line["processor_seconds"]) for line in csv.DictReader(file))
    save_json(
        out,
        {
            "accuracy": asdict(accuracy),
            "training": asdict(training),
            "data": Path(files.data).parent.name,
            "classes": list(split.train.class_names),
            "image_shape": list(split.train.images.shape[1:]),
            "images": len(split.train.images),
            "recorded": len(load_private(files.private).images) if files.private else 0,
            "parameters": sum(part.numel() for part in network.parameters()),
            "processor_seconds": round(seconds, 1),
            "device": str(device),
            "torch": import_torch().__version__,
        },
    )


def make_network(training: Training, split: SplitImages) -> Any:
    """Return the network of a training, with first weights of its seed."""
    torch, shape = import_torch(), split.train.images.shape[1:]
    torch.manual_seed(training.schedule.seed)
    signed = training.input == SIGNED
    try:
        network = training.network(_classes(split), channels=shape[2], signed=signed)
    except TypeError as error:
        raise InstaHideError(
            f"network {training.network.text!r}: it is called with the number of classes, "
            f"channels=… and signed=…, and says: {error}"
        ) from error
    check_network(network, training.network.text, shape, _classes(split))
    return network


def check_network(network: Any, text: str, shape: Sequence[int], classes: int) -> None:
    """Refuse what cannot be trained, by what it makes of two black images.

    Raises
    ------
    InstaHideError
        When it is no module of PyTorch, has nothing to learn or returns something else than
        logits.
    """
    torch = import_torch()
    if not isinstance(network, torch.nn.Module) or not list(network.parameters()):
        raise InstaHideError(
            f"network {text!r} returns {type(network).__name__}: a torch.nn.Module that has "
            "parameters is expected"
        )
    height, width, channels = shape
    try:
        with torch.no_grad():
            logits = network.eval()(torch.zeros(2, channels, height, width))
    except (RuntimeError, ValueError, TypeError) as error:
        raise InstaHideError(
            f"network {text!r} does not take rows (n, {channels}, {height}, {width}): {error}"
        ) from error
    found = tuple(getattr(logits, "shape", ())) or type(logits).__name__
    if found != (2, classes):
        raise InstaHideError(
            f"network {text!r} returns {found} for 2 images of {classes} classes: logits "
            f"(2, {classes}) are expected"
        )


def make_transform(
    training: Training, files: Files, split: SplitImages, purpose: bytes
) -> InstaHide | None:
    """Return what encrypts batches, with a key for this purpose and seed; None for none."""
    if training.encoding is None:
        return None
    purpose = b"training %s %d" % (purpose, training.schedule.seed)
    return InstaHide(
        _classes(split),
        public=open_pool(files.pool) if files.pool else None,
        key=derived_key(load_seed(files.seed), purpose),
        scheme=training.encoding,
    )


def load_weights(network: Any, model: Path | str) -> None:
    """Load weights into a network; no code of the file runs.

    Raises
    ------
    InstaHideError
        When the file is damaged, or holds another network's.
    """
    try:
        state = import_torch().load(model, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except Exception:  # zip, pickle, storage and networks each have errors of their own
        raise InstaHideError(
            f"{model} holds no weights of this network: remove it, and it is trained again"
        ) from None


def load_network(folder: Path | str) -> Any:
    """Load a network that the workflow has trained, ready to predict.

    Parameters
    ----------
    folder : path
        ``results/training/{name}/{seed}``. The order of classes is in its `accuracy.json`.

    Returns
    -------
    torch.nn.Module
        Takes images or rows, float32 (n, C, H, W) on [-1, 1]; returns logits.

    Raises
    ------
    InstaHideError
        When a file is missing or damaged, or the network is not one of the project's: of
        somebody's own nothing is imported on the word of a file, see `load_weights`.
    """
    about = Path(folder, "accuracy.json")
    try:
        found = read_object(about)
        training = Training.of(found["training"])
        count, channels = len(found["classes"]), int(found["image_shape"][2])
        target = str(training.network.target)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InstaHideError(f"{about} does not tell its network ({error})") from None
    if target.partition(":")[0] != NETWORKS_MODULE:
        raise InstaHideError(
            f"{about} names the network {training.network.text!r}, which is not this "
            "project's: make it yourself and use load_weights"
        )
    try:
        network = training.network(count, channels=channels, signed=training.input == SIGNED)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InstaHideError(f"{about} does not tell its network ({error})") from None
    load_weights(network, Path(folder, "model.pt"))
    return network.eval()


def best_device() -> Any:
    """Return the graphics card, where there is one, or the processor."""
    torch = import_torch()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: then the same machine comes to the same weights again."""
    torch = import_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _classes(split: SplitImages) -> int:
    return len(split.train.class_names)


def _tensors(images: LabelledImages, places: np.ndarray, device: Any) -> tuple[Any, Any]:
    torch = import_torch()
    pixels = np.ascontiguousarray(images.images[places].transpose(0, 3, 1, 2))
    classes = images.classes[places]
    return torch.from_numpy(pixels).to(device), torch.from_numpy(classes).to(device)


def _save_curve(path: Path | str, curve: list[Epoch]) -> None:
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CURVE)
        for number, epoch in enumerate(curve, 1):
            writer.writerow([number, f"{epoch.loss:.6f}", f"{epoch.processor_seconds:.2f}"])


def _digest(training: Training, files: Files, code: str) -> str:
    """Return a name for all that a training's weights depend on."""
    parts = [repr(training), code, sha256_of_file(files.data)]
    parts.append(load_seed(files.seed).authenticate(b"checkpoint").hex())
    if files.pool:
        parts.append(Path(f"{files.pool}.sha256").read_text(encoding="utf-8"))
    if files.seen:
        parts.append(sha256_of_file(Path(files.seen, "encryption.npy")))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
