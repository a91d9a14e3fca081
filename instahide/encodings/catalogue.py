"""The encodings that are there by name, and how a text or a manifest chooses one.

Strings only: nothing is imported for a name, and nothing that makes or verifies a challenge
imports this, so that a new name re-runs nothing.
"""

from collections.abc import Mapping
from typing import Any

from instahide.choice import choose
from instahide.encodings.choice import INSTAHIDE, EncodingChoice, of_scheme
from instahide.errors import InstaHideError

#: name -> where the function is that makes the encoding
ENCODINGS = {
    INSTAHIDE: "instahide.encodings.instahide.encoding:instahide",
    "dp-instahide": "instahide.encodings.dpinstahide:dp_instahide",
}


def choose_encoding(text: str) -> EncodingChoice:
    """Read ``name,option=value,…`` or ``module:function,option=value,…``.

    InstaHide has options that no text can give, see `instahide.encodings.choice.of_scheme`.

    Raises
    ------
    InstaHideError
        When the text chooses nothing.

    Examples
    --------
    >>> choose_encoding("dp-instahide,k=4,noise=0.1").options
    {'k': 4, 'noise': 0.1}
    """
    choice = choose("encoding", text, ENCODINGS)
    return EncodingChoice(text.partition(",")[0], choice.target, choice.options)


def told_by(manifest: Mapping[str, Any], trusted: str | None = None) -> EncodingChoice:
    """Return the encoding that a challenge says it was made by.

    Parameters
    ----------
    manifest : mapping
        A checked `challenge.json`; anybody may have written it, so a function that it names
        is not imported on its word.
    trusted : str, optional
        The name of somebody's own encoding, as the user gives it.

    Raises
    ------
    InstaHideError
        When it names a function that is not trusted.
    """
    if "scheme" in manifest:
        return of_scheme(
            manifest["scheme"],
            manifest["generator"],
            manifest.get("public_use"),
            manifest.get("augmentation"),
            manifest.get("treatment"),
        )
    name, options = manifest["encoding"]["name"], manifest["encoding"]["options"]
    if trusted is not None and trusted.partition(",")[0] != name:
        raise InstaHideError(
            f"the challenge was made by the encoding {name!r}, and not by {trusted!r}"
        )
    if name not in ENCODINGS and trusted is None:
        raise InstaHideError(
            f"challenge.json names the encoding {name!r}, whose code is not this project's: "
            f"if you trust it, and have it here, say --encoding {name}"
        )
    return EncodingChoice(name, ENCODINGS.get(name, name), options)
