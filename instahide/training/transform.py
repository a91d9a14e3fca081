"""InstaHide on batches, in the manner of `torchvision.transforms.v2.MixUp`.

A batch is encrypted as a challenge whose private set it is: every image leads one row, and is
mixed with another image of the batch and, for ``cross``, with public images that are drawn for
this row alone (InstaHide, section 3). Rows are made by the encodings that make challenges, so
what is attacked is what was trained on.

Where the randomness comes from
    Without a key each call takes 256 bits from the operating system: nothing has to be set,
    and nothing repeats in the workers of a DataLoader or in several processes. With a key, the
    rows are a function of (key, epoch, options, public images, content of the batch), by
    HMAC-SHA256 and AES-256. So an epoch comes out the same whatever the number of workers and
    whoever gets which batch, and two different batches never share a mask, even where
    `set_epoch` is forgotten. (Sets of public images are told apart by their number and 64 of
    them.)

>>> import numpy as np
>>> images = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), dtype=np.uint8)
>>> mix = InstaHide(num_classes=2, k=2, scheme="inside", key=7)
>>> rows, soft = mix(images, np.array([0, 0, 0, 1, 1, 1]))
>>> rows.shape, soft.shape, bool(np.abs(rows).max() <= 1)
((6, 3, 8, 8), (6, 2), True)
"""

import functools
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from instahide.encodings.choice import INSTAHIDE, EncodingChoice, of_scheme
from instahide.encodings.instahide.scheme import SCHEMES, Scheme
from instahide.encodings.labels import label_rows
from instahide.encodings.protocol import Encoding, PublicImages
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool, empty_pool
from instahide.pytorch import import_torch
from instahide.randomness.keystream import Key
from instahide.training.arrays import (
    as_classes,
    as_pixels,
    channels_first,
    like,
)
from instahide.training.prediction import predict_encrypted
from instahide.training.rows import EncryptedRows

LOOKED_AT = 64  # public images that tell a set of them from others
SCHEME_DEFAULTS = {"k": 4, "c1": 0.65, "c2": 0.3}


class InstaHide:
    """Encrypt batches of images, and mix their labels.

    Parameters
    ----------
    num_classes : int
    k : int, optional
        Images in a mixture (default 4).
    public : Pool, tensor or ndarray, optional
        Public images: a pool, or images uint8 of shape (N, C, H, W).
    key : Key, int or str, optional
        See the module; an integer, or ``hex:`` and 64 hexadecimal digits. By default the
        operating system's randomness, afresh for each call.
    scheme : str or EncodingChoice
        ``"cross"``, ``"inside"``, ``"mixup"`` or ``"mixup-inside"``, or any encoding that
        releases images, with options of its own: ``choose_encoding("dp-instahide,k=4")``.
    c1, c2 : float, optional
        No coefficient exceeds c1 (default 0.65); the two private ones sum to c2 or more (0.3).

    Raises
    ------
    InstaHideError
        When bounds cannot be met, or the public images do not suit.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        k: int | None = None,
        public: Any = None,
        key: Key | int | str | None = None,
        scheme: str | EncodingChoice = "cross",
        c1: float | None = None,
        c2: float | None = None,
    ):
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
            raise InstaHideError(f"num_classes = {num_classes!r}: give a number of 1 or more")
        self.class_names = tuple(map(str, range(num_classes)))
        self.choice = _choice(scheme, {"k": k, "c1": c1, "c2": c2})
        self.public = _public(public)
        self.key = key if key is None or isinstance(key, Key) else Key.parse(key)
        self._epoch = _shared_number()
        _check_public(self.choice, self.public)

    def __repr__(self) -> str:
        public = 0 if self.public is None else len(self.public)
        return (
            f"InstaHide({self.choice.name} {dict(self.choice.options)}, {public} public "
            f"images, {len(self.class_names)} classes)"
        )

    @functools.cached_property
    def _public_digest(self) -> bytes:
        """Tell public images from others, by some of them: a pool may have millions."""
        if self.public is None or not len(self.public):
            return b""
        places = np.unique(np.linspace(0, len(self.public) - 1, LOOKED_AT).astype(np.int64))
        digest = hashlib.sha256(repr((len(self.public), self.public.shape)).encode())
        digest.update(np.ascontiguousarray(self.public.read(places)).data)
        return digest.digest()

    @property
    def epoch(self) -> int:
        """The epoch that `set_epoch` has told."""
        return int(self._epoch[0])

    def set_epoch(self, epoch: int) -> None:
        """Say that an epoch begins, so that its rows are other than those of the last one.

        Of use with a key only. Workers of a DataLoader hear of it, also those that persist.
        """
        if epoch < 0:
            raise InstaHideError(f"the epoch {epoch} is negative; use 0 or more")
        if isinstance(self._epoch, np.ndarray):  # PyTorch may have been imported since
            self._epoch = _shared_number()
        self._epoch[0] = epoch

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Encrypt a batch.

        Parameters
        ----------
        images : tensor or ndarray, shape (n, C, H, W)
            uint8, or floating on [0, 1].
        labels : tensor or ndarray of integers, shape (n,)

        Returns
        -------
        encryption : float32, shape (n, C, H, W), range [-1, 1]
            On the device of the images; row order is random, so labels go with it.
        label : float32, shape (n, num_classes)
            For each class, the sum of its private images' coefficients: less than 1 in all
            where public images are mixed in.

        Raises
        ------
        InstaHideError
            When the batch is too small for the scheme, or holds something else.
        """
        private = self._private(images, labels)
        encoding = self._encoding(private, self._batch_key(private, b"batch"))
        plan = encoding.plan(0, len(private.images))
        rows = encoding.encode(plan, 0)["encryption"]
        soft = label_rows(plan, private)
        return like(channels_first(rows), images), like(soft, images)

    def collate(self, samples: list) -> tuple[Any, Any]:
        """Collate samples and encrypt the batch: the `collate_fn` of a DataLoader."""
        return self(*import_torch().utils.data.default_collate(samples))

    def rows(self, images: Any, labels: Any) -> EncryptedRows:
        """Return the rows of a whole private set: those of its challenge, bit for bit.

        Parameters
        ----------
        images, labels
            As for a batch; partners come from the whole set.

        Returns
        -------
        EncryptedRows
            A dataset for a DataLoader, any row of which is there by random access.
        """
        private = self._private(images, labels)
        key = self.key or Key.generate()
        return EncryptedRows(self._encoding(private, key), private)

    def predict(
        self, model: Any, images: Any, *, encodings: int = 10, largest: bool = True
    ) -> Any:
        """Predict the classes of images that the model sees encrypted only.

        Every image is encrypted `encodings` times, with others of `images` as partners, and the
        model's probabilities are averaged. With a key they are a function of key and images.

        Parameters
        ----------
        model : callable
            Takes encryptions, returns logits (rows, num_classes); in evaluation mode.
        images : tensor, shape (n, C, H, W)
        encodings : int
        largest : bool
            Give each image the largest of its row's private coefficients: then the row's
            likeliest class is its own.

        Returns
        -------
        tensor of float32, shape (n, num_classes)
            Mean probabilities, on the device of the images.
        """
        pixels = as_pixels(images)
        private = self._labelled(pixels, np.zeros(len(pixels), np.int64))
        encoding = self._encoding(private, self._batch_key(private, b"predict"))
        means = predict_encrypted(
            model, encoding, len(pixels), images.device, encodings=encodings, largest=largest
        )
        return means

    def _private(self, images: Any, labels: Any) -> LabelledImages:
        pixels = as_pixels(images)
        classes = as_classes(labels, len(pixels), len(self.class_names))
        return self._labelled(pixels, classes)

    def _labelled(self, pixels: np.ndarray, classes: np.ndarray) -> LabelledImages:
        return LabelledImages(pixels, classes, self.class_names)

    def _encoding(self, private: LabelledImages, key: Key) -> Encoding:
        shape = private.images.shape[1:]
        public = empty_pool(shape) if self.public is None else self.public
        encoding = self.choice.make(private, public, key)
        row = encoding.arrays["encryption"]
        if row.shape != shape:
            raise InstaHideError(
                f"the encoding {self.choice.name} releases rows of the shape {row.shape}, not "
                f"images of {shape}: networks for images cannot be trained on them"
            )
        return encoding

    def _batch_key(self, private: LabelledImages, purpose: bytes) -> Key:
        """Return a key for one batch, of the operating system's where none is given."""
        if self.key is None:
            return Key.generate()
        # The content is part of it, as in encryption that withstands the misuse of nonces
        # (RFC 8452): whoever forgets the epoch gets a row again, never a mask for others.
        digest = hashlib.sha256(repr((private.images.shape, self.choice)).encode())
        digest.update(self._public_digest)
        digest.update(private.images.data)
        digest.update(private.classes.data)
        message = b"training %s %d " % (purpose, self.epoch) + digest.digest()
        return derived_key(self.key, message)


