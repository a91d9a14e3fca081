"""PyTorch, an extra that is imported where it is asked for."""

import importlib
from types import ModuleType

from instahide.errors import InstaHideError


def import_torch(otherwise: str = "") -> ModuleType:
    """Return PyTorch.

    Parameters
    ----------
    otherwise : str
        What to do without it, for the error.

    Raises
    ------
    InstaHideError
        When it is not installed.
    """
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError:
        raise InstaHideError(
            "PyTorch is not installed: pip install 'instahide[torch]', or make torch in a clone"
            + (f"; {otherwise}" if otherwise else "")
        ) from None
