"""The label of a row, exactly, from the gradient of one step on that row alone.

The last layer z = W·h + b of a classifier is dense, so that its gradient gives its input h
(`instahide.attacks.gradients.dense`), and with the weights, which are known, the outputs
p = softmax(z). The gradient of the bias is

    ∂L/∂b = s·p - y,    s = Σ y,

where L is the cross entropy with a soft label y. InstaHide's labels sum to the coefficients of
the private images, and s is not known. But y ≥ 0, so that s ≥ (∂L/∂b) / p in each class, with
equality in all classes that the label does not name. (That the sign of this gradient names the
class of a step on one plain row is in Zhao et al. 2020, iDLG, section 3.)
"""

import numpy as np

from instahide.attacks.gradients.dense import input_from_gradient

LEAST_OUTPUT = 1e-6  # of the largest: below that, rounding is too much of the quotient
LEAST_LABEL = 1e-4  # below that, rounding and label cannot be told apart


def label_from_gradient(
    gradient: tuple[np.ndarray, np.ndarray], layer: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the label that a step of batch size 1 was made with, coefficients and all.

    Parameters
    ----------
    gradient : tuple of ndarray of float, shapes (..., classes, units) and (..., classes)
        Of the last layer's weights, and of its bias.
    layer : tuple of ndarray of float, shapes (..., classes, units) and (..., classes)
        Its weights and its bias before the step.

    Returns
    -------
    ndarray of float32, shape (..., classes)
        Exact but for rounding, if there is a class that the label does not name; values below
        1e-4 are 0.

    Raises
    ------
    InstaHideError
        When shapes do not fit, or the gradient is zero.

    Examples
    --------
    >>> h, y = np.array([1.0, 2.0]), np.array([0.5, 0.0, 0.25])
    >>> weight, bias = np.array([[0.5, 0.0], [0.0, 0.5], [0.0, 0.0]]), np.zeros(3)
    >>> p = np.exp(weight @ h + bias)
    >>> delta = y.sum() * p / p.sum() - y
    >>> label_from_gradient((np.outer(delta, h), delta), (weight, bias)).round(4).tolist()
    [0.5, 0.0, 0.25]
    """
    weight, bias = (np.asarray(values, np.float64) for values in layer)
    inside = input_from_gradient(*gradient).astype(np.float64)
    outputs = softmax_of(np.einsum("...cu,...u->...c", weight, inside) + bias)
    delta = np.asarray(gradient[1], np.float64)
    told = outputs > LEAST_OUTPUT * outputs.max(axis=-1, keepdims=True)
    total = np.where(told, delta / outputs, -np.inf).max(axis=-1, keepdims=True)
    label = total * outputs - delta
    return np.where(label < LEAST_LABEL, 0, label).astype(np.float32)


def softmax_of(values: np.ndarray) -> np.ndarray:
    """Return exp(z) / Σ exp(z) along the last axis.

    Examples
    --------
    >>> softmax_of(np.log([1.0, 2.0, 5.0])).round(3).tolist()
    [0.125, 0.25, 0.625]
    """
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
