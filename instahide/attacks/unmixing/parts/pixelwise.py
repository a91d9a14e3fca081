"""Phase retrieval pixel by pixel: a first guess of the private images.

With the assignment known, each pixel (and channel) is a problem of its own: of the n + 1
values x at that place (those of the private images, and the mean public image as the last)
the rows tell |A·x + noise|. It has many local optima, so the start matters:

1. *Spectral start.* Least squares of y² on λ² gives the squares x². What remains of y² is
   2·λ₀·λ₁·x_a·x_b and noise: the sign of the product for each pair of images that share a
   row. The leading eigenvector of these products has the signs of all images.
2. *EM.* Given x, a row's sign is soft: ŷ = y·tanh(μ·y/σ²) with μ = A·x; given ŷ, weighted
   least squares, with one matrix for all pixels.
3. *Synchronisation.* x and -x fit equally well, at each pixel anew. Neighbouring pixels
   and channels are alike, so signs are passed on along a spanning tree of their strongest
   correlations.
4. *Propagation.* EM starts anew from what the neighbours say; whichever solution has the
   higher likelihood stays.
"""

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from instahide.attacks.unmixing.parts.leastsquares import ridge_fit, solve_images
from instahide.attacks.unmixing.parts.rounds import Fixed
from instahide.attacks.unmixing.state import Assignment
from instahide.progress import tracked

PROPAGATION_ROUNDS = 4  # of EM
LEAST_SQUARE = 3e-3  # of a pixel's estimated square, which noise may make negative


def spectral_start(
    assignment: Assignment, magnitudes: np.ndarray, start: np.ndarray, *, rounds: int = 30
) -> np.ndarray:
    """Guess all images up to one sign per pixel, from y² alone.

    Parameters
    ----------
    assignment : Assignment
    magnitudes : ndarray of float32, shape (E, d)
        y.
    start : ndarray of float32, shape (n, d)
        Random numbers, where the power iteration begins.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
        The last one, the mean public image, is zero.
    """
    count = len(start)
    design = assignment.design(count)
    rest = design[:, count]
    precision = 1 / (0.1 + rest**2)
    squares = np.hstack(
        [design[:, :count] ** 2, rest[:, None] ** 2, np.ones_like(rest)[:, None]]
    )
    power = magnitudes**2
    fitted = ridge_fit(squares, power, precision, 0.05)
    products = power - squares @ fitted
    products *= (assignment.weights.prod(axis=1) * precision**2)[:, None]
    places, ones = np.arange(len(rest)), np.ones(len(rest), np.float32)
    first, second = (
        csr_matrix((ones, (members, places)), (count, len(rest)))
        for members in assignment.members.T
    )
    # Shifted, the algebraically largest eigenvalue is the largest.
    shift = np.abs(products).sum(axis=0) / (4 * count)
    vector = start
    for _ in range(rounds):
        left, right = vector[assignment.members[:, 0]], vector[assignment.members[:, 1]]
        vector = first @ (products * right) + second @ (products * left) + shift * vector
        vector /= np.linalg.norm(vector, axis=0)
    guess = np.zeros((count + 1, magnitudes.shape[1]), np.float32)
    guess[:count] = np.sign(vector) * np.sqrt(np.maximum(fitted[:count], LEAST_SQUARE))
    return guess


def improve(
    design: np.ndarray,
    magnitudes: np.ndarray,
    variance: tuple[np.ndarray, np.ndarray],
    images: np.ndarray,
    ridge: np.ndarray,
    rounds: int,
) -> np.ndarray:
    """Run EM with soft signs, every pixel for itself.

    Parameters
    ----------
    variance : tuple of ndarray
        Of shape (E,) and (d,); their product is the variance of the noise.
    """
    level, pixel = variance
    for _ in range(rounds):
        signed = design @ images
        signed *= magnitudes
        signed /= level[:, None] * pixel
        np.tanh(signed, out=signed)
        signed *= magnitudes
        images = solve_images(design, signed, 1 / level, ridge)
    return images


def log_likelihood(
    design: np.ndarray,
    magnitudes: np.ndarray,
    variance: tuple[np.ndarray, np.ndarray],
    images: np.ndarray,
) -> np.ndarray:
    """Return each pixel's log-likelihood of a folded normal, up to a constant, shape (d,)."""
    level, pixel = variance
    mean = np.abs(design @ images)
    spread = level[:, None] * pixel
    total = np.log1p(np.exp(-2 * mean * magnitudes / spread))
    total -= (magnitudes - mean) ** 2 / (2 * spread)
    return total.sum(axis=0, dtype=np.float64)


