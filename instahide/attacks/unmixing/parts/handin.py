"""What to hand in: for each row, the one of its images that is likely to be the better.

Its worth is the image's predicted quality times the trust in its being in the row.
"""

import numpy as np

from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.ssim import ssim

HALF_SURE = 9.0  # energy of an image in a row that is as likely there as not


def hand_in(
    problem: Problem, state: State, images: np.ndarray, rng: np.random.Generator
) -> Recovery:
    """Choose the image that each row hands in.

    Parameters
    ----------
    images : ndarray of float32, shape (n + 1, d)
        As finished; the last one, the mean public image, is not handed in.

    Returns
    -------
    Recovery
        It keeps the assignment too.
    """
    images = np.clip(images[:-1], -1, 1)
    place, quality = choose_places(problem, state, images, rng)
    chosen = state.assignment.members[np.arange(len(state)), place]
    private = images.reshape(-1, *problem.shape)
    return Recovery(
        decryption=private[chosen],
        private=private,
        complexity="O(E·d·(n + log d))",
        details={"predicted_ssim": round(float(quality.mean()), 4)},
        arrays={"assignment": vars(state.assignment)},
    )


def choose_places(
    problem: Problem, state: State, images: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of its images each row hands in, (E,), and all images' quality, (n,).

    Parameters
    ----------
    images : ndarray of float32, shape (n, d), range [-1, 1]
    """
    noise = learn_field(problem.public).sample(rng, len(images))
    quality = predict_quality(images, error_variance(state), noise, problem.shape)
    sure = trust(state.assignment.weights, state.level, images.shape[1])
    return (quality[state.assignment.members] * sure).argmax(axis=1), quality


def error_variance(state: State) -> np.ndarray:
    """Return the variance of the images' errors, in a public image's, shape (n,).

    From the normal matrix of the weighted least squares; wrong pairs and signs come on top.
    """
    design = state.mixtures.design.astype(np.float64)
    normal = (design.T @ design.multiply(1 / state.level[:, None])).toarray()
    normal[np.diag_indices(len(normal))] += 1
    return np.linalg.inv(normal).diagonal()[:-1]


def predict_quality(
    images: np.ndarray, variance: np.ndarray, noise: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Predict each image's SSIM with the truth: its SSIM with itself under more noise.

    Flat images suffer most.

    Parameters
    ----------
    images : ndarray of float32, shape (n, d)
    variance : ndarray of float, shape (n,)
        Of the images' errors, in units of the noise's.
    noise : ndarray of float32, shape (n, d)
        A sample of the field of public images.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    noisy = images + np.sqrt(variance).astype(np.float32)[:, None] * noise
    clean, noisy = (np.clip(x, -1, 1).reshape(-1, *shape) for x in (images, noisy))
    return ssim(clean, noisy)


def trust(weights: np.ndarray, level: np.ndarray, size: int) -> np.ndarray:
    """Return how sure the assignment of an image to a row is, (E, 2), range 0 … 1.

    What tells an image is its energy in the whitened row, d·λ²/v.
    ASSUME: half as good as certain at an energy of 9; between 3 and 30 it matters little.
    """
    energy = size * weights**2 / level[:, None]
    return energy / (energy + HALF_SURE)
