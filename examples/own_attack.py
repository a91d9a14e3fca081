"""Attacks of one's own: a stage, and a whole attack. docs/attacks.md tells how to run them."""

import numpy as np

from instahide.attacks.protocol import Recovery
from instahide.attacks.seen import Seen
from instahide.attacks.unmixing.parts.field import cooling, learn_field, unmask
from instahide.attacks.unmixing.problem import Problem


def local_contrast(
    problem: Problem, rng: np.random.Generator, *, power: float = 2.0
) -> np.ndarray:
    """A similarity: what of |y| stands out from the rows' own mean, pixel by pixel."""
    features = np.abs(problem.magnitudes) ** power
    features -= features.mean(axis=0)
    return features / features.std(axis=0)


def each_row_for_itself(seen: Seen, rng: np.random.Generator) -> Recovery:
    """A whole attack: take the mask off every row, and hand in the mixture that is left."""
    field, magnitudes = learn_field(seen.public), np.abs(seen.released.encryption)
    magnitudes = magnitudes.reshape(seen.table_shape)
    level = np.full(len(magnitudes), 0.3, np.float32)
    mean = np.broadcast_to(field.mean, magnitudes.shape)
    mixtures = unmask(field, magnitudes, mean, level, cooling(20))
    return Recovery(
        decryption=np.clip(mixtures, -1, 1).reshape(-1, *seen.shape),
        private=None,
        complexity="O(Ed)",
    )
