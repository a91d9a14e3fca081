"""Choosing anew who is in each row, once rows are known without their masks."""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.choosing import Chooser, choose_signs
from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.state import Assignment, State


def reassign(
    field: Field, state: State, level: np.ndarray, chooser: Chooser, *, signed: bool = False
) -> State:
    """Choose each row's images, weights and sign by the distance of the unmasked row.

    Distances are whitened by the residuals' own mean spectrum, relative to `level`.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    chooser : Chooser
    signed : bool
        Rows have their true sign (there is no mask).
    """
    seen = chooser.see(*whiten_by_residuals(field, state, level))
    found, turned = choose_signs(
        seen, chooser.choose, level, state.assignment.members, signed=signed
    )
    return replace(
        state,
        unmasked=np.where(turned, -state.unmasked, state.unmasked),
        assignment=Assignment(found.members, found.weights.astype(np.float32)),
    )


def whiten_by_residuals(
    field: Field, state: State, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (E, d) and images (n + 1, d) whose noise has variance `level` throughout."""
    left = field.transform(state.unmasked - state.design() @ state.images)
    spectrum = np.einsum("ij,ij,i->j", left, left, 1 / level) / len(level)
    gain = 1 / np.sqrt(np.maximum(spectrum, 1e-9 * spectrum.max()))
    return field.transform(state.unmasked) * gain, field.transform(state.images) * gain
