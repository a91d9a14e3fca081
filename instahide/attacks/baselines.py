"""What every leaderboard needs to be readable: attempts without any attack.

- ``absolute``: the encryptions without their signs, which anybody has.
- ``mean``: the mean of all private images, for every row. Every private image is in
  equally many rows, so no other constant image has a smaller Mean_L2: what knowing the
  kind of photos, and nothing about a row, is worth at best.
- ``random``: for each row any private image, each equally likely: what perfect images
  are worth when they are assigned blindly.
- ``oracle``: all masks, coefficients and pairs known. Rows without their masks are linear
  equations in the images, solved by weighted least squares with the mean public image as
  one more unknown: what an attack that finds all masks reaches without the public pool.

Where images are transformed before they are mixed, a private image is meant as it was mixed
into some row: ``mean`` is the mean of all these, ``random`` any of them, and ``oracle`` knows
the transforms too, solves for the images before them, and hands in what they make of one.

All but the first see the truth. They are measures, not attacks, and run as attacks do: each is
a step of its own, ``hand_in_…``.
"""

import numpy as np

from instahide.attacks.prng.solving import design_matrix, solve_with_mean, undo_mask
from instahide.attacks.protocol import Recovery
from instahide.attacks.seen import Seen
from instahide.attacks.transformedoracle import solve_transformed
from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import load_private
from instahide.encodings.instahide.generators import make_generator
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan, as_mixed, load_plan
from instahide.errors import InstaHideError
from instahide.files import load_npy
from instahide.images import to_bytes, to_unit_range
from instahide.randomness.keystream import Key


def absolute(encryption: np.ndarray) -> Recovery:
    """Hand in the encryptions without their signs, range [0, 1]."""
    note = "baseline: the encryption without its signs"
    return Recovery(np.abs(encryption), None, "O(Ed)", _details(note))


def mean_image(private: np.ndarray, rows: int) -> Recovery:
    """Hand in the mean of the private images, (n, H, W, C), for every row."""
    mean = private.mean(axis=0, dtype=np.float64).astype(np.float32)
    note = "baseline, given the truth: the mean of the private images"
    return Recovery(np.broadcast_to(mean, (rows, *mean.shape)), None, "O(nd)", _details(note))


def random_image(private: np.ndarray, rows: int, rng: np.random.Generator) -> Recovery:
    """Hand in, for every row, any of the private images, (n, H, W, C)."""
    drawn = private[rng.integers(len(private), size=rows)]
    note = "baseline, given the truth: a random private image for each row"
    return Recovery(drawn, None, "O(Ed)", _details(note))


def oracle(encryption: np.ndarray, mask: np.ndarray, plan: Plan, images: int) -> Recovery:
    """Solve for the private images with everything known but public images.

    Parameters
    ----------
    encryption : ndarray of float32, shape (E, H, W, C)
    mask : ndarray of int8, shape (E, H, W, C)
        -1 or 1.
    plan : Plan
        The truth of the E rows; its public images are not looked at.
    images : int
        Number n of private images.

    Returns
    -------
    Recovery
        For each row the image with the largest coefficient.
    """
    solved = _solve(undo_mask(encryption, mask), plan, images, encryption.shape[1:])
    private = np.clip(solved, -1, 1).reshape(images, *encryption.shape[1:])
    count = plan.members.shape[1]
    leading = plan.weights[:, :count].argmax(axis=1)
    chosen = np.take_along_axis(plan.members, leading[:, None], axis=1)[:, 0]
    handed_in = private[chosen]
    if plan.transforms is not None:
        handed_in = _leading_as_mixed(plan, private, leading)
    note = "oracle, given the truth: all masks, coefficients and pairs"
    return Recovery(
        handed_in.astype(np.float32),
        private.astype(np.float32),
        "O(En(n + d))",
        _details(note),
    )


def hand_in_absolute(seen: Seen, rng: np.random.Generator) -> Recovery:
    """Make the baseline ``absolute``."""
    return absolute(seen.released.encryption)


