"""One file → its arrays, after every check that does not need to read pixels."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import check_values
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, InvalidEpisodeError, Vd4rlError
from vd4rl_data.storage.format import (
    FORMAT_NAME,
    INFO_GROUP,
    LAYOUT_KEYS,
    ROW_DTYPES,
    ROW_KEYS,
    Header,
    info_key,
    read_header,
)
from vd4rl_data.storage.rows import MOST_INFOS, ROW_KINDS

_ATTRIBUTES: Final = (
    "format",
    "version",
    "layout",
    "dataset_id",
    "manifest",
    "shard",
    "num_shards",
    "first_episode",
    "note",
)
_INDEX_DTYPES: Final = {"episode_starts": "int64", "episode_crc32": "uint32"}
_ROW_NDIM: Final = {"observations": 4, "actions": 2}
_MOST_EXPANSION: Final = 1032
"""Deflate never shrinks data by more than this factor: a larger array was never written."""

_BROKEN_HDF5: Final = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)
"""What h5py raises, depending on where the damage is."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One opened file.

    Attributes:
        path: the file.
        header: its user block.
        attributes: its root attributes.
        arrays: key → array of N rows: mapped (flat) or an HDF5 dataset.
        kinds: infos key → what its rows belong to.
        starts: int64 (E+1,), first row of each episode.
        checksums: uint32 (E,), CRC-32 of each episode's rows.
    """

    path: Path
    header: Header
    attributes: Mapping[str, Any]
    arrays: Mapping[str, Any]
    kinds: Mapping[str, str]
    starts: NDArray[np.int64]
    checksums: NDArray[np.uint32]

    def rows(self, episode: int) -> dict[str, NDArray[Any]]:
        """All rows of one episode of this file, by number within the file."""
        start, stop = int(self.starts[episode]), int(self.starts[episode + 1])
        with decode_errors(self.path):
            return {key: array[start:stop] for key, array in self.arrays.items()}

    def close(self) -> None:
        """Close the HDF5 file of a compressed shard; a mapping lives as long as its arrays."""
        if self.header.layout != "flat":
            self.arrays["actions"].file.close()


def open_arrays(path: Path) -> Shard:
    """Open one file and check its structure and the values of its small arrays.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: truncated or altered.
        DatasetFormatError: not a dataset file of this version, its arrays do not fit together, or
            a reward, action or discount is out of range.
    """
    import h5py

    header = read_header(path)
    with decode_errors(path):
        file: Any = h5py.File(path, "r", locking=False)
        try:
            shard = _read_structure(path, header, file)
            _check_rows(shard)
            _check_flags(shard)
            _check_values(shard)
        except BaseException:
            file.close()
            raise
        if header.layout == "flat":
            file.close()
    return shard


@contextmanager
def decode_errors(path: Path) -> Generator[None]:
    """Turn h5py's errors about unreadable bytes into :class:`CorruptFileError`.

    An error with an ``errno`` comes from the operating system (too many open files, no permission):
    the file may be intact, so the error is passed on unchanged.
    """
    try:
        yield
    except Vd4rlError:
        raise
    except _BROKEN_HDF5 as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptFileError(
            f"{path}: HDF5 cannot read it: {error}; delete the file and fetch or make it again"
        ) from error


def _read_structure(path: Path, header: Header, file: Any) -> Shard:
    attributes = {name: file.attrs[name] for name in _ATTRIBUTES if name in file.attrs}
    _check_attributes(path, header, attributes)
    index = {key: _dataset(path, header, file, key) for key in _INDEX_DTYPES}
    for key, dtype in _INDEX_DTYPES.items():
        _check_kind(path, key, index[key], dtype, 1)
    datasets = {key: _dataset(path, header, file, key) for key in LAYOUT_KEYS[header.layout]}
    infos = _info_group(path, file)
    for name in sorted(infos):
        datasets[info_key(name)] = _dataset(path, header, infos, info_key(name))
    kinds = {key: str(datasets[key].attrs["rows"]) for key in datasets}
    for key, dataset in datasets.items():
        if kinds[key] not in ROW_KINDS:
            _fail(path, key, f"rows to be one of {', '.join(ROW_KINDS)}", repr(kinds[key]))
        _check_kind(path, key, dataset, ROW_DTYPES.get(key), _ROW_NDIM.get(key, 1))
    flat = header.layout == "flat"
    return Shard(
        path=path,
        header=header,
        attributes=attributes,
        arrays=_map_arrays(path, header, datasets) if flat else datasets,
        kinds={key: kind for key, kind in kinds.items() if key not in ROW_KEYS},
        starts=index["episode_starts"][:],
        checksums=index["episode_crc32"][:],
    )


def _check_attributes(path: Path, header: Header, attributes: Mapping[str, Any]) -> None:
    expected = {"format": FORMAT_NAME, "version": header.version, "layout": header.layout}
    for name, value in expected.items():
        if attributes[name] != value:
            _fail(path, name, f"{value}", f"{attributes[name]}")


def _info_group(path: Path, file: Any) -> Any:
    """The group of the infos; empty if there is none."""
    import h5py

    link = file.get(INFO_GROUP, getlink=True)
    if link is None:
        return {}
    if not isinstance(link, h5py.HardLink) or not isinstance(file[INFO_GROUP], h5py.Group):
        _fail(path, INFO_GROUP, "a group in this file", f"{link}")
    if len(file[INFO_GROUP]) > MOST_INFOS:
        _fail(path, INFO_GROUP, f"at most {MOST_INFOS} arrays", f"{len(file[INFO_GROUP])}")
    return file[INFO_GROUP]


def _dataset(path: Path, header: Header, group: Any, key: str) -> Any:
    """An array, which must be stored in this file, as a whole and as its layout requires."""
    import h5py

    name = key.removeprefix(f"{INFO_GROUP}/")
    link = group.get(name, getlink=True)
    if link is None:
        _fail(path, key, "an array of this name", "none")
    dataset: Any = group[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        _fail(path, key, "an array in this file", f"{dataset or link}")
    if dataset.is_virtual or dataset.external is not None:
        _fail(path, key, "an array in this file", "an array stored in other files")
    if dataset.nbytes > _MOST_EXPANSION * header.file_size:
        raise CorruptFileError(
            f"{path}: {key}: {dataset.nbytes:,} bytes cannot fit into a file of "
            f"{header.file_size:,}"
        )
    _check_stored(path, header, key, dataset)
    return dataset


def _check_stored(path: Path, header: Header, key: str, dataset: Any) -> None:
    """Check that the file holds every byte of an array: HDF5 would read missing ones as zeros."""
    packed = header.layout != "flat" and key not in _INDEX_DTYPES
    if (dataset.chunks is not None) != packed:
        how = "chunked" if packed else "contiguous"
        _fail(path, key, f"a {how} array", f"chunks {dataset.chunks}")
    if not packed:
        stored, declared = dataset.id.get_storage_size(), dataset.nbytes
    else:
        height, *row = dataset.chunks
        if tuple(row) != dataset.shape[1:] or height > len(dataset):
            _fail(path, key, f"chunks of whole rows of {dataset.shape}", f"{dataset.chunks}")
        stored, declared = dataset.id.get_num_chunks(), -(-len(dataset) // height)
    if stored != declared:
        unit = "chunks" if packed else "bytes"
        raise CorruptFileError(f"{path}: {key}: expected {declared:,} {unit}, got {stored:,}")


def _check_kind(path: Path, key: str, dataset: Any, dtype: str | None, ndim: int) -> None:
    """Check dtype and number of dimensions; ``None`` allows any numbers and shape, for infos."""
    if dtype is None:
        fits = dataset.dtype.kind in "biuf" and dataset.dtype == dataset.dtype.newbyteorder("<")
        if not fits or not dataset.ndim:
            _fail(path, key, "rows of little-endian numbers", f"{dataset.dtype} {dataset.shape}")
        return
    if dataset.dtype != dtype:
        _fail(path, key, f"dtype {dtype}", f"{dataset.dtype}")
    if dataset.ndim != ndim or (ndim == 4 and dataset.shape[3] != 3):
        shape = {1: "(N,)", 2: "(N, A)", 4: "(N, H, W, 3)"}[ndim]
        _fail(path, key, f"shape {shape}", f"{dataset.shape}")


def _map_arrays(path: Path, header: Header, datasets: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read-only views of one mapping of the file; ``numpy.memmap`` lets pickling find the file."""
    mapping = np.memmap(path, np.uint8, "r")
    places = {key: (dataset.id.get_offset(), dataset.nbytes) for key, dataset in datasets.items()}
    if sorted(places.values()) != list(header.extents):
        _fail(path, "extents", f"{list(header.extents)}, as the header says", f"{places}")
    arrays: dict[str, NDArray[Any]] = {}
    for key, dataset in datasets.items():
        start, count = places[key]
        block = mapping[start : start + count].view(dataset.dtype).reshape(dataset.shape)
        arrays[key] = block.view(np.ndarray)
    return arrays


