"""Which encoding a challenge is made by, as data: a name, a function, and options.

The function is imported when an encoding is made, and not before, so that no encoding is part
of another's digest. Standard library only: the workflow reads it whenever it is parsed.
"""

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any

from instahide.choice import load_function
from instahide.encodings.treatment import read_treatments, treatments_as_text
from instahide.errors import InstaHideError
from instahide.names import ARRAY_NAME

if TYPE_CHECKING:
    from instahide.encodings.protocol import Encoding, PublicImages, RowOf
    from instahide.labelled import LabelledImages
    from instahide.randomness.keystream import Key

TAKEN_NAMES = ("label", "challenge", "decryption", "private")
INSTAHIDE = "instahide"  # the one whose public parameters are keys of `challenge.json`
DEFAULT_GENERATOR = "aes256-ctr"


@dataclass(frozen=True)
class EncodingChoice:
    """An encoding, before it has images.

    Attributes
    ----------
    name : str
        As `challenge.json` tells it: a name of the project's, or ``module:function``.
    target : str
        Where the function is that makes it: ``module:function``.
    options : dict
        Its keyword-only arguments.
    """

    name: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def make(self, private: "LabelledImages", public: "PublicImages", key: "Key") -> "Encoding":
        """Make the encoding of some images.

        Raises
        ------
        InstaHideError
            When there is no such function or option, or the images or options do not suit;
            see also `check_arrays`.
        """
        function = load_function(self.target)
        parameters = inspect.signature(function).parameters.values()
        known = [part.name for part in parameters if part.kind is part.KEYWORD_ONLY]
        for option in self.options:
            if option not in known:
                raise InstaHideError(
                    f"the encoding {self.name} has no option {option!r}; it has "
                    f"{', '.join(known) or 'none'}{_nearest(option, known)}"
                )
        try:
            made = function(private, public, key, **self.options)
        except TypeError as error:
            if self.name == self.target:  # somebody's own: he wants to see where
                raise
            raise InstaHideError(
                f"the encoding {self.name}: the value of an option does not suit "
                f"({', '.join(f'{name}={value!r}' for name, value in self.options.items())}): "
                f"{error}"
            ) from error
        check_arrays(self.name, made.arrays)
        untold = [option for option in made.describe() if option not in known]
        if untold:
            raise InstaHideError(
                f"the encoding {self.name} describes itself by {untold[0]!r}, which is no "
                f"keyword-only option of {self.target}: nobody could make it again"
            )
        return made


def _nearest(option: str, known: list[str]) -> str:
    close = difflib.get_close_matches(option, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def check_arrays(encoding: str, arrays: Mapping[str, "RowOf"]) -> None:
    """Refuse arrays that no challenge can release.

    Raises
    ------
    InstaHideError
        When none is called ``encryption``, a name is no plain word or is taken, or rows are
        empty or hold no numbers.
    """
    if "encryption" not in arrays:
        raise InstaHideError(
            f"the encoding {encoding} releases {', '.join(arrays) or 'nothing'}: call one of "
            "its arrays 'encryption'"
        )
    for name, row in arrays.items():
        if not ARRAY_NAME.fullmatch(name) or name in TAKEN_NAMES:
            raise InstaHideError(
                f"the encoding {encoding} releases {name!r}: name arrays by small letters, "
                f"digits and _, and by none of {', '.join(TAKEN_NAMES)}"
            )
        if row.dtype.lstrip("<|")[:1] not in tuple("biuf") or min(row.shape, default=1) < 1:
            raise InstaHideError(
                f"the encoding {encoding} releases {name!r} as rows of {row.dtype} "
                f"{row.shape}: release numbers, and one or more in each row"
            )


def of_scheme(
    scheme: Any,
    generator: str = DEFAULT_GENERATOR,
    public_use: str | None = None,
    augmentation: Any = None,
    treatment: str | None = None,
) -> EncodingChoice:
    """Choose InstaHide.

    Parameters
    ----------
    scheme : Scheme or mapping
        See `instahide.encodings.instahide.scheme`.
    generator : {"aes256-ctr", "mt19937-2020"}
    public_use : {"one-batch", "fresh"}, optional
        For the generator of 2020.
    augmentation : Augmentation or mapping, optional
        See `instahide.encodings.augmentation`.
    treatment : str, optional
        See `instahide.encodings.treatment.read_treatments`.

    Raises
    ------
    InstaHideError
        When there is no such treatment.

    Examples
    --------
    >>> of_scheme({"name": "cross", "k": 4}).name
    'instahide'
    """
    options = {"scheme": _fields(scheme), "generator": generator}
    options |= {"public_use": public_use} if public_use else {}
    options |= {"augmentation": _fields(augmentation)} if augmentation is not None else {}
    treatments = read_treatments(treatment)
    options |= {"treatment": treatments_as_text(treatments)} if treatments else {}
    target = "instahide.encodings.instahide.encoding:instahide"
    return EncodingChoice(INSTAHIDE, target, options)


def _fields(given: Any) -> dict[str, Any]:
    """Return a dataclass or a mapping as a dictionary."""
    return asdict(given) if is_dataclass(given) else dict(given)
