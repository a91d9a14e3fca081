"""Random numbers with random access: AES-256 in counter mode.

Every random number of a challenge is a function of (key, purpose, index): row 4,711's
mask, say, is found without making the masks before it. So the result does not depend on
chunks, workers or the order of jobs, and a job on a cluster makes its slice alone.

Layout, fixed for ever (changing it is a new generator with a new name):

- A *key* is 32 bytes. An integer seed becomes one as SHA-256 of ``b"instahide seed "`` and
  its decimal digits.
- Each purpose, a short text such as ``"mask"``, has an AES-256 key of its own:
  HMAC-SHA256(key, purpose).
- Block ``b`` of index ``i`` is AES(i as 8 bytes, b as 8 bytes), both big-endian: for each
  index the counter mode of NIST SP 800-38A, section 6.5, started at counter (i, 0).
- A block gives two 64-bit words, little-endian. Bits are taken from the lowest upwards.

>>> stream = Key.from_seed(7).stream("mask")
>>> bool((stream.words([5, 2], 3)[1] == stream.words([2], 3)[0]).all())
True
"""

import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import ArrayLike
from scipy.special import ndtri

from instahide.errors import InstaHideError

BLOCK_BYTES = 16
# ASSUME: normal variates are rounded to multiples of 2**-24. The logarithm inside the
# inverse normal distribution may differ in its last bit between machines; after rounding,
# two machines disagree about one variate in 2**28 or so instead of one in three.
NORMAL_STEP = 2.0**-24


@dataclass(frozen=True)
class Key:
    """The secret from which everything random is derived.

    Attributes
    ----------
    material : bytes
        32 bytes.
    text : str
        What the user wrote or would write for it: a decimal integer, or ``hex:`` and 64
        hexadecimal digits.
    """

    material: bytes = field(repr=False)
    text: str = field(repr=False)

    @classmethod
    def from_seed(cls, seed: int) -> "Key":
        """Derive a key from a non-negative integer; small ones can be guessed."""
        if seed < 0:
            raise InstaHideError(f"the seed {seed} is negative; use 0 or more")
        return cls(hashlib.sha256(b"instahide seed %d" % seed).digest(), str(seed))

    @classmethod
    def generate(cls) -> "Key":
        """Take 256 bits from the operating system."""
        material = os.urandom(32)
        return cls(material, f"hex:{material.hex()}")

    @classmethod
    def parse(cls, text: str | int) -> "Key":
        """Read a key as users write it.

        Parameters
        ----------
        text : str or int
            A non-negative integer, or ``hex:`` followed by 64 hexadecimal digits.

        Raises
        ------
        InstaHideError
            When it is neither. The message does not repeat the text: it may be a secret.
        """
        text = str(text).strip()
        if re.fullmatch(r"[0-9]{1,80}", text):
            return cls.from_seed(int(text))
        if re.fullmatch(r"hex:[0-9a-fA-F]{64}", text):
            return cls(bytes.fromhex(text[4:]), text.lower())
        raise InstaHideError(
            "the seed is neither a non-negative integer nor 'hex:' with 64 hexadecimal digits"
        )

    @property
    def guessable(self) -> bool:
        """Whether the key was given as an integer, of whatever size.

        People choose small ones, dates and the like, which are tried in no time, and
        nothing about a large one tells that it was drawn at random. Only ``hex:`` keys have
        the 256 bits that no search gets through.
        """
        return not self.text.startswith("hex:")

    def stream(self, purpose: str) -> "Stream":
        """Return the stream of random numbers for one purpose."""
        return Stream(self.authenticate(f"stream {purpose}".encode()))

    def authenticate(self, message: bytes) -> bytes:
        """Return HMAC-SHA256 (RFC 2104) of a message under this key, 32 bytes."""
        return hmac.digest(self.material, message, "sha256")


@dataclass(frozen=True)
class Stream:
    """Random numbers of one purpose, addressed by index (0 to 2**64 - 1).

    All methods return one row per index, equal whichever other indices are asked for.
    """

    key: bytes = field(repr=False)

    def blocks(self, indices: ArrayLike, count: int, first: int = 0) -> np.ndarray:
        """Return AES blocks `first` … `first` + `count` - 1 of each index.

        Returns
        -------
        ndarray of uint8, shape (len(indices), count * 16)
        """
        indices = np.atleast_1d(np.asarray(indices, dtype=np.uint64))
        counters = np.empty((len(indices), count, 2), dtype=">u8")
        counters[..., 0] = indices[:, None]
        counters[..., 1] = np.arange(first, first + count, dtype=np.uint64)
        # The counters are written out, so ECB of them is the counter mode's key stream.
        cipher = Cipher(algorithms.AES256(self.key), modes.ECB()).encryptor()
        stream = np.frombuffer(cipher.update(counters.tobytes()), np.uint8)
        return stream.reshape(len(indices), count * BLOCK_BYTES)

    def words(self, indices: ArrayLike, count: int, first: int = 0) -> np.ndarray:
        """Return `count` 64-bit words of each index, uint64, shape (len(indices), count).

        `first` is the number of the first word, and even.
        """
        blocks = self.blocks(indices, (count + 1) // 2, first // 2)
        return blocks.view("<u8").astype(np.uint64, copy=False)[:, :count]

    def bits(self, indices: ArrayLike, count: int) -> np.ndarray:
        """Return packed random bits, uint8, shape (len(indices), ceil(count / 8)).

        Bit ``j`` of an index is ``row[j // 8] >> (j % 8) & 1``.
        """
        needed = (count + 7) // 8
        return self.blocks(indices, -(-needed // BLOCK_BYTES))[:, :needed]

    def uniforms(self, indices: ArrayLike, count: int, first: int = 0) -> np.ndarray:
        """Return float64 uniform on (0, 1): (word >> 12) + 1/2, times 2**-52; exact."""
        return ((self.words(indices, count, first) >> np.uint64(12)) + 0.5) * 2.0**-52

    def normals(self, indices: ArrayLike, count: int, first: int = 0) -> np.ndarray:
        """Return float64 standard normal variates, one word each.

        The inverse normal distribution of `uniforms`, rounded to multiples of 2**-24.
        """
        variates = ndtri(self.uniforms(indices, count, first))
        return np.rint(variates / NORMAL_STEP) * NORMAL_STEP

    def integers(
        self, indices: ArrayLike, count: int, below: int, first: int = 0
    ) -> np.ndarray:
        """Return int64 uniform on 0 … `below` - 1, with `below` at most 2**32.

        The high half of word times `below`; its bias is below `below` / 2**64.
        """
        if not 1 <= below <= 2**32:
            raise ValueError(f"below must lie between 1 and 2**32, not be {below}")
        words = self.words(indices, count, first)
        high, low = words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)
        bound, shift = np.uint64(below), np.uint64(32)
        return ((high * bound + (low * bound >> shift)) >> shift).astype(np.int64)

    def permutations(self, indices: ArrayLike, length: int, first: int = 0) -> np.ndarray:
        """Return a random order of 0 … `length` - 1 for each index, int64.

        The order that sorts `length` words, from word `first` on.
        """
        return np.argsort(self.words(indices, length, first), axis=1, kind="stable")
