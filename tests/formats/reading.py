"""Files read in this process, as the reading process does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vd4rl_data.formats import Expected, Format, Piece, ReadEpisode, find_format
from vd4rl_data.formats.join import joined
from vd4rl_data.spec import DatasetSpec

NPZ = find_format("vd4rl-npz")
HDF5 = find_format("vd4rl-hdf5")


def read_here(kind: Format, paths: Sequence[Path], spec: DatasetSpec) -> Iterator[ReadEpisode]:
    """The episodes of some files, in the format's order."""
    expected = Expected.of(spec)

    def items() -> Iterator[tuple[str, ReadEpisode | Piece]]:
        for path in sorted(paths, key=lambda path: kind.order(path.name)):
            for item in kind.read(path, expected):
                if isinstance(item, ReadEpisode):
                    item.check(expected)
                yield path.name, item

    return joined(kind, items(), expected)


def read_shards(paths: Sequence[Path], spec: DatasetSpec) -> Iterator[ReadEpisode]:
    """The episodes of some shards."""
    return read_here(HDF5, paths, spec)


def read_episode(path: Path, spec: DatasetSpec) -> ReadEpisode:
    """The one episode of an archive."""
    (found,) = read_here(NPZ, [path], spec)
    return found
