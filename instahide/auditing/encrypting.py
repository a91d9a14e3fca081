"""The step of an audit that encrypts: a challenge like any other."""

from pathlib import Path

from instahide.auditing.mixing import Mixing
from instahide.challenge.making import make_challenge
from instahide.challenge.private import load_private
from instahide.randomness.keystream import Key


def save_encryptions(
    folder: Path, private: Path, pool: Path | None, mixing: Mixing, rows: int
) -> None:
    """Encrypt the private set, `rows` times each image.

    Parameters
    ----------
    pool : path or None
        What is mixed in; not looked at where no public images are.
    """
    chosen = mixing.encoding(rows, load_private(private).images.shape[1])
    key = Key.from_seed(mixing.seed)
    make_challenge(folder, private, pool if mixing.mixes_public else None, key, chosen)
