"""The input of a dense layer, exactly, from the gradient of one step on one row.

A dense layer z = W·x + b has the gradients

    ∂L/∂W = δ·xᵀ,    ∂L/∂b = δ,    δ = ∂L/∂z,

so that any line of the one divided by its entry of the other is x, whatever network and loss
follow (Phong et al. 2017, Privacy-preserving deep learning via additively homomorphic
encryption, section 3). All lines together, by least squares: x = (∂L/∂W)ᵀδ / |δ|².
"""

import numpy as np

from instahide.errors import InstaHideError


def input_from_gradient(weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the row that a step of batch size 1 was made on.

    Parameters
    ----------
    weight : ndarray of float, shape (..., units, d)
        Gradient of the first layer's weights.
    bias : ndarray of float, shape (..., units)
        Of its bias.

    Returns
    -------
    ndarray of float32, shape (..., d)
        Exact but for rounding.

    Raises
    ------
    InstaHideError
        When shapes do not fit, or a bias has no gradient: then no unit was at work, or the row
        was learned by heart, and the step tells nothing.

    Examples
    --------
    >>> x, delta = np.array([0.5, -1.0, 0.25]), np.array([0.0, 2.0, -1.0])
    >>> input_from_gradient(np.outer(delta, x), delta).tolist()
    [0.5, -1.0, 0.25]
    """
    weight, bias = (np.asarray(values, np.float64) for values in (weight, bias))
    if weight.shape[:-1] != bias.shape:
        raise InstaHideError(
            f"the gradient of weights is {weight.shape} and that of the bias {bias.shape}: "
            "(units, inputs) and (units,) are expected"
        )
    power = np.square(bias).sum(axis=-1)
    if not (power > 0).all():
        raise InstaHideError("a bias has no gradient, and tells nothing of the input")
    found = np.einsum("...ud,...u->...d", weight, bias) / power[..., None]
    return found.astype(np.float32)
