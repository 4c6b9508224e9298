"""Episodes → one dataset file, in one pass, atomically."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.arguments import check_absent
from vd4rl_data.episode import NO_PIXELS, Episode, validate
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import sidecar
from vd4rl_data.storage.atomic import (
    OutputFile,
    atomic_path,
    check_free_space,
    uninterrupted,
    write_lock,
)
from vd4rl_data.storage.format import (
    FORMAT_NAME,
    FORMAT_VERSION,
    LAYOUTS,
    PIXELS,
    STATES_LAYOUT,
    USER_BLOCK,
    info_key,
    write_header,
)
from vd4rl_data.storage.hashing import ContentHasher
from vd4rl_data.storage.manifest import Manifest, Provenance, make_manifest
from vd4rl_data.storage.rows import (
    Column,
    check_same_columns,
    columns_of,
    episode_rows,
    row_starts,
)

Progress = Callable[[int], None]
"""Called after each episode with the number of episodes written so far."""

COMPRESSION_LEVEL: Final = 6
_CHUNK_BYTES: Final = 1 << 19
_PAGE: Final = 4096
_FILE_SETTINGS: Final[dict[str, Any]] = {
    "libver": ("v110", "v110"),
    "userblock_size": USER_BLOCK,
    "alignment_threshold": _PAGE,
    "alignment_interval": _PAGE,
    "rdcc_nbytes": 1 << 22,
}


class FileWriter:
    """One HDF5 file being written: create the arrays at full size, append episodes, close.

    The file is not a dataset file until :meth:`close` has filled its user block.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        lengths: Sequence[int],
        layout: str,
        *,
        compression_level: int = COMPRESSION_LEVEL,
    ) -> None:
        """Create the file with room for ``sum(lengths) + len(lengths)`` rows.

        Raises:
            DatasetFormatError: the layout is unknown.
        """
        import h5py

        if layout not in LAYOUTS:
            raise DatasetFormatError(
                f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}"
            )
        self._path = path
        self._layout = layout
        self._starts = row_starts(lengths)
        self._checksums = np.zeros(len(lengths), dtype=np.uint32)
        self._written = 0
        self._arrays: dict[str, Any] = {}
        self._output = OutputFile(path)
        self._file: Any = None
        try:
            with uninterrupted():
                self._file = h5py.File(self._output, "w", **_FILE_SETTINGS)
                for column in columns:
                    self._arrays[column.key] = self._create(column, compression_level)
        except BaseException:
            self.abort()
            raise

    def append(self, rows: Mapping[str, NDArray[Any]], checksum: int) -> None:
        """Write the rows of the next episode; ``checksum`` is their CRC-32.

        Raises:
            OSError: the disk is full, or failed.
        """
        start, stop = self._starts[self._written], self._starts[self._written + 1]
        with uninterrupted():
            for key, values in rows.items():
                self._arrays[key][start:stop] = values
        self._output.check()
        self._checksums[self._written] = checksum
        self._written += 1

    def close(self, attributes: Mapping[str, str | int]) -> None:
        """Store the attributes and the index, close the HDF5 file and fill the user block.

        Raises:
            OSError: the disk is full, or failed.
        """
        constants = {"format": FORMAT_NAME, "version": FORMAT_VERSION, "layout": self._layout}
        with uninterrupted():
            self._file.create_dataset("episode_starts", data=self._starts, dtype="<i8")
            self._file.create_dataset("episode_crc32", data=self._checksums, dtype="<u4")
            for name, value in {**constants, **attributes}.items():
                self._file.attrs[name] = value
            extents = self._extents()
        self.abort()
        self._output.check()
        write_header(self._path, self._layout, extents)

    def abort(self) -> None:
        """Close the file without finishing it."""
        with uninterrupted():
            if self._file is not None:
                self._file.close()
            self._output.close()

    def _create(self, column: Column, compression_level: int) -> Any:
        rows = int(self._starts[-1])
        if self._layout == "flat":
            return _create_flat(self._file, column, rows)
        return _create_packed(self._file, column, rows, compression_level)

    def _extents(self) -> list[tuple[int, int]]:
        if self._layout != "flat":
            return []
        return [
            (array.id.get_offset(), array.id.get_storage_size()) for array in self._arrays.values()
        ]


