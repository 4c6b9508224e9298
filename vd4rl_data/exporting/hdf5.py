"""HDF5 files of which every array is known in advance, written in the order of their bytes.

HDF5 writes the structure first, with room for each array in one piece. Then the arrays are put in
their places, past HDF5: nothing else of the file changes any more, so it can be hashed meanwhile,
and no write of a full disk reaches HDF5.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from vd4rl_data.exporting.growing import GrowingHashes, write_all
from vd4rl_data.storage.atomic import OutputFile, uninterrupted

_VERSIONS: Final = ("earliest", "v110")


class Room(NamedTuple):
    """What room is needed for: an array of this shape and dtype."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Group:
    """A group of a file.

    Attributes:
        name: ``""`` for the root, ``a/b`` for one in another.
        rooms: its arrays, by name.
        attributes: by name.
        values: further arrays, and texts, that are known already.
    """

    name: str
    rooms: Mapping[str, Room]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


Put = Callable[[str, Mapping[str, Any]], None]
"""Called with a group and its arrays by name: an array in one piece, or an iterator of pieces."""


@contextmanager
def hdf5_file(
    path: Path, groups: Iterable[Group], hashes: GrowingHashes | None = None
) -> Generator[Put]:
    """A new file, and what puts arrays into the room that was made for them.

    It has another name until all of them are there.

    Args:
        path: of the file.
        groups: all there will be, in the order in which they will be put.
        hashes: they are told what is final, and will know the file by its path.

    Raises:
        KeyError: no room was made for an array, or it was put before.
        ValueError: an array is not the one that room was made for, or one was not put.
        OSError: the disk is full.
    """
    part = path.with_name(f"{path.name}.part")
    writer = _Writer(part, _made(part, groups), hashes)
    try:
        yield writer.put
        writer.check_all_is_there()
    finally:
        writer.close()
    if hashes is None:
        part.replace(path)
    else:
        hashes.rename(part, path)


def _made(path: Path, groups: Iterable[Group]) -> dict[str, tuple[int, Room]]:
    """Write the structure; where the room of each array begins, by its full name."""
    import h5py

    output, places = OutputFile(path), dict[str, tuple[int, Room]]()
    try:
        with uninterrupted():
            file: Any = h5py.File(output, "w", libver=_VERSIONS)
            try:
                create = _creator()
                for group in groups:
                    place = file.require_group(group.name) if group.name else file
                    for name, room in group.rooms.items():
                        offset = create(place.id, name, room)
                        places[f"{group.name}/{name}"] = (offset, room)
                    for name, value in group.values.items():
                        place[name] = value
                    for name, value in group.attributes.items():
                        place.attrs[name] = value
            finally:
                file.close()
        output.check()
    finally:
        output.close()
    return places


def _creator() -> Callable[[Any, str, Room], int]:
    """What makes room for an array, in one piece and at once, and says where."""
    import h5py

    low: Any = h5py
    at_once = low.h5p.create(low.h5p.DATASET_CREATE)
    at_once.set_layout(low.h5d.CONTIGUOUS)
    at_once.set_alloc_time(low.h5d.ALLOC_TIME_EARLY)
    at_once.set_fill_time(low.h5d.FILL_TIME_NEVER)
    at_once.set_obj_track_times(False)  # else the same data do not give the same bytes
    types: dict[str, Any] = {}

    def create(group: Any, name: str, room: Room) -> int:
        if room.dtype not in types:
            types[room.dtype] = low.h5t.py_create(np.dtype(room.dtype), logical=True)
        space = low.h5s.create_simple(room.shape) if room.shape else low.h5s.create(low.h5s.SCALAR)
        made = low.h5d.create(group, name.encode(), types[room.dtype], space, dcpl=at_once)
        return int(made.get_offset())

    return create


class _Writer:
    """Puts arrays at their places."""

    def __init__(
        self, path: Path, places: Mapping[str, tuple[int, Room]], hashes: GrowingHashes | None
    ) -> None:
        """Open a file whose structure is there."""
        self._path = path
        self._hashes = hashes
        self._places = dict(places)
        self._file = path.open("r+b", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
        self._offsets = sorted((offset, name) for name, (offset, _) in places.items())
        self._next = 0

    def put(self, group: str, arrays: Mapping[str, Any]) -> None:
        """See :data:`Put`."""
        for name, given in arrays.items():
            full = f"{group}/{name}"
            offset, room = self._places.pop(full)
            self._file.seek(offset)
            self._write(full, room, given if isinstance(given, Iterator) else (given,))
        while self._next < len(self._offsets) and self._offsets[self._next][1] not in self._places:
            self._next += 1
        if self._hashes is not None:
            every = self._next == len(self._offsets)
            self._hashes.final(self._path, self._size if every else self._offsets[self._next][0])

    def check_all_is_there(self) -> None:
        """Raise if an array was not put."""
        if self._places:
            raise ValueError(f"{self._path}: expected {min(self._places)}, which was never written")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, full: str, room: Room, pieces: Iterable[Any]) -> None:
        """Write the pieces of an array one after the other, which fill its room."""
        written = 0
        for piece in pieces:
            values = np.asarray(piece)
            if values.dtype.str != room.dtype or values.shape[1:] != room.shape[1:]:
                got = f"{values.dtype.str} {values.shape}"
                raise ValueError(f"{self._path}: {full}: expected rows of {room}, got {got}")
            written += write_all(self._file, values)
        if written != room.num_bytes:
            raise ValueError(
                f"{self._path}: {full}: expected {room.num_bytes:,} bytes, got {written:,}"
            )
