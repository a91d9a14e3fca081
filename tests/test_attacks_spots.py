import numpy as np
from test_attacks_field import smooth_images

from instahide.attacks.knownpool.spots import mend_spots
from instahide.attacks.unmixing.state import Assignment, State

SHAPE = (8, 8, 3)


def test_a_spot_of_the_wrong_sign_is_mended_and_its_rows_signed():
    rng = np.random.default_rng(0)
    images = np.clip(smooth_images(rng, 5, SHAPE), -1, 1).reshape(5, -1)
    images = np.vstack([images, np.zeros(192)]).astype(np.float32)
    pairs = np.array([[a, b] for a in range(5) for b in range(5) if a != b])
    pairs = np.tile(pairs, (2, 1))
    weights = rng.uniform(0.2, 0.4, pairs.shape).astype(np.float32)
    public = 0.4 * smooth_images(rng, len(pairs), SHAPE).reshape(-1, 192)
    level = np.full(len(pairs), 1e-3, np.float32)
    empty = np.zeros((len(pairs), 192), np.float32)
    true = State(images, Assignment(pairs, weights), level, empty)
    rows = true.design() @ images
    size = np.abs(rows + public)

    spot = np.argsort(-np.abs(images[2]))[:6]
    wrong = images.copy()
    wrong[2, spot] *= -1
    fooled = State(wrong, true.assignment, level, empty)
    signed = np.copysign(size, fooled.design() @ wrong + public) - public
    assert (np.abs(signed - rows) > 0.01).any()
    mended = mend_spots(
        State(wrong, true.assignment, level, signed.astype(np.float32)), public, size
    )
    np.testing.assert_allclose(mended.images, images, atol=1e-3)
    np.testing.assert_allclose(mended.unmasked, rows, atol=2e-3)
