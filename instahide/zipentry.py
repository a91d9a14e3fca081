"""Entries of archives whose bytes follow from their content alone."""

import zipfile

_DATE = (2020, 1, 1, 0, 0, 0)
_UNIX = 3  # wherever the archive is made


def plain_entry(name: str, mode: int = 0o644) -> zipfile.ZipInfo:
    """Return an entry with a fixed date, to be stored as it is.

    Parameters
    ----------
    name : str
    mode : int
        Rights of the file when it is unpacked.

    Examples
    --------
    >>> plain_entry("a.txt").date_time[0], oct(plain_entry("a.txt", 0o600).external_attr >> 16)
    (2020, '0o600')
    """
    entry = zipfile.ZipInfo(name, date_time=_DATE)
    entry.external_attr = mode << 16
    entry.create_system = _UNIX
    return entry
