"""What the reading process sends arrives as it was read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.evil import WITH_INFOS
from vd4rl_data.formats import Expected, Piece, ReadEpisode, Rows, Sandbox, format_of
from vd4rl_data.spec import DatasetSpec


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_arrays_survive_the_pipe(kind: str, kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """What comes through the process is what is read in this one, and is writable."""
    if kind == "npz":
        path = kit.write_npz(tmp_path / "a.npz", kit.recorded(5))
    else:
        path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([5, 6]), 0, 15)
    chosen, expected = format_of([path.name]), Expected.of(spec)
    with Sandbox(chosen) as reading:
        through = list(reading.read(path, expected))
    direct = list(chosen.read(path, expected))
    assert [type(item) for item in through] == [type(item) for item in direct]
    for here, there in zip(map(_values, direct), map(_values, through), strict=True):
        assert here.keys() == there.keys()
        for name, value in here.items():
            if isinstance(value, np.ndarray):
                assert there[name].flags.writeable
                np.testing.assert_array_equal(there[name], value, strict=True)
            else:
                assert there[name] == value


def test_any_infos_survive_the_pipe(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """Also such as no format of ours has."""
    (tmp_path / "good.hdf5").write_bytes(b"")
    with Sandbox(WITH_INFOS) as reading:
        (found,) = reading.read(tmp_path / "good.hdf5", Expected.of(spec))
    assert isinstance(found, ReadEpisode)
    (direct,) = WITH_INFOS.read(tmp_path / "good.hdf5", Expected.of(spec))
    assert isinstance(direct, ReadEpisode)
    assert found.episode.infos.keys() == direct.episode.infos.keys()
    for name, values in direct.episode.infos.items():
        np.testing.assert_array_equal(found.episode.infos[name], values)
        assert found.episode.infos[name].dtype == values.dtype.newbyteorder("<")


def _values(item: ReadEpisode | Piece) -> dict[str, Any]:
    """Everything that was read."""
    if isinstance(item, Piece):
        rows = {field.name: getattr(item.rows, field.name) for field in dataclasses.fields(Rows)}
        return {**rows, "rest": (item.start, item.is_first, item.is_last, item.repairs)}
    episode = item.episode
    names = ("observations", "actions", "rewards", "discounts", "terminated", "truncated")
    arrays = {name: getattr(episode, name) for name in names}
    return {**arrays, **episode.infos, "rest": (item.source, item.place, item.repairs)}