def hand_in_mean(seen: Seen, rng: np.random.Generator) -> Recovery:
    """Make the baseline ``mean``."""
    return mean_image(_private_as_mixed(seen), seen.table_shape[0])


def hand_in_random(seen: Seen, rng: np.random.Generator) -> Recovery:
    """Make the baseline ``random``."""
    return random_image(_private_as_mixed(seen), seen.table_shape[0], rng)


def hand_in_oracle(seen: Seen, rng: np.random.Generator) -> Recovery:
    """Make the baseline ``oracle``.

    Raises
    ------
    InstaHideError
        When a secret file is missing, or belongs to another challenge.
    """
    private, folder, rows = _private(seen), seen.secrets, seen.table_shape[0]
    mask, plan = draw_mask(folder, load_seed(folder.seed)), load_plan(folder.truth)
    plan.check_images(len(private))
    if len(plan) != rows:
        raise InstaHideError(f"{folder.truth} tells of {len(plan)} rows, and there are {rows}")
    return oracle(seen.released.encryption, mask, plan, len(private))


def _private_as_mixed(seen: Seen) -> np.ndarray:
    """Return the private images, or all of them as they were mixed, float32 (…, H, W, C)."""
    private, plan = _private(seen), load_plan(seen.secrets.truth)
    if plan.transforms is None:
        return private
    plan.check_images(len(private))
    return to_unit_range(as_mixed(plan, to_bytes(private))).reshape(-1, *private.shape[1:])


def _leading_as_mixed(plan: Plan, private: np.ndarray, leading: np.ndarray) -> np.ndarray:
    """Return of each row the image number `leading`, transformed as it was: 8-bit values."""
    mixed = as_mixed(plan, to_bytes(private))
    return to_unit_range(mixed[np.arange(len(plan)), leading])


def _private(seen: Seen) -> np.ndarray:
    """Return the private images, float32 (n, H, W, C)."""
    private = to_unit_range(load_private(seen.secrets.private).images)
    if private.shape[1:] != seen.shape:
        raise InstaHideError(
            f"private images are {private.shape[1:]} and encryptions {seen.shape}: they belong "
            "to different challenges"
        )
    return private


def draw_mask(folder: ChallengeFolder, key: Key) -> np.ndarray:
    """Draw the masks of a challenge again from its manifest and its key.

    Returns
    -------
    ndarray of int8, shape (E, H, W, C)
        -1 or 1; 1 throughout for the schemes without a mask.
    """
    manifest = load_manifest(folder)
    scheme, shape = Scheme(**manifest["scheme"]), tuple(manifest["image_shape"])
    images, pool = manifest["images"], manifest["pool"]
    rows, pixels = images * scheme.rows_per_image, int(np.prod(shape))
    found = load_npy(folder.encryption).shape
    if found != (rows, *shape):  # before masks are drawn that nobody can store
        raise InstaHideError(
            f"{folder.encryption} has the shape {found}, and challenge.json tells of "
            f"{(rows, *shape)}"
        )
    if not scheme.masked:
        return np.ones((rows, *shape), np.int8)
    made = make_generator(
        manifest["generator"],
        key,
        scheme,
        images=images,
        pool=pool["patches"] if pool else 0,
        shape=shape,
        public_use=manifest.get("public_use"),
    )
    bits = np.unpackbits(made.mask(0, rows), axis=1, count=pixels, bitorder="little")
    return (2 * bits.astype(np.int8) - 1).reshape(rows, *shape)


def _solve(mixed: np.ndarray, plan: Plan, images: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the solved images as rows of a float64 matrix (images, d)."""
    if plan.transforms is not None:
        return solve_transformed(mixed.reshape(len(mixed), *shape), plan, images)
    if plan.public.shape[1]:
        return solve_with_mean(mixed, plan.members, plan.weights, images)[0]
    # Without public images every row is exact, and none deserves more weight.
    design = design_matrix(plan.members, plan.weights, images)
    return np.linalg.lstsq(design, mixed, rcond=None)[0]


def _details(note: str) -> dict[str, str]:
    return {"note": note}
