"""Downloads that resume, prove their checksum, and keep credentials to themselves.

Bytes arrive in ``.NAME.part`` beside the final place; a small note next to it says which
version of the file they belong to. Only a file with the right checksum gets its name.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from urllib3.exceptions import HTTPError as TransportError  # what requests reads through

from instahide.errors import InstaHideError
from instahide.files import SECRET_FILE, atomic, explained, make_folder, save_json
from instahide.photos.webrequest import Temporary, authorization, bare, check_url, get
from instahide.progress import progress_bar

READ_BYTES = 2**20
ATTEMPTS = 6  # failures in a row, with next to nothing gained, before giving up
LONGEST_PAUSE = 60.0  # seconds

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class _Version:
    """Which file the bytes of a part belong to."""

    checksum: str  # the one wanted
    validator: str = ""  # the server's ETag, or else its Last-Modified
    length: int | None = None  # of the whole file, in bytes


def fetch(
    url: str,
    path: Path | str,
    *,
    checksum: str,
    credentials: bool = False,
    secret: bool = False,
    pause: float = 1.0,
) -> None:
    """Download a file, continuing where an earlier run was interrupted.

    A file that has the checksum already is kept, without any network.

    Parameters
    ----------
    url : str
        ``http`` or ``https``. Messages show it without its query.
    path : path
        The final place; its folder is made.
    checksum : str
        ``sha256:`` or ``md5:`` and hexadecimal digits.
    credentials : bool
        Send the credentials that the environment holds, see `webrequest.authorization`.
    secret : bool
        Give the file mode 0600 from its first byte on, and a folder made for it 0700.
    pause : float
        Seconds before the second attempt; doubled for each further one.

    Raises
    ------
    InstaHideError
        When the server refuses or stays unreachable (run again to resume), the checksum
        is wrong (nothing is kept), credentials are missing or would travel unprotected,
        or the file cannot be written.
    """
    check_checksum(checksum)
    check_url(url)
    path = Path(path)
    if path.is_file() and _digest(path, checksum) == checksum:
        if secret:
            _let_owner_only(path)
        return
    sent = authorization(url) if credentials else None
    part, note = _part_of(path), _note_of(path)
    with explained(path):
        make_folder(path.parent, secret=secret)
    if secret:
        _let_owner_only(part)
    _insist(url, path, checksum, sent, pause)
    found = _digest(part, checksum)
    with explained(path):
        note.unlink(missing_ok=True)
        if found == checksum:
            os.replace(part, path)
            return
        part.unlink()
    raise InstaHideError(
        f"{bare(url)} has the checksum {found}, but {checksum} is expected; nothing was "
        "kept. Check the address and the published checksum"
    )


def keep_fetched(
    source: Path | str, path: Path | str, *, checksum: str, secret: bool = False
) -> None:
    """Copy a file that something else has fetched, if it has the checksum.

    With `secret`, only the owner may read the copy.

    Raises
    ------
    InstaHideError
        When it has another checksum, or the copy cannot be written.
    """
    check_checksum(checksum)
    with atomic(path, secret=secret) as copy:
        shutil.copyfile(source, copy)
        found = _digest(copy, checksum)
        if found != checksum:
            raise InstaHideError(
                f"{source} has the checksum {found}, but {checksum} is expected; nothing "
                "was kept. Check the address and the published checksum"
            )


def read_url_list(path: Path | str) -> list[tuple[str, str]]:
    """Read a list of downloads: an address and its checksum a line, ``#`` for comments.

    Returns
    -------
    list of (url, checksum)
        In the order of the file.

    Raises
    ------
    InstaHideError
        When the file is missing or empty, or a line is not of that form or would get the
        file name of another; names the line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InstaHideError(f"cannot read the list of addresses {path}: {error}") from error
    entries: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines, start=1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        try:
            name, entry = _parsed(words)
        except InstaHideError as error:
            raise InstaHideError(f"{path}, line {number}: {error}") from None
        if name in entries:
            raise InstaHideError(f"{path}, line {number}: a second file named {name!r}")
        entries[name] = entry
    if not entries:
        raise InstaHideError(f"{path} lists no addresses")
    return list(entries.values())


def fetch_list(
    path: Path | str, folder: Path | str, *, credentials: bool = False, secret: bool = False
) -> list[Path]:
    """Download every file of a list into a folder, see `read_url_list` and `fetch`.

    Returns
    -------
    list of Path
        The files, in the order of the list.

    Raises
    ------
    InstaHideError
        When the folder holds something else: all of its files are taken for photos.
    """
    entries = read_url_list(path)
    places = [Path(folder, file_name(url)) for url, _ in entries]
    strangers = {entry for entry in Path(folder).glob("[!.]*") if entry not in places}
    if strangers:
        raise InstaHideError(f"{path} does not list {min(strangers)}: move that file away")
    for place, (url, checksum) in zip(places, entries, strict=True):
        fetch(url, place, checksum=checksum, credentials=credentials, secret=secret)
    return places


