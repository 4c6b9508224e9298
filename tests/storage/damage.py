"""Damaging files so that only one check is left to notice it."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vd4rl_data.storage.format import read_header, write_header

Extents = Sequence[tuple[int, int]]


def flip(path: Path, offset: int, mask: int = 0xFF) -> None:
    """Invert bits of one byte."""
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


def reseal(path: Path, layout: str, extents: Extents) -> None:
    """Give a changed file a user block that says that this is how it was written."""
    write_header(path, layout, extents)


def rewrite(path: Path, change: Callable[[Any], None], extents: Extents | None = None) -> None:
    """Change a file through HDF5 and seal it again, with true extents unless others are given."""
    layout = read_header(path).layout
    with h5py.File(path, "r+") as file:
        change(file)
        found: list[tuple[int, int]] = []
        if layout == "flat":
            file.visititems(lambda name, thing: found.extend(_extent(name, thing)))
    reseal(path, layout, found if extents is None else extents)


def replace(file: Any, key: str, **settings: Any) -> None:
    """Put another array in the place of one; its attributes and (unless told) its layout stay."""
    attributes = dict(file[key].attrs)
    shape = np.shape(settings.get("data"))
    if file[key].chunks is not None and shape and "chunks" not in settings:
        settings["chunks"] = shape
    del file[key]
    array = file.create_dataset(key, **settings)
    array.attrs.update(attributes)


def header_with(path: Path, **changes: Any) -> None:
    """Change the JSON of the user block, with the right checksum."""
    with path.open("r+b") as file:
        block = file.read(4096)
        (length,) = struct.unpack_from("<I", block, 8)
        fields = {**json.loads(block[16 : 16 + length]), **changes}
        kept = {name: value for name, value in fields.items() if value is not None}
        raw_header(path, json.dumps(kept, sort_keys=True, separators=(",", ":")).encode())


def raw_header(path: Path, text: bytes) -> None:
    """Write any bytes as the JSON of the user block, with the right checksum."""
    with path.open("r+b") as file:
        magic = file.read(8)
        block = magic + struct.pack("<II", len(text), zlib.crc32(text)) + text
        file.seek(0)
        file.write(block.ljust(4096, b"\0"))


def _extent(name: str, thing: Any) -> list[tuple[int, int]]:
    if name.startswith("episode_") or not isinstance(thing, h5py.Dataset):
        return []
    offset, size = thing.id.get_offset(), thing.id.get_storage_size()
    return [] if offset is None or not size else [(offset, size)]