def synchronise(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give all pixels the same sign, but for one that is common to all.

    Parameters
    ----------
    images : ndarray of float32, shape (n, d)
    shape : tuple of int
        (H, W, C), of product d.
    """
    size = images.shape[1]
    left, right = _neighbour_pairs(shape)
    unit = images / np.maximum(np.linalg.norm(images, axis=0), 1e-12)
    agreement = np.einsum("ij,ij->j", unit[:, left], unit[:, right])
    distance = coo_matrix((2 - np.abs(agreement), (left, right)), (size, size)).tocsr()
    order, parents = breadth_first_order(minimum_spanning_tree(distance), 0, directed=False)
    opposite = coo_matrix((np.where(agreement < 0, -1, 1), (left, right)), (size, size)).tocsr()
    opposite = opposite + opposite.T
    step = np.ones(size)
    step[order[1:]] = np.asarray(opposite[parents[order[1:]], order[1:]]).ravel()
    signs = np.ones(size, np.float32)
    for pixel in order[1:]:
        signs[pixel] = signs[parents[pixel]] * step[pixel]
    return images * signs


def _neighbour_pairs(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of pixels and channels that lie side by side."""
    places = np.arange(np.prod(shape)).reshape(shape)
    pairs = [
        np.stack([places.take(range(1, n), axis), places.take(range(n - 1), axis)]).reshape(
            2, -1
        )
        for axis, n in enumerate(shape)
    ]
    left, right = np.concatenate(pairs, axis=1)
    return left, right


def propagate(
    design: np.ndarray,
    magnitudes: np.ndarray,
    variance: tuple[np.ndarray, np.ndarray],
    images: np.ndarray,
    ridge: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Restart each pixel from the mean of its eight neighbours, and from its mean colour.

    Of these and the present solution, each after a few rounds of EM, the likeliest stays.
    """
    best = improve(design, magnitudes, variance, images, ridge, PROPAGATION_ROUNDS)
    likelihood = log_likelihood(design, magnitudes, variance, best)
    for start in _suggestions(images.reshape(-1, *shape)):
        start = start.reshape(images.shape)
        other = improve(design, magnitudes, variance, start, ridge, PROPAGATION_ROUNDS)
        its = log_likelihood(design, magnitudes, variance, other)
        better = its > likelihood
        best[:, better], likelihood[better] = other[:, better], its[better]
    return best


def _suggestions(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    around = -images
    for row in range(3):
        for column in range(3):
            around += padded[:, row : row + height, column : column + width]
    grey = np.broadcast_to(images.mean(axis=3, keepdims=True), images.shape)
    return around / 8, grey


def first_images(
    fixed: Fixed, assignment: Assignment, start: np.ndarray, propagations: int = 4
) -> np.ndarray:
    """Guess the private images: all steps of this module, and the sign common to all.

    The last is settled by the mean public image: what the rows have of it must agree with
    the one known.

    Parameters
    ----------
    fixed : Fixed
        Its public ridge draws the mean public image to zero; so much that it stays there
        leaves it out.
    start : ndarray of float32, shape (n, d)
        Random numbers, see `spectral_start`.
    propagations : int

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    field, magnitudes, count = fixed.field, fixed.magnitudes, len(start)
    design = assignment.design(count)
    images = spectral_start(assignment, magnitudes, start)
    noise = fixed.spread * design[:, count] ** 2 + 1e-4
    unknown = (design[:, :count] ** 2).sum(axis=1)
    ridge = np.append(np.ones(count), fixed.public_ridge)
    for share in (0.6, 0.4, 0.3, 0.2):  # of an image's variance that is still unknown
        variance = noise + share * unknown, field.variance
        images = improve(design, magnitudes, variance, images, ridge, 1)
    images = synchronise(images, field.shape)
    for _ in tracked(range(propagations), "first images", "propagations"):
        images = propagate(design, magnitudes, variance, images, ridge, field.shape)
        images = synchronise(images, field.shape)
    signed = magnitudes * np.sign(design @ images)
    return images if (design[:, count] @ signed) @ field.mean >= 0 else -images
