"""The constants of the format, its file header, and its hashes.

A dataset file is an HDF5 file behind a user block of 4096 bytes. From the user block a reader can
quickly tell whether the HDF5 structure is intact, before any C code parses it:

    8 bytes   magic
    4 bytes   length of the JSON text, unsigned, little endian
    4 bytes   CRC-32 of the JSON text
    ...       JSON text (UTF-8), then zeros

The JSON names the extents of the bulk arrays and the SHA-256 of every other byte behind the block.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from vd4rl_data.errors import CorruptFileError, DatasetFormatError

FORMAT_NAME: Final = "vd4rl-data"
FORMAT_VERSION: Final = 1
STATES_LAYOUT: Final = "states"
LAYOUTS: Final = ("flat", "packed", STATES_LAYOUT)
"""Contiguous; chunked and compressed; chunked and compressed, without pixels."""

USER_BLOCK: Final = 4096
PIXELS: Final = "observations"
ROW_KEYS: Final = (PIXELS, "actions", "rewards", "discounts", "terminals", "timeouts")
LAYOUT_KEYS: Final = {
    layout: ROW_KEYS if layout != STATES_LAYOUT else ROW_KEYS[1:] for layout in LAYOUTS
}
"""Layout → the arrays that each of its files has, in the order in which they are hashed."""

INFO_GROUP: Final = "infos"
ROW_DTYPES: Final = {
    PIXELS: "uint8",
    "actions": "float32",
    "rewards": "float32",
    "discounts": "float32",
    "terminals": "bool",
    "timeouts": "bool",
}

_MAGIC: Final = b"\x89VD4RL\r\n"
_PREFIX: Final = struct.Struct("<8sII")
_BLOCK_BYTES: Final = 1 << 22


def info_key(name: str) -> str:
    """``infos/<name>``."""
    return f"{INFO_GROUP}/{name}"


@dataclass(frozen=True, slots=True)
class Header:
    """The user block of one file.

    Attributes:
        version: format version.
        layout: one of :data:`LAYOUTS`.
        file_size: bytes of the whole file.
        extents: (first byte, number of bytes) of each bulk array, ascending; empty unless flat.
        structure_sha256: SHA-256 of all bytes behind the user block that are in no extent.
    """

    version: int
    layout: str
    file_size: int
    extents: tuple[tuple[int, int], ...]
    structure_sha256: str


def write_header(path: Path, layout: str, extents: Sequence[tuple[int, int]]) -> None:
    """Fill the user block of a finished HDF5 file, whose size must not change afterwards."""
    ordered = tuple(sorted(extents))
    size = path.stat().st_size
    with path.open("r+b") as file:
        digest = _structure_sha256(file, size, ordered)
        header = Header(FORMAT_VERSION, layout, size, ordered, digest)
        text = canonical_json({"format": FORMAT_NAME, **asdict(header)}).encode()
        block = _PREFIX.pack(_MAGIC, len(text), zlib.crc32(text)) + text
        if len(block) > USER_BLOCK:
            raise DatasetFormatError(
                f"{path}: too many arrays: the header takes {len(block)} bytes, "
                f"at most {USER_BLOCK} fit"
            )
        file.seek(0)
        file.write(block.ljust(USER_BLOCK, b"\0"))


def read_header(path: Path) -> Header:
    """Read the user block and check that the file's structure is as it was written.

    Raises:
        DatasetFormatError: not a dataset file, or written in a newer version of the format.
        CorruptFileError: the file is truncated, altered, or was never finished.
    """
    with path.open("rb") as file:
        block = file.read(USER_BLOCK)
        header = _parse_header(path, block)
        size = path.stat().st_size
        if size != header.file_size:
            raise CorruptFileError(
                f"{path}: expected {header.file_size} bytes, got {size}: the file was truncated or "
                "appended to; delete it and fetch or make it again"
            )
        digest = _structure_sha256(file, size, header.extents)
    if digest != header.structure_sha256:
        raise CorruptFileError(
            f"{path}: structure: expected SHA-256 {header.structure_sha256}, got {digest}: the "
            "bytes were altered; delete the file and fetch or make it again"
        )
    return header


def canonical_json(value: Any) -> str:
    """JSON text that depends on the content alone: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parse_header(path: Path, block: bytes) -> Header:
    if len(block) < USER_BLOCK or not block.startswith(_MAGIC):
        raise DatasetFormatError(
            f"{path}: expected a {FORMAT_NAME} dataset file, got something else. Official V-D4RL "
            "files (npz, hdf5) are converted with `vd4rl import FOLDER --id ID`."
        )
    _, length, checksum = _PREFIX.unpack_from(block)
    text = block[_PREFIX.size : _PREFIX.size + length]
    if len(text) != length or zlib.crc32(text) != checksum or any(block[_PREFIX.size + length :]):
        raise CorruptFileError(f"{path}: the header does not match its checksum")
    try:
        return _header_of(path, json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, DatasetFormatError):
            raise
        raise CorruptFileError(f"{path}: the header is not valid: {error!r}") from error


def _header_of(path: Path, fields: Any) -> Header:
    version = fields["version"]
    if version != FORMAT_VERSION:
        raise DatasetFormatError(
            f"{path}: format version: expected {FORMAT_VERSION}, got {version}; a newer version of "
            "vd4rl-data can read it"
        )
    header = Header(
        version=version,
        layout=str(fields["layout"]),
        file_size=int(fields["file_size"]),
        extents=tuple((int(start), int(count)) for start, count in fields["extents"]),
        structure_sha256=str(fields["structure_sha256"]),
    )
    position = USER_BLOCK
    for start, count in header.extents:
        if start < position or count < 1:
            raise ValueError(f"extents {header.extents}")
        position = start + count
    if position > header.file_size or header.layout not in LAYOUTS:
        raise ValueError(f"layout {header.layout!r}, extents {header.extents}")
    return header


def _structure_sha256(file: BinaryIO, size: int, extents: Sequence[tuple[int, int]]) -> str:
    digest = hashlib.sha256()
    for start, stop in _gaps(size, extents):
        file.seek(start)
        remaining = stop - start
        while remaining:
            block = file.read(min(remaining, _BLOCK_BYTES))
            if not block:
                break
            digest.update(block)
            remaining -= len(block)
    return digest.hexdigest()


def _gaps(size: int, extents: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Byte ranges behind the user block that are in no extent."""
    position = USER_BLOCK
    for start, count in extents:
        if start > position:
            yield position, start
        position = start + count
    if size > position:
        yield position, size
