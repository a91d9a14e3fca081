"""`sample_submission.zip`: the smallest honest submission, every image grey."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from math import prod

import numpy as np

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.files import atomic
from instahide.participants.forms import METADATA_FILE, METADATA_SAMPLE
from instahide.participants.releasefile import decryption_shape
from instahide.scoring.submission import MEMBER
from instahide.zipentry import plain_entry

DTYPE = np.dtype("<f2")
ZEROS = bytes(1 << 20)


def save_sample(folder: ChallengeFolder) -> None:
    """Write the sample submission of a challenge; equal challenges give equal bytes.

    All values are 0, which is mid-grey, as float16: no other submission is packed as small.

    Raises
    ------
    InstaHideError
        When the manifest is missing or damaged.
    """
    shape = decryption_shape(load_manifest(folder))
    with atomic(folder.sample) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _add(archive, METADATA_FILE, [METADATA_SAMPLE.encode()])
        _add(archive, MEMBER, _grey(shape), large=prod(shape) * DTYPE.itemsize >= 2**31)


def _grey(shape: tuple[int, ...]) -> Iterator[bytes]:
    """Yield the bytes of a `.npy` file of zeros."""
    header = BytesIO()
    about = {"descr": DTYPE.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)
    yield header.getvalue()
    full, rest = divmod(prod(shape) * DTYPE.itemsize, len(ZEROS))
    for _ in range(full):
        yield ZEROS
    yield ZEROS[:rest]


def _add(archive: zipfile.ZipFile, name: str, blocks, *, large: bool = False) -> None:
    """Add a file, packed."""
    entry = plain_entry(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=large) as out:
        for block in blocks:
            out.write(block)
