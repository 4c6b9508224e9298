"""Whether a file is one of the authors' own: its SHA-256, held against the official ones."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.formats.format import Format
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.suites.vd4rl_files import (
    OfficialFile,
    belongs_to,
    find_by_sha256,
    find_official_file,
)

HashStatus = Literal["verified", "unknown", "different"]

_LOGGER: Final = logging.getLogger("vd4rl_data")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its size and SHA-256, and how that compares with the official one.

    ``hash_status`` is ``verified`` (it is the official file), ``unknown`` (no official hash is
    known for its name) or ``different`` (it has the name of an official file and another content).
    """

    name: str
    bytes: int
    sha256: str
    hash_status: HashStatus


def content_sha256(
    path: Path,
    format: Format,  # noqa: A002
    hash_of: Callable[[Path], str] = file_sha256,
) -> str:
    """The SHA-256 that tells a file from others: of its content, and of the files beside it.

    Args:
        path: the file.
        format: of the file; if it reads others beside it, the hash is that of a list of the names
            and hashes of all of them.
        hash_of: the SHA-256 of a file.
    """
    if format.beside is None:
        return hash_of(path)
    files = [path, *format.beside(path)]
    lines = (f"{each.relative_to(path.parent).as_posix()} {hash_of(each)}" for each in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def identify(path: Path, sha256: str, spec: DatasetSpec, *, check_hash: bool) -> SourceFile:
    """Compare a file, whose hash was computed, with the official one of its name.

    Raises:
        DatasetFormatError: it is the official file of another dataset.
        CorruptFileError: with ``check_hash``: it has the name of an official file and is another.
    """
    size = path.stat().st_size
    twin = find_by_sha256(sha256)
    if twin is not None and not belongs_to(twin, spec):
        raise DatasetFormatError(
            f"{path}: expected a file of {spec.name}, got the official file {twin.name} of "
            f"{twin.task} {twin.behavior}"
        )
    official = find_official_file(spec, path.name)
    if twin is not None:
        return SourceFile(path.name, size, sha256, "verified")
    if official is None:
        return SourceFile(path.name, size, sha256, "unknown")
    message = _difference(path, size, sha256, official)
    if check_hash:
        raise CorruptFileError(message)
    _LOGGER.warning("%s", message)
    return SourceFile(path.name, size, sha256, "different")


def check_no_copy(path: Path, file: SourceFile, others: Iterable[SourceFile]) -> None:
    """Refuse a second copy of one of the authors' own files, of which each stands there once.

    Other files may be the same byte for byte, as two short episodes can be.

    Raises:
        DatasetFormatError: it is one.
    """
    for other in others:
        if file.hash_status == "verified" and other.sha256 == file.sha256:
            raise DatasetFormatError(
                f"{path}: expected each of the authors' files once, got a copy of {other.name}; "
                "remove one"
            )


def _difference(path: Path, size: int, sha256: str, official: OfficialFile) -> str:
    return (
        f"{path}: expected the official file of this name ({official.bytes:,} bytes, SHA-256 "
        f"{official.sha256}), got {size:,} bytes, SHA-256 {sha256}; download it again, or say "
        "check_hashes=False if it is meant to be another"
    )
