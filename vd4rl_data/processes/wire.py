"""Messages over a pipe: a length, then that many bytes.

A parent sends pickles, and receives pickles from processes that it trusts. A process that reads
foreign files is not trusted: it answers in JSON and raw arrays, and its messages are checked.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, Final

import cloudpickle
import numpy as np
from numpy.typing import NDArray

MAX_HEADER_BYTES: Final = 2**20
MAX_ARRAY_BYTES: Final = 2**30
_LENGTH: Final = struct.Struct("<Q")
_INTEGERS: Final = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")
_DTYPES: Final = ("|b1", *_INTEGERS, "<f2", "<f4", "<f8")

Message = tuple[str, Any]
"""The kind and the content of a message."""

Arrays = dict[str, NDArray[Any]]


class WireError(Exception):
    """The other end sent something that no worker sends."""


def write_bytes(stream: BinaryIO, data: bytes | memoryview) -> None:
    """Write all bytes, even to a pipe that accepts fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def read_bytes(stream: BinaryIO, count: int) -> bytearray:
    """Read this number of bytes.

    Raises:
        EOFError: the other end is gone.
    """
    data = bytearray(count)
    _read_into(stream, memoryview(data))
    return data


def _read_into(stream: Any, view: memoryview) -> None:
    while view:
        count = stream.readinto(view)
        if not count:
            raise EOFError
        view = view[count:]


def send_whole(stream: BinaryIO, message: Any) -> None:
    """Write one message of a trusted end; objects of the main module are sent by value."""
    _send(stream, cloudpickle.dumps(message))


def send_pickle(stream: BinaryIO, message: Any) -> None:
    """Write one message of a trusted end."""
    _send(stream, pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def _send(stream: BinaryIO, data: bytes) -> None:
    write_bytes(stream, _LENGTH.pack(len(data)))
    write_bytes(stream, data)


def receive_pickle(stream: BinaryIO) -> Any:
    """Read one message of a trusted end.

    Raises:
        EOFError: the other end is gone.
    """
    (length,) = _LENGTH.unpack(read_bytes(stream, _LENGTH.size))
    return pickle.loads(read_bytes(stream, length))  # noqa: S301 - of our own process


def send_checked(stream: BinaryIO, message: Message) -> None:
    """Write one message of an untrusted end: JSON that may contain arrays as values."""
    kind, content = message
    arrays: Arrays = {}
    if isinstance(content, dict):
        arrays = {
            name: np.ascontiguousarray(value)
            for name, value in content.items()
            if isinstance(value, np.ndarray)
        }
        content = {name: value for name, value in content.items() if name not in arrays}
    table = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    text = json.dumps([kind, content, table]).encode()
    write_bytes(stream, _LENGTH.pack(len(text)) + text)
    for array in arrays.values():
        write_bytes(stream, array.data.cast("B"))


def receive_checked(stream: BinaryIO) -> Message:
    """Read one message of an untrusted end; its arrays are copies.

    Raises:
        WireError: it is not such a message, or declares absurd arrays.
        EOFError: the other end is gone.
    """
    (length,) = _LENGTH.unpack(read_bytes(stream, _LENGTH.size))
    if length > MAX_HEADER_BYTES:
        raise WireError(f"a header of {length} bytes")
    try:
        kind, content, table = json.loads(read_bytes(stream, length))
        arrays = {str(name): _empty(dtype, shape) for name, dtype, shape in table}
        found = {**content, **arrays} if arrays else content
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError(f"an unreadable header: {error}") from error
    for array in arrays.values():
        _read_into(stream, array.data.cast("B"))
    return str(kind), found


def _empty(dtype: str, shape: list[int]) -> NDArray[Any]:
    if dtype not in _DTYPES or any(length < 1 for length in shape):
        raise ValueError(f"an array of dtype {dtype!r} and shape {shape}")
    size = np.dtype(dtype).itemsize
    for length in shape:
        size *= length
    if size > MAX_ARRAY_BYTES:
        raise ValueError(f"an array of {size} bytes")
    return np.empty(shape, dtype=dtype)


Send = Callable[[BinaryIO, Message], None]