def file_name(url: str) -> str:
    """Return the last part of an address, when it is fit to be a file's name."""
    check_url(url)
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    if not name or name.startswith(".") or re.search(r"[/\\\x00-\x1f\x7f]", name):
        raise InstaHideError(f"{bare(url)} does not end in a usable file name")
    return name


def check_checksum(checksum: str) -> None:
    """Refuse a checksum that is not written as `fetch` takes it."""
    if not _CHECKSUM.fullmatch(checksum):
        raise InstaHideError(
            f"the checksum {checksum!r} is not 'sha256:' or 'md5:' and lower-case "
            "hexadecimal digits"
        )


def _parsed(words: list[str]) -> tuple[str, tuple[str, str]]:
    """Check one line of a list; return the file's name and the entry."""
    if len(words) != 2:
        raise InstaHideError("expected an address and a checksum")
    url, checksum = words
    check_checksum(checksum)
    return file_name(url), (url, checksum)


def _let_owner_only(path: Path) -> None:
    """Let only its owner read a file, which is made where it is missing."""
    with explained(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, SECRET_FILE))
        path.chmod(SECRET_FILE)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _note_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part.json")


def _insist(url: str, path: Path, checksum: str, sent: str | None, pause: float) -> None:
    """Attempt the download until the part is complete, or too many attempts failed."""
    part, failures = _part_of(path), 0
    with requests.Session() as session:
        while True:
            before = _size(part)
            try:
                return _attempt(session, url, path, checksum, sent)
            except Temporary as problem:
                failures = 1 if _size(part) - before >= READ_BYTES else failures + 1
                if failures == ATTEMPTS:
                    raise InstaHideError(
                        f"cannot download {bare(url)}: {problem} ({ATTEMPTS} attempts in a "
                        "row). Run the same command again to resume"
                    ) from None
            time.sleep(min(pause * 2 ** (failures - 1), LONGEST_PAUSE))


def _attempt(
    session: requests.Session, url: str, path: Path, checksum: str, sent: str | None
) -> None:
    """Ask once for what is missing of the part, and add what comes."""
    part, note = _part_of(path), _note_of(path)
    known = _known_version(note, checksum)
    done = _size(part) if known else 0
    if done and done == known.length:
        return
    headers = {"Range": f"bytes={done}-"} if done else {}
    if done and known.validator:
        headers["If-Range"] = known.validator
    with contextlib.closing(get(session, url, headers, sent)) as response:
        version = _version_of(response, checksum)
        whole = response.status_code == 200
        if not whole and not _continues(response, done, known, version):
            note.unlink(missing_ok=True)  # so that the next attempt starts afresh
            raise Temporary("the file changed on the server")
        if whole:
            with explained(path), contextlib.suppress(FileNotFoundError):
                os.truncate(part, 0)  # before the note, which speaks of the new part
            save_json(note, asdict(version))
        start = 0 if whole else done
        _receive(response, path, start, version.length)


def _known_version(note: Path, checksum: str) -> _Version | None:
    """Return what the note says of the part, when it is of the wanted file."""
    try:
        known = _Version(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return known if known.checksum == checksum else None


def _version_of(response: requests.Response, checksum: str) -> _Version:
    """Return which version of the file a response belongs to."""
    headers = response.headers
    tag = headers.get("ETag", "")
    # A weak tag doesn't promise equal bytes, and servers ignore it in If-Range.
    validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    length = headers.get("Content-Length", "")
    if response.status_code == 206:
        match = _RANGE.fullmatch(headers.get("Content-Range", ""))
        length = match[2] if match else ""
    return _Version(checksum, validator, int(length) if length.isdecimal() else None)


def _continues(
    response: requests.Response, done: int, known: _Version | None, version: _Version
) -> bool:
    """Say whether a partial response goes on exactly where the part ends."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return bool(done and match) and int(match[1]) == done and known == version


def _receive(response: requests.Response, path: Path, start: int, length: int | None) -> None:
    """Add the body of a response to the part."""
    part = _part_of(path)
    with (
        explained(path),
        open(part, "ab" if start else "wb") as file,
        progress_bar(length, path.name, "B", start=start) as bar,
    ):
        for chunk in _chunks(response):
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    if length is not None and _size(part) != length:
        raise Temporary(f"{_size(part)} of {length} bytes came")


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it travels: a .gz stays packed whatever the server calls it."""
    try:
        yield from response.raw.stream(READ_BYTES, decode_content=False)
    except (TransportError, OSError) as error:
        raise Temporary(f"the connection broke ({type(error).__name__})") from None


def _digest(path: Path, checksum: str) -> str:
    """Return the checksum of a file, of the same kind as `checksum`."""
    kind = checksum.partition(":")[0]
    digest = hashlib.new(kind, usedforsecurity=False)
    size = _size(path)
    with open(path, "rb") as file, progress_bar(size, f"checking {path.name}", "B") as bar:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
            bar.update(len(chunk))
    return f"{kind}:{digest.hexdigest()}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
