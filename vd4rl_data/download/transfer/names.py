"""Names that a server or a listing gave, before any of them touches the disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from vd4rl_data.download.transfer.model import RemoteFile
from vd4rl_data.errors import UnsafeNameError
from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX

STATE_FOLDER: Final = ".transfer"
"""Below each download folder: the journal and the lock."""

_LONGEST: Final = 255 - len(TEMPORARY_SUFFIX)
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]')
_DEVICE: Final = re.compile(r"(?:CON|PRN|AUX|NUL|COM\d|LPT\d)(?:\..*)?", re.IGNORECASE)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def check_files(files: Iterable[RemoteFile]) -> None:
    """Refuse a set of files that cannot be stored safely below one folder on every system.

    Raises:
        UnsafeNameError: a name is absolute, climbs (``..``), holds a backslash, a control or
            another reserved character, is a device of Windows or one of our own names; or two
            names stand for one place where case does not count.
        ValueError: a size is negative or a hash is not 64 lower-case hexadecimal digits.
    """
    places: dict[str, str] = {}
    for file in files:
        check_path(file.path)
        if file.size is not None and file.size < 0:
            raise ValueError(f"{file.path}: size: expected at least 0 bytes, got {file.size}")
        if file.sha256 is not None and not _SHA256.fullmatch(file.sha256):
            raise ValueError(f"{file.path}: sha256: expected 64 hex digits, got {file.sha256!r}")
        place = _place(file.path)
        if place in places:
            raise UnsafeNameError(f"{file.path!r} and {places[place]!r} name the same place")
        places[place] = file.path
    for place, path in places.items():
        parts = place.split("/")
        for depth in range(1, len(parts)):
            if (folder := "/".join(parts[:depth])) in places:
                raise UnsafeNameError(f"{places[folder]!r} is a file and, for {path!r}, a folder")


def check_path(path: str) -> None:
    """Refuse one name; see :func:`check_files`."""
    for part in path.split("/"):
        problem = _problem(part)
        if problem:
            raise UnsafeNameError(f"refused the remote file name {path[:300]!r}: {problem}")


def _problem(part: str) -> str | None:
    if part in ("", ".", ".."):
        return "it is absolute, climbs, or has an empty part"
    if _FORBIDDEN.search(part):
        return "it holds a character that is reserved on some system"
    if _DEVICE.fullmatch(part) or part[-1] in " ." or part[0] == " ":
        return "it means something else on some system"
    if part.casefold() == STATE_FOLDER or part.casefold().endswith(TEMPORARY_SUFFIX):
        return "the download keeps that name for itself"
    if len(part.encode()) > _LONGEST:
        return f"a part is longer than {_LONGEST} bytes"
    return None


def _place(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
