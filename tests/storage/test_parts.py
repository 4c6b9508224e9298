"""Episode parts: whole or missing, of one recipe, read back as they were written."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.storage import damage, processes, tiny
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    NoSpaceError,
)
from vd4rl_data.storage import PartStore, atomic, open_dataset, write_dataset
from vd4rl_data.storage.atomic import OutputFile

_RECIPE = {"seed": 0, "versions": {"b": "1", "a": "2"}}


@pytest.fixture
def store(tmp_path: Path) -> PartStore:
    """A store with parts 0, 1 and 2."""
    store = PartStore(tmp_path / "parts", _RECIPE)
    for number, episode in enumerate(tiny.episodes_of()):
        store.write(number, episode)
    return store


def test_parts_are_read_as_they_were_written(store: PartStore) -> None:
    for number, expected in enumerate(tiny.episodes_of()):
        assert tiny.same(store.read(number), expected)
        assert store.length(number) == len(expected)
    for found, expected in zip(
        store.episodes([2, 0]), [tiny.episodes_of()[n] for n in (2, 0)], strict=True
    ):
        assert tiny.same(found, expected)


def test_missing_lists_what_is_not_there_in_the_order_asked(store: PartStore) -> None:
    assert store.has(1)
    assert not store.has(5)
    assert store.missing(range(3)) == []
    assert store.missing([7, 0, 5, 2]) == [7, 5]
    with pytest.raises(FileNotFoundError):
        store.read(5)


def test_parts_make_the_same_file_as_the_episodes(store: PartStore, tmp_path: Path) -> None:
    numbers = range(3)
    lengths = [store.length(number) for number in numbers]
    write_dataset(tmp_path / "a.h5", tiny.SPEC, store.episodes(numbers), lengths, tiny.PROVENANCE)
    tiny.write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_same_recipe_opens_the_store_again(store: PartStore) -> None:
    again = PartStore(store.folder, {"versions": {"a": "2", "b": "1"}, "seed": 0})
    assert again.missing(range(3)) == []
    assert json.loads((store.folder / "recipe.json").read_text()) == _RECIPE


@pytest.mark.parametrize("other", [{}, {**_RECIPE, "seed": 1}, {**_RECIPE, "more": None}], ids=str)
def test_another_recipe_is_refused_and_nothing_is_touched(
    other: dict[str, Any], store: PartStore
) -> None:
    before = {path.name: path.read_bytes() for path in store.folder.iterdir()}
    with pytest.raises(DatasetFormatError, match="or delete the folder"):
        PartStore(store.folder, other)
    assert {path.name: path.read_bytes() for path in store.folder.iterdir()} == before


def test_only_what_differs_between_two_recipes_is_told(tmp_path: Path) -> None:
    shared = {f"key{number}": "x" * 50 for number in range(100)}
    PartStore(tmp_path / "parts", {**shared, "seed": 1, "task": {"camera": 0, "size": 64}})
    with pytest.raises(DatasetFormatError) as caught:
        PartStore(tmp_path / "parts", {**shared, "seed": 1.0, "task": {"camera": 2, "goal": "x"}})
    assert str(caught.value).splitlines()[1:-1] == [
        "    seed: expected 1.0, got 1",
        "    task.camera: expected 2, got 0",
        '    task.goal: expected "x", got nothing',
        "    task.size: expected nothing, got 64",
    ]


def test_many_and_long_differences_are_cut_short(tmp_path: Path) -> None:
    PartStore(tmp_path / "parts", {f"key{number}": "x" * 5_000 for number in range(100)})
    with pytest.raises(DatasetFormatError, match="and 95 more") as caught:
        PartStore(tmp_path / "parts", {})
    assert len(str(caught.value)) < 2_000


def test_a_damaged_recipe_is_told(store: PartStore) -> None:
    (store.folder / "recipe.json").write_bytes(b"\xff{")
    with pytest.raises(DatasetFormatError, match="expected JSON"):
        PartStore(store.folder, _RECIPE)


def test_a_damaged_part_is_deleted_and_missing(store: PartStore) -> None:
    size = store.path(1).stat().st_size
    for offset in range(0, size, 197):
        damage.flip(store.path(1), offset)
        with pytest.raises(DatasetFormatError):
            store.read(1)
        assert store.missing(range(3)) == [1]
        assert not store.path(1).exists()
        store.write(1, tiny.episodes_of()[1])
    for length in (0, 100, 4096, size - 1):
        store.path(2).write_bytes(store.path(2).read_bytes()[:length])
        assert store.missing(range(3)) == [2]
        store.write(2, tiny.episodes_of()[2])


@pytest.mark.parametrize("key", ["observations", "rewards", "infos/physics_state"])
def test_a_part_whose_numbers_changed_is_refused(key: str, store: PartStore) -> None:
    """Sealed again after the change: its CRC-32 has to tell."""

    def change(file: Any) -> None:
        values = file[key][:]
        values[0] += 1
        file[key][:] = values

    damage.rewrite(store.path(0), change)
    with pytest.raises(CorruptFileError, match="do not match their CRC-32"):
        store.read(0)


def test_a_full_disk_leaves_the_parts_that_were_there(
    store: PartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: OutputFile, path: Path) -> None:
        original(self, path)
        self._error = OSError(errno.ENOSPC, "No space left on device")

    original = OutputFile.__init__
    monkeypatch.setattr(OutputFile, "__init__", full)
    with pytest.raises(NoSpaceError, match=r"no space left for .*episode-000003\.h5"):
        store.write(3, tiny.episode_of(4))
    assert store.missing(range(4)) == [3]
    assert not list(store.folder.glob("*.incomplete"))


_WRITE_PARTS = """
store = PartStore(folder, {"seed": 0})
number = 0
while True:
    store.write(number, tiny.episode_of(3000, start=number % 7))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("moment", [0.0, 0.013, 0.031])
