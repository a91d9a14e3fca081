"""InstaHide, and Mixup, as an encoding: what is mixed, masked and released."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from instahide.encodings.augmentation import Augmentation, draw_transforms
from instahide.encodings.instahide.generators import DEFAULT, Generator, make_generator
from instahide.encodings.instahide.mersenne import PublicUse
from instahide.encodings.instahide.mixing import encrypt
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.encodings.protocol import PublicImages, RowOf
from instahide.encodings.treating import treat_rows
from instahide.encodings.treatment import (
    Treatment,
    read_treatments,
    treatments_as_text,
)
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key


@dataclass(frozen=True)
class InstaHideEncoding:
    """The encoding of a scheme, see `instahide.encodings.protocol.Encoding`.

    Attributes
    ----------
    private : LabelledImages
    public : PublicImages
        Empty where no public images are mixed in.
    generator : Generator
        Gives plan and masks, and knows the scheme.
    key : Key
        Of the transforms, and of the noise of treatments.
    augmentation : Augmentation, optional
        What may happen to an image before it is mixed; nothing by default.
    treatments : tuple of Treatment
        What is done to rows before they are released, in order; nothing by default.
    """

    private: LabelledImages
    public: PublicImages
    generator: Generator
    key: Key = field(repr=False)
    augmentation: Augmentation | None = None
    treatments: tuple[Treatment, ...] = ()

    @property
    def scheme(self) -> Scheme:
        """Which mixture, how many images, which bounds."""
        return self.generator.scheme

    @property
    def rows(self) -> int:
        """T rows for each private image."""
        return len(self.private.images) * self.scheme.rows_per_image

    @property
    def arrays(self) -> Mapping[str, RowOf]:
        """One array: the encryptions, shaped like the images."""
        return {"encryption": RowOf("<f4", self.private.images.shape[1:])}

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan."""
        plan = self.generator.plan(start, stop)
        if self.augmentation is None:
            return plan
        transformed = plan.weights if self.augmentation.public else plan.members
        transforms = draw_transforms(
            self.key,
            self.augmentation,
            np.arange(start, stop),
            transformed.shape[1],
            self.private.images.shape[1:],
        )
        return replace(plan, transforms=transforms, augmentation=self.augmentation)

    def encode(self, plan: Plan, start: int) -> dict[str, np.ndarray]:
        """Encrypt a plan whose first row is row `start`, under its masks.

        Returns
        -------
        dict of ndarray
            ``encryption``, float32, shape (len(plan), H, W, C), range [-1, 1]; after noise
            also beyond.
        """
        mask = None
        if self.scheme.masked:
            mask = self.generator.mask(start, start + len(plan))
        public = self.public.read(plan.public)
        rows = encrypt(plan, self.private.images, public, mask)
        if self.treatments:
            numbers = np.arange(start, start + len(plan))
            rows = treat_rows(rows, self.treatments, self.key, numbers)
        return {"encryption": rows}

    def describe(self) -> dict[str, Any]:
        """Return scheme and generator, and augmentation and treatment where there are some."""
        told = {
            "scheme": asdict(self.scheme),
            "generator": self.generator.name,
            **self.generator.options,
        }
        if self.augmentation:
            told["augmentation"] = self.augmentation.describe()
        if self.treatments:
            told["treatment"] = treatments_as_text(self.treatments)
        return told


def instahide(
    private: LabelledImages,
    public: PublicImages,
    key: Key,
    *,
    scheme: Scheme | Mapping[str, Any],
    generator: str = DEFAULT,
    public_use: PublicUse | None = None,
    augmentation: Augmentation | Mapping[str, Any] | None = None,
    treatment: str | None = None,
) -> InstaHideEncoding:
    """Return InstaHide as an encoding of these images.

    Parameters
    ----------
    private : LabelledImages
    public : PublicImages
        Empty where the scheme mixes no public images.
    key : Key
    scheme : Scheme, or mapping of its fields
    generator : {"aes256-ctr", "mt19937-2020"}
    public_use : {"one-batch", "fresh"}, optional
        For the generator of 2020, see `instahide.encodings.instahide.mersenne`.
    augmentation : Augmentation, or mapping of its fields, optional
        What happens to images before they are mixed, anew for each row.
    treatment : str, optional
        What is done to rows before they are released, such as ``gaussian=0.1,rounding=8``,
        see `instahide.encodings.treatment.read_treatments`.

    Raises
    ------
    InstaHideError
        When private and public images differ in shape, or are too few for the scheme, or
        do not suit the generator; when the scheme mixes public images and there are none,
        or mixes none and there are some.
    """
    scheme = scheme if isinstance(scheme, Scheme) else Scheme(**scheme)
    shape = private.images.shape[1:]
    if scheme.public_count and not len(public):
        raise InstaHideError(
            f"scheme {scheme.name} mixes {scheme.public_count} public images into each "
            "encryption, and none are given: name a pool of them with --public POOL"
        )
    if scheme.inside and len(public):
        raise InstaHideError(
            f"scheme {scheme.name} mixes private images only: leave out the pool"
        )
    if scheme.public_count and public.shape != shape:
        raise InstaHideError(
            f"private images have the shape {shape} and public ones {public.shape}; make both "
            "with the same image size and channels"
        )
    scheme.check_images(len(private.images), len(public))
    some = _checked(augmentation, scheme, generator, shape)
    treatments = _checked_treatments(treatment, generator)
    made = make_generator(
        generator,
        key,
        scheme,
        images=len(private.images),
        pool=len(public),
        shape=shape,
        public_use=public_use,
    )
    return InstaHideEncoding(private, public, made, key, some, treatments)


def _checked(
    given: Augmentation | Mapping[str, Any] | None,
    scheme: Scheme,
    generator: str,
    shape: tuple[int, ...],
) -> Augmentation | None:
    """Refuse an augmentation that images, scheme or generator have no use for."""
    if given is None:
        return None
    augmentation = Augmentation.of(given)
    if generator != DEFAULT:
        raise InstaHideError(
            f"augmentation: the streams of the generator {generator} are those of the "
            f"challenge of 2020, whose images were mixed as they are; use {DEFAULT}"
        )
    if augmentation.public and not scheme.public_count:
        raise InstaHideError(
            f"augmentation: scheme {scheme.name} with k = {scheme.k} mixes no public images; "
            "leave out 'public'"
        )
    augmentation.check_shape(shape)
    return augmentation


def _checked_treatments(given: str | None, generator: str) -> tuple[Treatment, ...]:
    """Refuse treatments that are none, and those of rows of the challenge of 2020."""
    treatments = read_treatments(given)
    if treatments and generator != DEFAULT:
        raise InstaHideError(
            f"treatment: the streams of the generator {generator} are those of the challenge "
            f"of 2020, whose rows were released as they were; use {DEFAULT}"
        )
    return treatments
