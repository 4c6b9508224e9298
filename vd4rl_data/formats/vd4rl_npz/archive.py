"""Safe reading of foreign ``.npz`` archives.

Nothing is ever unpickled, and no array is allocated before its declared size was checked.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.errors import CorruptFileError, DatasetFormatError, Vd4rlError

MAX_MEMBER_BYTES: Final = 256 * 2**20
"""Largest array that is read: ten times the pixels of the largest episode of any suite."""

_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # also NotImplementedError: encrypted, or an unknown version of zip
)


def read_archive(path: Path, known: set[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The known arrays of an archive, and the names of the others.

    Raises:
        CorruptFileError: the bytes are not those that were written, or an array is too large.
        DatasetFormatError: an array is there twice, or holds Python objects.
    """
    with _broken_zip(path.name), zipfile.ZipFile(path) as archive:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            if key in members:
                raise DatasetFormatError(f"{path.name}: {key}: expected one array, got two")
            members[key] = info
        arrays = {
            key: _array(f"{path.name}: {key}", archive, info)
            for key, info in members.items()
            if key in known
        }
    return arrays, sorted(set(members) - known)


@contextmanager
def _broken_zip(name: str) -> Generator[None, None, None]:
    try:
        yield
    except Vd4rlError:
        raise
    except _BROKEN_ZIP as error:
        raise CorruptFileError(
            f"{name}: expected an intact .npz archive, got {type(error).__name__}: {error}; "
            "download the file again"
        ) from error


def _array(where: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One member: its checksum verified, its header held against its size before allocation."""
    if info.compress_type not in _COMPRESSIONS:
        raise CorruptFileError(
            f"{where}: expected a stored or deflated member, got type {info.compress_type}"
        )
    if info.file_size > MAX_MEMBER_BYTES:
        raise CorruptFileError(
            f"{where}: expected at most {MAX_MEMBER_BYTES:,} bytes, the archive declares "
            f"{info.file_size:,}"
        )
    with archive.open(info) as member:
        stream = io.BytesIO(
            member.read(info.file_size + 1)
        )  # bounded, and to the end: checks the CRC
    size = stream.getbuffer().nbytes
    shape, dtype = _header(stream)
    if dtype.hasobject:
        raise DatasetFormatError(
            f"{where}: expected numbers, got Python objects, which only unpickling could read"
        )
    declared = math.prod(shape) * dtype.itemsize
    if declared != size - stream.tell():
        raise CorruptFileError(
            f"{where}: the header declares {dtype} of shape {shape}, {declared:,} bytes, "
            f"but {size - stream.tell():,} bytes follow"
        )
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"unknown version {version} of the .npy format")
    return shape, dtype