def test_a_kill_costs_at_most_the_part_being_written(moment: float, tmp_path: Path) -> None:
    import time

    folder = tmp_path / "parts"
    with processes.start(_WRITE_PARTS, folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 3:
                break
        time.sleep(moment)
        process.kill()
        told = [int(line) for line in process.stdout]
    assert process.returncode == -signal.SIGKILL
    done = max([3, *told]) + 1
    store = PartStore(folder, {"seed": 0})
    assert len(store.missing(range(done + 1))) in (0, 1)
    assert store.missing(range(done)) == []
    for number in range(done):
        assert tiny.same(store.read(number), tiny.episode_of(3000, start=number % 7))


def test_parts_of_equal_episodes_have_equal_bytes(store: PartStore, tmp_path: Path) -> None:
    other = PartStore(tmp_path / "other", {})
    other.write(0, tiny.episodes_of()[0])
    assert other.path(0).read_bytes() == store.path(0).read_bytes()


def test_parts_are_compressed_and_small(store: PartStore) -> None:
    episode = tiny.episode_of(2000)
    store.write(9, episode)
    raw = episode.observations.nbytes + episode.infos["physics_state"].nbytes
    assert store.path(9).stat().st_size < raw / 4
    with h5py.File(store.path(9), "r") as file:
        assert file["observations"].compression == "gzip"
        assert file["observations"].fletcher32


def test_remove_deletes_everything(store: PartStore) -> None:
    store.remove()
    assert not store.folder.exists()
    PartStore(store.folder, {"other": "recipe"})


def test_a_kill_while_removing_leaves_no_half_store(
    store: PartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is gone at once; what is left of it goes with the next one."""

    def killed(folder: Path, **options: Any) -> None:
        if not folder.is_dir():
            return
        next(folder.iterdir()).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            store.remove()
    assert not store.folder.exists()
    again = PartStore(store.folder, {"other": "recipe"})
    assert again.missing(range(3)) == [0, 1, 2]
    again.remove()
    assert list(store.folder.parent.iterdir()) == []


def test_a_part_store_reads_no_other_file(store: PartStore, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    (tmp_path / "x.npz").rename(store.path(4))
    with pytest.raises(DatasetFormatError, match="vd4rl import"):
        store.read(4)
    assert not store.has(4)
    with pytest.raises(DatasetFormatError):
        open_dataset(store.path(0))
