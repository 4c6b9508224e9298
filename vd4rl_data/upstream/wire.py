"""Pieces between two processes over a pipe: a length, a JSON header, then the bytes of each array.

No pickle: the process at the other end read a foreign file, so its words are checked like one.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.upstream.rows import Piece, Rows

MAX_HEADER_BYTES: Final = 2**20
MAX_ARRAY_BYTES: Final = 2**30

_LENGTH: Final = struct.Struct("<I")
_DTYPES: Final = ("|u1", "<f4", "<f8")

Write = Callable[[memoryview], None]
ReadInto = Callable[[memoryview], None]


class ProtocolError(Exception):
    """The other end sent what no reader sends."""


def send(write: Write, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write one message; ``header`` is JSON, ``arrays`` follow as raw bytes."""
    blocks = {
        name: np.ascontiguousarray(array) for name, array in arrays.items()
    }  # before any byte
    table = [[name, block.dtype.str, block.shape] for name, block in blocks.items()]
    text = json.dumps({**header, "arrays": table}).encode()
    write(memoryview(_LENGTH.pack(len(text)) + text))
    for block in blocks.values():
        write(block.data.cast("B"))


def receive(read_into: ReadInto) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read one message: its header, and its arrays in memory of their own.

    Raises:
        ProtocolError: the header is no header, or declares absurd arrays.
        EOFError: raised by ``read_into`` where the other end is gone.
    """
    prefix = bytearray(_LENGTH.size)
    read_into(memoryview(prefix))
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_HEADER_BYTES:
        raise ProtocolError(f"a header of {length} bytes")
    text = bytearray(length)
    read_into(memoryview(text))
    try:
        header = json.loads(text)
        header["kind"] = str(header["kind"])
        arrays = {name: _empty(dtype, shape) for name, dtype, shape in header.pop("arrays")}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"an unreadable header: {error}") from error
    for array in arrays.values():
        read_into(array.data.cast("B"))
    return header, arrays


def send_piece(write: Write, piece: Piece) -> None:
    """Write one piece."""
    arrays = {field.name: getattr(piece.rows, field.name) for field in fields(Rows)}
    header = {
        "kind": "piece",
        "start": piece.start,
        "is_first": piece.is_first,
        "is_last": piece.is_last,
        "repairs": piece.repairs,
    }
    send(write, header, {name: array for name, array in arrays.items() if array is not None})


def piece_of(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Piece:
    """The piece in a message of kind ``piece``.

    Raises:
        ProtocolError: the message holds something else.
    """
    try:
        return Piece(
            rows=Rows(**arrays),
            start=int(header["start"]),
            is_first=bool(header["is_first"]),
            is_last=bool(header["is_last"]),
            repairs=tuple(str(repair) for repair in header["repairs"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ProtocolError(f"a piece that is none: {error}") from error


def _empty(dtype: str, shape: list[int]) -> NDArray[Any]:
    if dtype not in _DTYPES or any(length < 1 for length in shape):
        raise ValueError(f"an array of dtype {dtype!r} and shape {shape}")
    size = np.dtype(dtype).itemsize
    for length in shape:
        size *= length
    if size > MAX_ARRAY_BYTES:
        raise ValueError(f"an array of {size} bytes")
    return np.empty(shape, dtype=dtype)
