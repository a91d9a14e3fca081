"""Submissions of a small challenge, for tests of what takes them in."""

import io
import zipfile
from pathlib import Path

import numpy as np

from instahide.challenge.making import make_challenge
from instahide.challenge.private import load_private, save_private
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan
from instahide.images import to_unit_range
from instahide.randomness.keystream import Key

TOLD = "team: Jane Doe\nattack: mine\n"


def make_inside(place, private, seed=1):
    """Make a challenge of 60 rows that mixes two private images each; return its folder."""
    save_private(place / "set.npz", private)
    scheme = of_scheme(Scheme("inside", k=2, rows_per_image=3))
    make_challenge(place / "challenge", place / "set.npz", None, Key.from_seed(seed), scheme)
    return place / "challenge"


def recovered(challenge, noise=0.3, seed=0):
    """A decryption that shows one of each row's images, and noise."""
    images = to_unit_range(load_private(challenge / "secret/private.npz").images)
    shown = images[load_plan(challenge / "secret/truth.npz").members[:, 0]]
    noisy = shown + np.random.default_rng(seed).uniform(-noise, noise, shown.shape)
    return np.clip(noisy, -1, 1).astype(np.float32)


def zip_of(decryption, told=TOLD, **others):
    """The bytes of a submission; `told` is its submission.yaml, or None."""
    array, file = io.BytesIO(), io.BytesIO()
    np.save(array, decryption)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("decryption.npy", array.getvalue())
        if told is not None:
            archive.writestr("submission.yaml", told)
        for name, content in others.items():
            archive.writestr(name, content)
    return file.getvalue()


def hand_in(challenge, name, content=None, **given):
    """Lay a submission into the challenge's folder; `given` as for `recovered`."""
    told = given.pop("told", TOLD)
    folder = Path(challenge, "submissions")
    folder.mkdir(exist_ok=True)
    if content is None:
        content = zip_of(recovered(challenge, **given), told)
    (folder / name).write_bytes(content)
    return folder / name
