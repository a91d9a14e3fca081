"""Public images as a dictionary: a matched filter over all of them, in chunks.

In a row that is known without its mask, what is left after the private images is a sum of
public ones, λᵢ·pᵢ. After whitening (division by the square root of the field's spectrum) the
images are nearly orthogonal to each other, so that the inner product of the row with a
candidate p, divided by p's length, tells whether p is in it, whatever else is. That is a
product of two matrices for all rows and candidates. Candidates come in chunks, and each row
keeps its best few: memory does not grow with the pool, time grows linearly.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.seen import sample
from instahide.attacks.unmixing.parts.field import Field, batches, learn_field
from instahide.images import to_unit_range
from instahide.pool.pool import Pool
from instahide.progress import tracked

WHITENING_FLOOR = 0.01  # of the spectrum: in wrong signs no detail is to be trusted
ATOM_NUMBERS = 12_000_000  # of images of the pool that are whitened at a time
SHOWN = 20  # chunks of a scan that shows its progress


@dataclass(frozen=True)
class Dictionary:
    """A pool, and how its images are whitened.

    Attributes
    ----------
    pool : Pool
        N images.
    field : Field
        Of the pool.
    gain : ndarray of float32, shape (d,)
        Whitens the field's basis.
    strongest : ndarray of int64, shape (q,)
        Basis elements that take part in the scan of all images.
    """

    pool: Pool
    field: Field
    gain: np.ndarray
    strongest: np.ndarray

    def centred(self, image_index: np.ndarray) -> np.ndarray:
        """Return images of the pool less their mean, float32, shape (*image_index.shape, d).

        Where `image_index` is negative there are zeros.
        """
        wanted, back = np.unique(image_index, return_inverse=True)
        images = self._centre(self.pool.read(np.maximum(wanted, 0)))
        images[wanted < 0] = 0
        return images[back].reshape(*image_index.shape, -1)

    def whiten(self, rows: np.ndarray) -> np.ndarray:
        """Map rows of pixels, shape (E, d), to the whitened basis."""
        return self.field.transform(rows) * self.gain

    def mix(self, image_index: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Return Σ λ·(p − mean) for each row, float32, shape (E, d).

        Parameters
        ----------
        image_index : ndarray of int64, shape (E, K)
            Where in the pool; negative for none.
        coefficients : ndarray of float32, shape (E, K)
        """
        mixed = np.zeros((len(image_index), len(self.gain)), np.float32)
        if (image_index < 0).all():
            return mixed
        few, image_index, _ = self.narrow(image_index)
        for slot in range(image_index.shape[1]):
            rows = np.flatnonzero(image_index[:, slot] >= 0)
            for at in batches(len(rows), len(self.gain), ATOM_NUMBERS):
                some = rows[at]
                atoms = few.centred(image_index[some, slot])
                mixed[some] += coefficients[some, slot, None] * atoms
        return mixed

    def narrow(self, image_index: np.ndarray) -> tuple["Dictionary", np.ndarray, np.ndarray]:
        """Read some images once, where they are many and the pool is on disk.

        Returns
        -------
        few : Dictionary
            Of these images only, in memory.
        here : ndarray of int64, shape of `image_index`
            Where they are in it; negative where `image_index` is.
        wanted : ndarray of int64, shape (u,)
            Where each image of the other is in this dictionary.
        """
        wanted = np.unique(image_index[image_index >= 0])
        few = replace(self, pool=Pool(self.pool.read(wanted)))
        return few, np.where(image_index >= 0, np.searchsorted(wanted, image_index), -1), wanted

    def shortlist(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Return the images that fit each row best, int64, shape (E, count), in no order.

        Parameters
        ----------
        rows : ndarray of float32, shape (E, d)
            Whitened.
        """
        rows = np.ascontiguousarray(rows[:, self.strongest])
        best = np.full((len(rows), count), -np.inf, np.float32)
        image_index = np.full((len(rows), count), -1)
        chunks: Iterable = batches(len(self.pool), len(self.gain), ATOM_NUMBERS)
        if len(chunks) >= SHOWN:
            chunks = tracked(chunks, "scan of the pool", "chunks")
        for chunk in chunks:
            atoms = self._unit_atoms(chunk)
            scores = rows @ atoms.T
            open_ = np.flatnonzero(scores.max(axis=1) > best.min(axis=1))
            merged = np.hstack([best[open_], scores[open_]])
            kept = np.argpartition(-merged, count - 1, axis=1)[:, :count]
            best[open_] = np.take_along_axis(merged, kept, 1)
            old = np.take_along_axis(image_index[open_], np.minimum(kept, count - 1), 1)
            image_index[open_] = np.where(kept < count, old, kept - count + chunk.start)
        return image_index

    def _unit_atoms(self, chunk: slice) -> np.ndarray:
        """Return a chunk of images, whitened and of length 1."""
        images = self._centre(np.asarray(self.pool.patches[chunk]))
        atoms = self.whiten(images)[:, self.strongest]
        atoms /= np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-6)
        return atoms

    def _centre(self, images: np.ndarray) -> np.ndarray:
        return to_unit_range(images).reshape(len(images), -1) - self.field.mean


def make_dictionary(pool: Pool, *, screen: int | None = None) -> Dictionary:
    """Learn the field of a pool, and make a dictionary of it.

    Parameters
    ----------
    pool : Pool
    screen : int, optional
        Number q of basis elements in scans; by default all d. A quarter takes a quarter of
        the time and half of the signal.
    """
    field = learn_field(to_unit_range(sample(pool)))
    gain = 1 / np.sqrt(field.spectrum + np.float32(WHITENING_FLOOR * field.power))
    order = np.argsort(-field.spectrum, kind="stable")
    return Dictionary(pool, field, gain, np.sort(order[:screen]))
