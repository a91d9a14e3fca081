"""Weights of a network in a file: written by its training, read by the stage that uses it."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instahide.errors import InstaHideError
from instahide.pytorch import import_torch


def save_weights(path: Path, kind: str, network: dict[str, Any], **sizes: int) -> None:
    """Write the weights of a network.

    Parameters
    ----------
    path : Path
    kind : str
        Which network it is.
    network : dict of str to torch.Tensor
    sizes : int
        What its function is to be called with.
    """
    import_torch().save({"network": network, "kind": kind, **sizes}, path)


def weigh_network(path: Path, kind: str, make: Callable[..., Any]) -> Any:
    """Return a network with weights that were trained for it, ready to be used.

    Parameters
    ----------
    path : Path
    kind : str
    make : callable
        Makes the network from the sizes that stand beside its weights.

    Raises
    ------
    InstaHideError
        When the file is damaged, or holds those of another network.
    """
    try:
        told = import_torch().load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InstaHideError(
            f"{path} is damaged, or holds no weights ({reason}): train it anew"
        ) from None
    try:
        if told.pop("kind") != kind:
            raise KeyError(kind)
        weights = told.pop("network")
        network = make(**told)
        network.load_state_dict(weights)
    except (AttributeError, KeyError, RuntimeError, TypeError):
        raise InstaHideError(
            f"{path} does not hold the weights of this network: train it anew"
        ) from None
    return network.eval()


def to_device(network: Any) -> Any:
    """Return a network on a graphics card where PyTorch finds one."""
    return network.to("cuda" if import_torch().cuda.is_available() else "cpu")
