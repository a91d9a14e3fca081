"""Where the members of an archive lie, so that they can be read without unpacking it.

Archives are hostile until checked: nothing is ever extracted, links and devices are
left out, and names that would lead out of a folder are refused.
"""

import os
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instahide.errors import InstaHideError
from instahide.names import checked_name, shown

MAX_TAR_HEADER = 2**20  # bytes of one extended tar header; real ones hold a long name
ARCHIVE_SUFFIXES = (".tar", ".zip")
COMPRESSED_TAR = re.compile(r".*\.(tar\.\w+|tgz|tbz2?|txz|tzst)", re.IGNORECASE | re.DOTALL)

_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip bzip2 xz zstd
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: an empty zip
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a zip member: magic, lengths of name, extra

# Besides its own errors, tarfile lets out these where headers hold hostile numbers, or
# announce one another thousands of times.
TAR_DAMAGE = (tarfile.TarError, ValueError, OverflowError, RecursionError)
_ZIP_DAMAGE = (zipfile.BadZipFile, struct.error, NotImplementedError)


class Member(NamedTuple):
    """A regular file in an archive, and where its bytes lie."""

    name: str
    offset: int  # of its first byte in the archive
    size: int  # bytes when read
    packed: int  # bytes of its raw deflate stream in the archive; 0 when stored as it is


def list_archive(path: Path | str) -> Iterator[Member]:
    """Yield the visible regular files of an uncompressed tar, a tar of tars, or a zip.

    Members of a tar inside a tar are named after it: ``a.tar`` holding ``b.JPEG`` gives
    ``a/b.JPEG``. Reads headers only.

    Raises
    ------
    InstaHideError
        When the file is no such archive, is compressed as a whole, is damaged or
        truncated, or has a member whose name `checked_name` refuses.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(6)
            if head.startswith(_COMPRESSED):
                refuse_compressed(path)
            walk = _walk_zip if head.startswith(_ZIP) else _walk_tar_of_tars
            yield from walk(file, path)
    except UnicodeDecodeError as error:  # a name in a zip that is marked as UTF-8
        checked_name(error.object.decode(errors="surrogateescape"), path)
        raise InstaHideError(f"{shown(path)} is damaged: {error}") from error
    except (*TAR_DAMAGE, *_ZIP_DAMAGE, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InstaHideError(
            f"{shown(path)} is not a whole tar or zip archive: {reason}"
        ) from error


def list_tar(file: BinaryIO, start: int, end: int, label: Path | str) -> Iterator[Member]:
    """Yield the visible regular files of the tar that lies at bytes [start, end) of a file.

    Raises
    ------
    InstaHideError
        When a name is hostile; names `label`.
    TAR_DAMAGE
        When the tar is damaged or cut off.
    """
    file.seek(start)
    position = start
    # Names are UTF-8 whatever the locale, since seeds depend on them.
    text = {"encoding": "utf-8", "errors": "surrogateescape"}
    with tarfile.open(fileobj=_HeaderReader(file), mode="r:", **text) as tar:
        while (info := tar.next()) is not None and info.offset < end:
            tar.members.clear()  # tarfile would keep a million of them
            if info.size < 0 or info.offset_data + info.size > end:
                raise tarfile.ReadError(f"{shown(label)} ends inside '{shown(info.name)}'")
            name = checked_name(info.name, label)
            if info.isreg() and not info.issparse() and not is_hidden(name):
                yield Member(name, info.offset_data, info.size, 0)
            position = tar.offset
    _check_end(file, position, end, label)


def refuse_compressed(path: Path | str) -> None:
    """Raise the error that says what to do about a compressed archive."""
    raise InstaHideError(
        f"{shown(path)} is compressed, so its photos cannot be read one by one; "
        "decompress it first (gunzip, bunzip2, unxz, unzstd) and give the plain .tar"
    )


def is_hidden(name: str) -> bool:
    """Say whether a file or one of the folders above it has a name with a leading dot."""
    return name.startswith(".") or "/." in name


def _walk_tar_of_tars(file: BinaryIO, path: Path | str) -> Iterator[Member]:
    """Yield the files of a tar and, in their places, of the tars directly in it."""
    end = os.fstat(file.fileno()).st_size
    for member in list_tar(file, 0, end, path):
        stem, suffix = os.path.splitext(member.name)
        if suffix.lower() == ".tar":
            inside = f"{path}/{member.name}"
            for inner in list_tar(file, member.offset, member.offset + member.size, inside):
                yield inner._replace(name=f"{stem}/{inner.name}")
        elif COMPRESSED_TAR.fullmatch(member.name):
            refuse_compressed(f"{path}/{member.name}")
        else:
            yield member


def _check_end(file: BinaryIO, position: int, end: int, label: Path | str) -> None:
    """Refuse a tar that stops without its end mark, as tarfile itself does not."""
    file.seek(position)
    block = file.read(min(tarfile.BLOCKSIZE, max(0, end - position)))
    if len(block) < tarfile.BLOCKSIZE or any(block):
        raise tarfile.ReadError(f"{shown(label)} is cut off or damaged at byte {position}")


class _HeaderReader:
    """The part of a file that tarfile needs, with a bound on what a header may claim."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_TAR_HEADER:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        return self._file.read(size)


def _walk_zip(file: BinaryIO, path: Path | str) -> Iterator[Member]:
    """Yield the visible regular files of a zip."""
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            # Not `filename`, which ends before the first zero byte.
            name = checked_name(info.orig_filename, path)
            regular = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
            folder = info.orig_filename.endswith(("/", "\\"))
            if folder or not (name and regular) or is_hidden(name):
                continue
            if info.flag_bits & 1:
                raise InstaHideError(
                    f"{shown(path)} is encrypted; unpack it and give the folder"
                )
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InstaHideError(
                    f"{shown(path)} packs '{shown(name)}' in a way that is not supported; "
                    "unpack it and give the folder"
                )
            deflated = info.compress_type == zipfile.ZIP_DEFLATED
            packed = info.compress_size if deflated else 0
            yield Member(name, _zip_offset(file, info), info.file_size, packed)


def _zip_offset(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where a zip member's data begin: behind its own header, name and extra field."""
    file.seek(info.header_offset)
    magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if magic != b"PK\x03\x04":
        name = shown(info.orig_filename)
        raise zipfile.BadZipFile(f"no header of '{name}' where the index puts it")
    return info.header_offset + _LOCAL_HEADER.size + name + extra
