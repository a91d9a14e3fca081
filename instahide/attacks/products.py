"""What a step of an attack leaves for the next one: a file, whose suffix tells what it holds.

==========  ================================================================================
``.npy``    an array
``.npz``    a dict of arrays; or, where the step names a class, an object of it, which has a
            method ``save(path)`` and a class method ``load(path)``
``.json``   what JSON can hold
any other   what the step itself wrote to the `path` that it was given, such as the weights
            of a network; the next step is given the path
==========  ================================================================================

They may show private images, so only their owner may read them.
"""

from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.protocol import Recovery
from instahide.attacks.recipe import LAST, Step
from instahide.choice import load_function
from instahide.errors import InstaHideError
from instahide.files import load_npy, load_npz, save_json, save_npy, save_npz
from instahide.smalljson import read_json

MOST_JSON = 2**30  # bytes of a step's product


def writes_itself(step: Step) -> bool:
    """Tell whether a step writes its product itself."""
    return Path(step.product).suffix not in (".npy", ".npz", ".json")


def check_product(product: Any, step: Step, rows: int, shape: tuple[int, ...]) -> None:
    """Refuse what a function of one's own returns by mistake.

    Parameters
    ----------
    rows : int
        Number E of encryptions.
    shape : tuple of int
        Of an image.

    Raises
    ------
    InstaHideError
        When the product is of another kind, or does not fit the rows.
    """
    if writes_itself(step):
        return
    kind, target = _kind(step), step.choice.target
    if not isinstance(product, kind):
        raise InstaHideError(
            f"{target} returned {type(product).__name__}; {kind.__name__} is expected"
        )
    if isinstance(product, Recovery):
        found, expected = product.decryption.shape, (rows, *shape)
        if found != expected:
            raise InstaHideError(f"{target} returned shape {found}; {expected} is expected")
    if step.by_row and len(product) != rows:
        raise InstaHideError(f"{target} returned {len(product)} rows; {rows} are expected")


def _kind(step: Step) -> type:
    """Return the class of what a step returns."""
    if step.product == LAST:
        return Recovery
    if step.kind:
        return load_function(step.kind)
    return {".npy": np.ndarray, ".npz": dict, ".json": object}[Path(step.product).suffix]


def save_product(path: Path, product: Any, step: Step) -> None:
    """Write what a step returned to its file, unless the step has written it.

    Raises
    ------
    InstaHideError
        When it cannot be written in this form.
    """
    if writes_itself(step):
        return
    if step.kind:
        product.save(path)
    elif path.suffix == ".npy":
        save_npy(path, product, secret=True)
    elif path.suffix == ".npz":
        save_npz(path, product, secret=True)
    else:
        try:
            save_json(path, product, secret=True)
        except (TypeError, ValueError, RecursionError) as error:
            raise InstaHideError(
                f"{step.choice.target} returned what is no JSON: {error}"
            ) from None


def load_product(path: Path, step: Step) -> Any:
    """Read what a step left.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or holds something else.
    """
    if step.kind:
        return load_function(step.kind).load(path)
    if path.suffix == ".npy":
        return load_npy(path)
    if path.suffix == ".npz":
        return load_npz(path)
    if path.suffix == ".json":
        return read_json(path, MOST_JSON)
    if not path.exists():
        raise InstaHideError(f"{path} does not exist: {step.choice.target} did not write it")
    return path
