"""Safe reading of foreign HDF5 files: what every reader of them checks before it reads an array."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from vd4rl_data.errors import CorruptFileError, Vd4rlError
from vd4rl_data.formats.checks import fail

_BROKEN_HDF5: Final = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError)


@contextmanager
def broken_hdf5(name: str) -> Generator[None, None, None]:
    """Turn what HDF5 raises about damaged bytes into a :class:`CorruptFileError`."""
    try:
        yield
    except Vd4rlError:
        raise
    except _BROKEN_HDF5 as error:
        raise CorruptFileError(
            f"{name}: expected an intact HDF5 file, got {type(error).__name__}: {error}; "
            "download the file again"
        ) from error


def array_in(where: str, group: Any, key: str, keys: Sequence[str]) -> Any:
    """The dataset ``key`` of a file or group, which must hold its numbers in this very file.

    Args:
        where: named in messages.
        group: where it lies.
        key: its name.
        keys: the names that are expected there, for the message.

    Raises:
        DatasetFormatError: it is not there, no array, or stored elsewhere.
    """
    import h5py

    link = group.get(key, getlink=True)
    if link is None:
        fail(where, key, f"the keys {', '.join(keys)}", f"{sorted(group)}")
    if not isinstance(link, h5py.HardLink):
        fail(
            where, key, "an array in this file", f"{type(link).__name__}, which may point elsewhere"
        )
    dataset: Any = group[key]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        fail(where, key, "an array", f"{dataset}")
    if dataset.is_virtual or dataset.external is not None:
        fail(where, key, "an array in this file", "an array stored in other files")
    return dataset


def check_stored(where: str, dataset: Any) -> None:
    """Every chunk that the header declares must exist: HDF5 reads a missing one as zeros.

    Raises:
        CorruptFileError: one does not.
    """
    if dataset.chunks is None:
        stored, declared, unit = dataset.id.get_storage_size(), dataset.nbytes, "bytes"
    else:
        grid = zip(dataset.shape, dataset.chunks, strict=True)
        declared = math.prod(-(-length // chunk) for length, chunk in grid)
        stored, unit = dataset.id.get_num_chunks(), "chunks"
    if stored < declared:
        raise CorruptFileError(
            f"{where}: the header declares {declared:,} {unit}, the file holds {stored:,}; "
            "it was not written to its end"
        )
