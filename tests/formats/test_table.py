"""The table of formats: found by name and by what files are called, added to, and refused."""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from tests.formats.reading import HDF5, NPZ
from vd4rl_data.errors import DatasetFormatError, InvalidPluginError, UnknownFormatError
from vd4rl_data.formats import (
    FORMATS,
    Format,
    export_dataset,
    find_format,
    format_names,
    format_of,
    formats_of,
    known_formats,
    register_format,
    scan_folder,
    table,
)

MINE = dataclasses.replace(NPZ, name="mine", suffixes=(".mine", ".mine.gz"))


@pytest.fixture(autouse=True)
def own_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test adds is gone after it."""
    before = dict(FORMATS)
    monkeypatch.setattr(table, "_add_plugins", functools.cache(table._add_plugins.__wrapped__))
    yield
    FORMATS.clear()
    FORMATS.update(before)


def test_names_and_records() -> None:
    assert format_names()[:2] == ("vd4rl-npz", "vd4rl-hdf5")
    assert [each.name for each in known_formats()] == list(format_names())
    assert find_format("vd4rl-npz") is NPZ
    assert find_format(HDF5) is HDF5
    with pytest.raises(UnknownFormatError, match=r"'vd4rl-zip'.* Did you mean 'vd4rl-npz'\? Known"):
        find_format("vd4rl-zip")


def test_registered_formats_are_found_by_their_names_and_those_of_their_files() -> None:
    assert register_format(MINE) is MINE
    assert register_format(MINE) is MINE
    assert find_format("mine") is MINE
    assert format_of(["a.mine", "b.mine.gz"]) is MINE
    with pytest.raises(ValueError, match="format 'mine' is already registered with other settings"):
        register_format(dataclasses.replace(MINE, about="another"))
    with pytest.raises(ValueError, match="format 'vd4rl-npz' is already registered"):
        register_format(dataclasses.replace(NPZ, about="another"))


def test_files_of_one_format() -> None:
    assert formats_of(["1.hdf5", "x.txt", "a.npz", "0.hdf5"]) == {
        HDF5: ["1.hdf5", "0.hdf5"],
        NPZ: ["a.npz"],
    }
    assert format_of(["1.hdf5", "0.hdf5"]) is HDF5
    for names in (["a.npz", "0.hdf5"], ["a.npz", "readme.txt"], ["x.zip"], []):
        with pytest.raises(DatasetFormatError, match=r"files of one kind \(\.npz or \.hdf5"):
            format_of(names)


def test_a_format_whose_files_are_called_like_ours_is_taken_when_it_is_named(
    tmp_path: Path,
) -> None:
    twin = register_format(dataclasses.replace(NPZ, name="twin"))
    (tmp_path / "a.npz").touch()
    assert scan_folder(tmp_path).format is NPZ
    assert scan_folder(tmp_path).format_if_not_told is None
    listing = scan_folder(tmp_path, "twin")
    assert (listing.format, listing.format_if_not_told) == (twin, "twin")
    assert scan_folder(tmp_path, "vd4rl-npz").format_if_not_told is None


def test_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("my_lab")
    module.FORMAT, module.other = MINE, 3
    monkeypatch.setitem(sys.modules, "my_lab", module)
    found: list[EntryPoint] = []
    monkeypatch.setattr(table, "entry_points", lambda group: found)
    for name, value in (("mine", "my_lab:FORMAT"), ("vd4rl-npz", "my_lab:other")):
        found.append(EntryPoint(name, value, table.FORMATS_GROUP))
    assert find_format("mine") is MINE
    assert find_format("vd4rl-npz") is NPZ  # ours are not replaced


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mine", "nowhere:FORMAT", "nowhere:FORMAT cannot be imported: ModuleNotFoundError: No"),
        ("mine", "my_lab:nothing", "my_lab:nothing cannot be imported: AttributeError: "),
        ("mine", "my_lab:other", "my_lab:other: expected a Format of this name, got 3"),
        ("yours", "my_lab:FORMAT", "my_lab:FORMAT: expected a Format of this name, got Format"),
    ],
)
def test_a_plugin_that_is_none_is_named(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("my_lab")
    module.FORMAT, module.other = MINE, 3
    monkeypatch.setitem(sys.modules, "my_lab", module)
    entry = EntryPoint(name, value, table.FORMATS_GROUP)
    monkeypatch.setattr(table, "entry_points", lambda group: [entry])
    with pytest.raises(InvalidPluginError, match=f"^format '{name}': {message}"):
        known_formats()


@pytest.mark.parametrize("found", [MINE, 3, dataclasses.replace(NPZ, about="another")])
def test_the_format_of_a_module_that_the_environment_names(
    found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("my_lab")
    module.FORMAT = found
    monkeypatch.setitem(sys.modules, "my_lab", module)
    monkeypatch.setenv("VD4RL_PLUGINS", "my_lab")
    if found is MINE:
        assert find_format("mine") is MINE
        return
    with pytest.raises(InvalidPluginError, match=r"^VD4RL_PLUGINS: my_lab: "):
        format_names()


def test_what_is_only_read_is_not_written(tmp_path: Path) -> None:
    only_read: Format = dataclasses.replace(MINE, write=None)
    assert only_read.options == ()
    with pytest.raises(UnknownFormatError, match=r"'mine' is only read. Written are: vd4rl-npz"):
        export_dataset([], tmp_path / "new", only_read)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Mine"},
        {"name": ""},
        {"suffixes": ()},
        {"suffixes": ("npz",)},
        {"suffixes": (".",)},
    ],
)
def test_words_of_a_format(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^format "):
        dataclasses.replace(MINE, **change)
