"""InstaHide as a reproducible challenge, with the attacks that measure it.

InstaHide mixes training images with others and flips the signs of their pixels at random. It is
broken: use it to study attacks, not to protect data. A tour, for a notebook or a script:

>>> import instahide
>>> challenge = instahide.example_challenge("example")    # photos, pools, a small challenge
>>> challenge.encryption.shape                            # what the public gets
(200, 16, 16, 3)
>>> instahide.verify_challenge(challenge).passed          # made again, bit for bit
True
>>> result = instahide.evaluate("mean", challenge)        # an attack by its name, and its score
>>> 0.0 < result.metrics["max_ssim"].mean < 0.5
True

`make_pool`, `make_private_set` and `new_challenge` make a challenge of your own photos,
`load_challenge` opens one that is there. `recover_images` runs an attack: one by name, a
function of your own, or ``module:function``. `evaluate` runs and scores it, `score_decryption`
scores what you recovered elsewhere, and `read_leaderboard` ranks what has been scored. `audit`
tells what leaks from a folder of your own images.

Everything else is in the modules, whose map is docs/house.md. Nothing is imported before it is
asked for: the workflow and the command line read single modules, and Snakemake starts many
short jobs that should not pay for OpenCV or Zarr.
"""

import importlib

__version__ = "0.1.0"


def __getattr__(name):
    """Return one of the functions of `instahide.notebook` (PEP 562)."""
    face = importlib.import_module("instahide.notebook")
    if name == "__all__":
        return face.__all__
    if name in face.__all__:
        return getattr(face, name)
    raise AttributeError(f"module 'instahide' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *importlib.import_module("instahide.notebook").__all__})
