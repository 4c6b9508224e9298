"""HDF5 files that are written once, array after array, on a disk that may be full."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vd4rl_data.storage.atomic import OutputFile, uninterrupted

Put = Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]
"""Called with a group (``""`` for the root), its arrays by name, and its attributes."""


@contextmanager
def hdf5_file(path: Path) -> Generator[Put]:
    """A new file, and what writes into it; arrays lie in one piece each.

    Raises:
        OSError: the disk is full.
    """
    import h5py

    output = OutputFile(path)
    try:
        with uninterrupted():
            file: Any = h5py.File(output, "w", libver=("earliest", "v110"))

        def put(group: str, arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
            with uninterrupted():
                place = file.require_group(group) if group else file
                for name, values in arrays.items():
                    place[name] = values
                place.attrs.update(attributes)
            output.check()

        try:
            yield put
        finally:
            with uninterrupted():
                file.close()
        output.check()
    finally:
        output.close()