def _check_rows(shard: Shard) -> None:
    """Check that episode boundaries increase, and that every array has the rows they imply."""
    path, starts = shard.path, shard.starts
    if len(starts) < 2 or starts[0] != 0 or (np.diff(starts) < 2).any():
        _fail(path, "episode_starts", "0 and then rows at least 2 apart", f"{starts[:8]}...")
    if len(shard.checksums) != len(starts) - 1:
        _fail(path, "episode_crc32", f"{len(starts) - 1} rows", f"{len(shard.checksums)}")
    for key, array in shard.arrays.items():
        if len(array) != starts[-1]:
            _fail(path, key, f"{starts[-1]} rows", f"{len(array)}")


def _check_flags(shard: Shard) -> None:
    last = shard.starts[1:] - 1
    timeouts = np.zeros(int(shard.starts[-1]), dtype=np.bool_)
    timeouts[last] = True
    if not np.array_equal(shard.arrays["timeouts"][:], timeouts):
        _fail(shard.path, "timeouts", "true at each episode's last row alone", "others")
    stray = np.setdiff1d(np.flatnonzero(shard.arrays["terminals"][:]), last - 1)
    if stray.size:
        _fail(
            shard.path, "terminals", "true at an episode's last transition alone", f"row {stray[0]}"
        )


def _check_values(shard: Shard) -> None:
    actions, rewards, discounts = (
        shard.arrays[key][:] for key in ("actions", "rewards", "discounts")
    )
    try:
        check_values(str(shard.path), actions, rewards, discounts)
    except InvalidEpisodeError as error:
        raise DatasetFormatError(str(error)) from error


def _fail(path: Path, key: str, expected: str, got: str) -> NoReturn:
    raise DatasetFormatError(f"{path}: {key}: expected {expected}, got {got}")
