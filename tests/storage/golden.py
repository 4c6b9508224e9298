"""The golden dataset of format version 1: how it is made, and how a file is written out as text.

``python -m tests.storage.golden`` writes the golden files anew. That is right only for a new
version of the format: files of version 1 are in other people's hands.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from tests.storage import tiny
from vd4rl_data.storage.naming import sidecar_path

FOLDER: Final = Path(__file__).with_name("golden")
FLAT: Final = FOLDER / "v1.h5"
PACKED: Final = FOLDER / "v1.packed-00000-of-00001.h5"
CONTENT_SHA256: Final = "8a1afffd067f17cb37ef87306ff15ee3773b5353d8b18b8c9a5889264728a71e"
MADE_WITH: Final = {"h5py": "3.16.0", "HDF5": "2.0.0", "system": "Linux x86_64"}
FILE_SHA256: Final = {
    "flat": "8104a25c0033c3966dc1365aa3e6ec1272f735e05620825ff31a1912dcf5b519",
    "packed": "ba3a79b16c135db354bf71de288abc6c3a211f8accd3966a85bb27755e9d0b42",
}


def write_all(folder: Path) -> None:
    """Write both layouts of the golden dataset, without their sidecars, and the text of both."""
    for path, layout in ((FLAT, "flat"), (PACKED, "packed")):
        target = folder / path.name
        tiny.write(target, layout=layout)
        target.with_suffix(".txt").write_text(dump(target), encoding="utf-8")
        sidecar_path(target).unlink()


def dump(path: Path) -> str:
    """Everything that a file says, as readable text; read with h5py alone, none of our own code."""
    return "\n".join(_lines(path)) + "\n"


def _lines(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    block, superblock = content[:4096], content[4096 + 8]
    length, _ = struct.unpack_from("<II", block, 8)
    yield f"user block: magic {block[:8].hex()}"
    fields = json.loads(block[16 : 16 + length])
    for name in sorted(set(fields) - {"file_size", "structure_sha256", "extents"}):
        yield f"user block: {name} = {fields[name]!r}"
    yield f"user block: {len(fields['extents'])} extents"
    with h5py.File(path, "r") as file:
        yield f"HDF5 from byte {file.userblock_size}, superblock version {superblock}"
        yield from _attributes("/", file)
        names: list[str] = []
        file.visit(names.append)
        for name in sorted(names):
            yield from _object(name, file[name])


def _attributes(name: str, thing: Any) -> Iterator[str]:
    for key in sorted(thing.attrs):
        kind = thing.attrs.get_id(key).dtype
        yield f"{name} @{key} ({kind}) = {thing.attrs[key]}"


def _object(name: str, thing: Any) -> Iterator[str]:
    if isinstance(thing, h5py.Group):
        yield f"{name}/ group"
        return
    how = "contiguous" if thing.chunks is None else f"chunks {thing.chunks}, {_filters(thing)}"
    yield f"{name}: {thing.dtype.str} {thing.shape}, {how}"
    yield from _attributes(name, thing)
    for row, value in enumerate(thing[:]):
        text = value.tobytes().hex() if thing.ndim == 4 else str(np.asarray(value).tolist())
        yield f"{name}[{row}] = {text}"


def _filters(thing: Any) -> str:
    pipeline = thing.id.get_create_plist()
    found = [pipeline.get_filter(number) for number in range(pipeline.get_nfilters())]
    return ", ".join(f"{name.decode()} {values}" for _, _, values, name in found)


if __name__ == "__main__":
    tiny.register()
    write_all(FOLDER)
