"""Training on encryptions: the batch transform, a loop, checks of others' implementations.

`InstaHide` is `instahide.training.transform.InstaHide`, found when it is asked for: nothing is
imported here, so that this file joins no digest but its own.
"""

import importlib


def __getattr__(name):
    """Return the transform (PEP 562)."""
    if name == "InstaHide":
        return importlib.import_module("instahide.training.transform").InstaHide
    raise AttributeError(f"module 'instahide.training' has no attribute {name!r}")
