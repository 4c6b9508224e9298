"""Damage, from blind (flipped bits) to sighted (with every checksum made right again)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from vd4rl_data.storage.format import write_header

Rng = np.random.Generator
Mutation = Callable[[bytearray, Rng, int], None]

MOST_MUTATIONS: Final = 3
_CHECKED: Final = {b"\x89HDF\r\n\x1a\n": 44, b"OHDR": 0, b"BTHD": 34, b"FRHP": 142}
"""Signature → bytes before the checksum; 0: an object header, which says so itself."""

_INTERESTING: Final = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFE, 0xFF)


def mutated(content: bytes, rng: Rng, start: int = 0) -> bytes:
    """One to three mutations of the bytes from ``start`` on; never the content itself."""
    while True:
        data = bytearray(content)
        for _ in range(int(rng.integers(1, MOST_MUTATIONS + 1))):
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, rng, start)
        if data != content:
            return bytes(data)


def seal(path: Path, layout: str, extents: tuple[tuple[int, int], ...]) -> None:
    """Write the user block that a file of ours with these bytes would have."""
    size = path.stat().st_size
    write_header(
        path, layout, [(begin, count) for begin, count in extents if begin + count <= size]
    )


def seal_objects(content: bytes) -> bytes:
    """Make the checksums of HDF5's superblock, object headers, heap and tree headers right again.

    Without this, HDF5 stops at the first changed byte of its structure; with it, the change reaches
    the code that interprets the structure.
    """
    data = bytearray(content)
    for signature, length in _CHECKED.items():
        place = data.find(signature)
        while place >= 0:
            count = length or _object_header_length(data, place)
            if place + count + 4 <= len(data):
                value = jenkins(bytes(data[place : place + count]))
                data[place + count : place + count + 4] = value.to_bytes(4, "little")
            place = data.find(signature, place + 4)
    return bytes(data)


def jenkins(data: bytes) -> int:
    """The checksum of HDF5's metadata: Bob Jenkins's ``lookup3`` (``hashlittle`` with seed 0)."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    rest = data
    while len(rest) > 12:
        a, b, c = (_plus(value, rest, at) for value, at in ((a, 0), (b, 4), (c, 8)))
        a, b, c = _mix(a, b, c)
        rest = rest[12:]
    if not rest:
        return c
    last = rest.ljust(12, b"\0")
    a, b, c = (_plus(value, last, at) for value, at in ((a, 0), (b, 4), (c, 8)))
    return _final(a, b, c)


_MASK: Final = 0xFFFFFFFF


def _plus(value: int, data: bytes, at: int) -> int:
    return (value + int.from_bytes(data[at : at + 4], "little")) & _MASK


def _rot(value: int, count: int) -> int:
    return ((value << count) | (value >> (32 - count))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for first, second, third in ((4, 6, 8), (16, 19, 4)):
        a = ((a - c) & _MASK) ^ _rot(c, first)
        c = (c + b) & _MASK
        b = ((b - a) & _MASK) ^ _rot(a, second)
        a = (a + c) & _MASK
        c = ((c - b) & _MASK) ^ _rot(b, third)
        b = (b + a) & _MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for first, second, third in ((14, 11, 25), (16, 4, 14)):
        c = ((c ^ b) - _rot(b, first)) & _MASK
        a = ((a ^ c) - _rot(c, second)) & _MASK
        b = ((b ^ a) - _rot(a, third)) & _MASK
    return ((c ^ b) - _rot(b, 24)) & _MASK


def _object_header_length(data: bytearray, place: int) -> int:
    """Bytes of the first block of a version 2 object header, without its checksum."""
    flags = data[place + 5] if place + 5 < len(data) else 0
    fixed = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(data[place + fixed : place + fixed + width], "little")
    return fixed + width + size


def _place(data: bytearray, rng: Rng, start: int) -> int:
    return int(rng.integers(min(start, len(data) - 1), len(data))) if data else 0


def _span(data: bytearray, rng: Rng, start: int) -> slice:
    begin = _place(data, rng, start)
    return slice(begin, min(len(data), begin + int(rng.integers(1, 257))))


def _flip_bits(data: bytearray, rng: Rng, start: int) -> None:
    for _ in range(int(rng.integers(1, 9))):
        if data:
            data[_place(data, rng, start)] ^= 1 << int(rng.integers(8))


def _set_bytes(data: bytearray, rng: Rng, start: int) -> None:
    begin = _place(data, rng, start)
    count = min(len(data) - begin, int(rng.integers(1, 17)))
    data[begin : begin + count] = rng.bytes(count)


def _set_number(data: bytearray, rng: Rng, start: int) -> None:
    """Overwrite 1, 2, 4 or 8 bytes with a number that sits on an edge."""
    width = 1 << int(rng.integers(4))
    begin = _place(data, rng, start)
    edge = int(_INTERESTING[int(rng.integers(len(_INTERESTING)))])
    value = edge if rng.integers(2) else (1 << (8 * width)) - 1 - edge
    end = min(len(data), begin + width)
    data[begin:end] = (value % (1 << (8 * width))).to_bytes(width, "little")[: end - begin]


def _change_number(data: bytearray, rng: Rng, start: int) -> None:
    """Add a little to one byte: lengths and offsets that are almost right."""
    if data:
        place = _place(data, rng, start)
        data[place] = (data[place] + int(rng.integers(-4, 5))) % 256


def _truncate(data: bytearray, rng: Rng, start: int) -> None:
    del data[_place(data, rng, start) :]


def _insert(data: bytearray, rng: Rng, start: int) -> None:
    begin = _place(data, rng, start)
    data[begin:begin] = rng.bytes(int(rng.integers(1, 65)))


def _delete(data: bytearray, rng: Rng, start: int) -> None:
    del data[_span(data, rng, start)]


def _swap(data: bytearray, rng: Rng, start: int) -> None:
    one, two = sorted(_place(data, rng, start) for _ in range(2))
    count = min(two - one, len(data) - two, int(rng.integers(1, 257)))
    first, second = bytes(data[one : one + count]), bytes(data[two : two + count])
    data[one : one + count], data[two : two + count] = second, first


def _zero(data: bytearray, rng: Rng, start: int) -> None:
    span = _span(data, rng, start)
    data[span] = bytes(span.stop - span.start)


def _duplicate(data: bytearray, rng: Rng, start: int) -> None:
    span = _span(data, rng, start)
    data[span.stop : span.stop] = data[span]


def _overwrite(data: bytearray, rng: Rng, start: int) -> None:
    """Copy one block over another."""
    block = bytes(data[_span(data, rng, start)])
    begin = _place(data, rng, start)
    data[begin : begin + len(block)] = block[: max(0, len(data) - begin)]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    _flip_bits,
    _set_bytes,
    _set_number,
    _change_number,
    _truncate,
    _insert,
    _delete,
    _swap,
    _zero,
    _duplicate,
    _overwrite,
)