def derived_key(key: Key, purpose: bytes) -> Key:
    """Return the key for one purpose; of it nobody finds `key`, or that for another."""
    material = key.authenticate(purpose)
    return Key(material, f"hex:{material.hex()}")


def _choice(scheme: str | EncodingChoice, options: dict[str, Any]) -> EncodingChoice:
    """Return the encoding; `options` are those of InstaHide's schemes, None where not given."""
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(scheme, EncodingChoice):
        if given:
            raise InstaHideError(
                f"{', '.join(given)} belong to InstaHide's schemes: give the encoding "
                f"{scheme.name} its own options"
            )
        return _with_scheme(scheme)
    if scheme not in SCHEMES:
        raise InstaHideError(
            f"scheme {scheme!r} is none of {', '.join(SCHEMES)}; another encoding is given as "
            "choose_encoding(…) of instahide.encodings.catalogue"
        )
    return _with_scheme(
        of_scheme(Scheme(scheme, rows_per_image=1, **(SCHEME_DEFAULTS | given)))
    )


def _with_scheme(choice: EncodingChoice) -> EncodingChoice:
    """Return InstaHide with a scheme that is made: to check it for each batch takes time."""
    scheme = choice.options.get("scheme")
    if choice.name != INSTAHIDE or not isinstance(scheme, Mapping):
        return choice
    return replace(choice, options={**choice.options, "scheme": Scheme(**scheme)})


def _public(public: Any) -> PublicImages | None:
    if public is None or isinstance(public, Pool):
        return public
    return Pool(as_pixels(public, "the array of public images"))


def _check_public(choice: EncodingChoice, public: PublicImages | None) -> None:
    """Say at once what every batch would be refused for."""
    scheme = choice.options.get("scheme")
    if isinstance(scheme, Scheme) and scheme.public_count and not (public and len(public)):
        raise InstaHideError(
            f"scheme {scheme.name} mixes {scheme.public_count} public images into each row: "
            "give public=…, or take the scheme inside"
        )


def _shared_number() -> np.ndarray:
    """Return a number that processes of a DataLoader share, where there is PyTorch."""
    if "torch" not in sys.modules:
        return np.zeros(1, np.int64)
    torch = import_torch()
    return torch.zeros(1, dtype=torch.int64).share_memory_()
