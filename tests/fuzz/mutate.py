"""Blind damage: what disks, networks and editors do to a whole file, whatever the file holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

Rng = np.random.Generator
Mutation = Callable[[bytearray, Rng], None]

MOST_MUTATIONS: Final = 3
_INTERESTING: Final = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFE, 0xFF)


def mutated(content: bytes, rng: Rng) -> bytes:
    """One to three mutations; never the content itself."""
    while True:
        data = bytearray(content)
        for _ in range(int(rng.integers(1, MOST_MUTATIONS + 1))):
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, rng)
        if data != content:
            return bytes(data)


def _place(data: bytearray, rng: Rng) -> int:
    return int(rng.integers(len(data))) if data else 0


def _span(data: bytearray, rng: Rng) -> slice:
    begin = _place(data, rng)
    return slice(begin, min(len(data), begin + int(rng.integers(1, 257))))


def _flip_bits(data: bytearray, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 9))):
        if data:
            data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _set_bytes(data: bytearray, rng: Rng) -> None:
    begin = _place(data, rng)
    count = min(len(data) - begin, int(rng.integers(1, 17)))
    data[begin : begin + count] = rng.bytes(count)


def _set_number(data: bytearray, rng: Rng) -> None:
    """Overwrite 1, 2, 4 or 8 bytes with a number that sits on an edge."""
    width = 1 << int(rng.integers(4))
    begin = _place(data, rng)
    edge = int(_INTERESTING[int(rng.integers(len(_INTERESTING)))])
    value = edge if rng.integers(2) else (1 << (8 * width)) - 1 - edge
    end = min(len(data), begin + width)
    data[begin:end] = (value % (1 << (8 * width))).to_bytes(width, "little")[: end - begin]


def _change_number(data: bytearray, rng: Rng) -> None:
    """Add a little to one byte: lengths and offsets that are almost right."""
    if data:
        place = _place(data, rng)
        data[place] = (data[place] + int(rng.integers(-4, 5))) % 256


def _truncate(data: bytearray, rng: Rng) -> None:
    del data[_place(data, rng) :]


def _insert(data: bytearray, rng: Rng) -> None:
    begin = _place(data, rng)
    data[begin:begin] = rng.bytes(int(rng.integers(1, 65)))


def _delete(data: bytearray, rng: Rng) -> None:
    del data[_span(data, rng)]


def _swap(data: bytearray, rng: Rng) -> None:
    one, two = sorted(_place(data, rng) for _ in range(2))
    count = min(two - one, len(data) - two, int(rng.integers(1, 257)))
    first, second = bytes(data[one : one + count]), bytes(data[two : two + count])
    data[one : one + count], data[two : two + count] = second, first


def _zero(data: bytearray, rng: Rng) -> None:
    span = _span(data, rng)
    data[span] = bytes(span.stop - span.start)


def _duplicate(data: bytearray, rng: Rng) -> None:
    span = _span(data, rng)
    data[span.stop : span.stop] = data[span]


def _overwrite(data: bytearray, rng: Rng) -> None:
    """Copy one block over another."""
    block = bytes(data[_span(data, rng)])
    begin = _place(data, rng)
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
