"""The same content gives the same bytes, whatever the clock says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage import tiny
from vd4rl_data.formats import export_dataset
from vd4rl_data.storage import PartStore, pack


def _export(folder: Path, kind: str) -> None:
    export_dataset(tiny.episodes_of(), folder, kind)


def _pack(folder: Path) -> None:
    tiny.write(folder / "tiny.h5")
    pack(folder / "tiny.h5", shard_raw_bytes=1)


def _part(folder: Path) -> None:
    PartStore(folder, {}).write(0, tiny.episodes_of()[0])


WRITERS: dict[str, Callable[[Path], object]] = {
    "flat": lambda folder: tiny.write(folder / "tiny.h5"),
    "packed": lambda folder: tiny.write(folder / "tiny.h5", layout="packed"),
    "shards": _pack,
    "part": _part,
    "npz": lambda folder: _export(folder, "vd4rl-npz"),
    "hdf5": lambda folder: _export(folder, "vd4rl-hdf5"),
}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Everything written in one second, and again in another; HDF5 counts time in seconds."""
    folders = tmp_path_factory.mktemp("now"), tmp_path_factory.mktemp("later")
    for folder in folders:
        for name, write in WRITERS.items():
            write(folder / name)
        time.sleep(2.1)
    return folders


@pytest.mark.parametrize("name", WRITERS)
def test_bytes_do_not_depend_on_the_second(name: str, twice: tuple[Path, Path]) -> None:
    now, later = (tiny.files_of(folder / name) for folder in twice)
    assert now
    assert now == later