def write_dataset(
    path: Path,
    spec: DatasetSpec,
    episodes: Iterable[Episode],
    lengths: Sequence[int],
    provenance: Provenance,
    *,
    layout: str = "flat",
    replace: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write a dataset file and its sidecar; memory holds one episode at a time.

    Args:
        path: the file to write.
        spec: the catalog row that the episodes belong to.
        episodes: the episodes, in order; read exactly once.
        lengths: transitions of each episode; needed first, to create the arrays at full size.
        provenance: how the episodes were made.
        layout: ``flat`` (for training), ``packed`` (one shard, for transport) or ``states`` (the
            episodes have no pixels).
        replace: replace an existing file, once the new one is whole.
        progress: called after each episode.

    Returns:
        The manifest that was stored.

    Raises:
        OutputExistsError: the file exists, and ``replace`` is false.
        InvalidEpisodeError: an episode breaks an invariant, or its arrays differ from the others'.
        DatasetFormatError: the number or lengths of the episodes do not match ``lengths``.
        DatasetLockedError: another process is writing the same file.
        NoSpaceError: the disk has too little free space. No error leaves a half-written file.
    """
    with write_lock(path):
        check_absent([path], replace=replace)
        with sidecar.replaced(path) as record, atomic_path(path) as temporary:
            manifest = _write(
                temporary, path, spec, episodes, lengths, provenance, layout, progress
            )
            record(manifest, [temporary], [path.name])
    return manifest


def _write(
    temporary: Path,
    path: Path,
    spec: DatasetSpec,
    episodes: Iterable[Episode],
    lengths: Sequence[int],
    provenance: Provenance,
    layout: str,
    progress: Progress | None,
) -> Manifest:
    writer: FileWriter | None = None
    columns: tuple[Column, ...] = ()
    hasher = ContentHasher()
    returns: list[float] = []
    size = NO_PIXELS if layout == STATES_LAYOUT else spec.size
    try:
        for number, episode in enumerate(episodes):
            where = f"{path}: episode {number}"
            validate(episode, where, size=size, action_size=spec.task.action_size)
            _check_announced(where, number, len(episode), lengths)
            if writer is None:
                columns = columns_of(episode)
                check_free_space(path, _least_bytes(columns, lengths, layout))
                writer = FileWriter(temporary, columns, lengths, layout)
            check_same_columns(where, columns, columns_of(episode))
            rows = episode_rows(episode)
            writer.append(rows, hasher.update(rows))
            returns.append(episode.episode_return)
            if progress is not None:
                progress(number + 1)
        if writer is None or len(returns) != len(lengths):
            raise DatasetFormatError(
                f"{path}: expected {len(lengths)} episodes (at least one), got {len(returns)}"
            )
        manifest = make_manifest(
            spec,
            returns,
            lengths,
            provenance,
            hasher.content_sha256(row_starts(lengths)),
            tells_frames={PIXELS, info_key("physics_state")} <= {each.key for each in columns},
        )
        writer.close(shard_attributes(manifest, 0, 1, 0))
    except BaseException:
        if writer is not None:
            writer.abort()
        raise
    return manifest


def shard_attributes(
    manifest: Manifest, shard: int, num_shards: int, first_episode: int
) -> dict[str, str | int]:
    """The root attributes of one file of a dataset."""
    return {
        "dataset_id": manifest.dataset_id,
        "manifest": manifest.to_json(),
        "shard": shard,
        "num_shards": num_shards,
        "first_episode": first_episode,
    }


def _check_announced(where: str, number: int, length: int, lengths: Sequence[int]) -> None:
    if number >= len(lengths) or length != lengths[number]:
        announced = f"{lengths[number]} transitions" if number < len(lengths) else "no such episode"
        raise DatasetFormatError(f"{where}: expected {announced}, got {length} transitions")


def _least_bytes(columns: Sequence[Column], lengths: Sequence[int], layout: str) -> int:
    """Bytes that a flat file takes; 0 for others, whose size is not known beforehand."""
    if layout != "flat":
        return 0
    rows = sum(lengths) + len(lengths)
    return USER_BLOCK + rows * sum(column.row_bytes for column in columns)


def _create_flat(file: Any, column: Column, rows: int) -> Any:
    """A contiguous array, allocated at once and not filled: it can be mapped by its offset."""
    import h5py

    low_level = cast("Any", h5py)
    settings = low_level.h5p.create(low_level.h5p.DATASET_CREATE)
    settings.set_layout(low_level.h5d.CONTIGUOUS)
    settings.set_alloc_time(low_level.h5d.ALLOC_TIME_EARLY)
    settings.set_fill_time(low_level.h5d.FILL_TIME_NEVER)
    settings.set_obj_track_times(False)
    group, _, name = column.key.rpartition("/")
    parent = file.require_group(group) if group else file
    identifier = low_level.h5d.create(
        parent.id,
        name.encode(),
        low_level.h5t.py_create(np.dtype(column.dtype), logical=True),
        low_level.h5s.create_simple((rows, *column.row_shape)),
        settings,
    )
    array = low_level.Dataset(identifier)
    array.attrs["rows"] = column.kind
    return array


def _create_packed(file: Any, column: Column, rows: int, compression_level: int) -> Any:
    """A chunked array, deflated and checksummed; numbers are byte-shuffled first."""
    chunk_rows = max(1, min(rows, _CHUNK_BYTES // max(1, column.row_bytes)))
    array = file.create_dataset(
        column.key,
        shape=(rows, *column.row_shape),
        dtype=column.dtype,
        chunks=(chunk_rows, *column.row_shape),
        compression="gzip",
        compression_opts=compression_level,
        shuffle=np.dtype(column.dtype).itemsize > 1,
        fletcher32=True,
    )
    array.attrs["rows"] = column.kind
    return array
