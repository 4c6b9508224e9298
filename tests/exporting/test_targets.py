"""Conformance of every target: what its own library reads is what was painted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exporting import painted, reading
from vd4rl_data.cli import main
from vd4rl_data.dataset import Dataset
from vd4rl_data.errors import (
    DatasetLockedError,
    MissingDependencyError,
    NoSpaceError,
    OutputExistsError,
    UnknownFormatError,
)
from vd4rl_data.exporting import ABOUT_FILE, TARGETS, About, Target, export, find_target
from vd4rl_data.storage.atomic import write_lock


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # libraries warn of themselves
@pytest.mark.parametrize("name", TARGETS)
def test_its_library_reads_what_was_painted(
    name: str, exported: Callable[[str], Path], expected: Any
) -> None:
    modules, read = reading.READERS[name]
    for module in modules:
        pytest.importorskip(module, reason=f"{module} is not here; scripts/readers.sh reads it")
    reading.check(read(exported(name)), expected)


@pytest.mark.parametrize("name", TARGETS)
def test_it_says_what_it_is(name: str, exported: Callable[[str], Path], dataset: Dataset) -> None:
    said = json.loads((exported(name) / ABOUT_FILE).read_text(encoding="utf-8"))
    assert said["dataset_id"] == dataset.id
    assert (said["license"], said["citation"]) == (dataset.spec.license, dataset.spec.citation)
    assert said["score"]["reference_returns"] == [0.0, 1000.0]
    assert said["origin"] == "regenerated"
    (manifest,) = said["manifests"]
    assert manifest["content_sha256"] == dataset.manifest.content_sha256
    assert said["num_transitions"] == sum(painted.LENGTHS)


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_dataset_gives_the_same_bytes(
    name: str, exported: Callable[[str], Path], dataset: Dataset, tmp_path: Path
) -> None:
    first = exported(name)
    second = export(dataset, name, tmp_path / name).folder
    contents = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (first, second)
    ]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", TARGETS)
def test_how_it_is_read_is_told(name: str) -> None:
    target = find_target(name)
    assert target.name == name
    text = target.read_it.format(folder="FOLDER", id="ID")
    compile(text, name, "exec")
    assert "FOLDER" in text


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _target(write: Any, **more: Any) -> Target:
    return Target("test", "tests", "", write, **more)


def _write_three(episodes: Any, about: About, folder: Path) -> None:
    for number, episode in enumerate(episodes):
        (folder / f"{number}").write_bytes(episode.rewards.tobytes())
        if number == 2:
            raise KeyboardInterrupt


def test_a_stopped_export_leaves_nothing(dataset: Dataset, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        export(dataset, _target(_write_three), tmp_path / "out", progress=seen.append)
    assert seen == [1, 2]
    assert _files(tmp_path) == []


def test_what_a_kill_left_is_cleared(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out.incomplete").mkdir()
    (tmp_path / "out.incomplete/half").touch()
    (tmp_path / "out").mkdir()
    made = export(
        dataset, _target(lambda episodes, about, folder: list(episodes)), tmp_path / "out"
    )
    assert _files(tmp_path) == ["out"]
    assert _files(made.folder) == [ABOUT_FILE]
    assert (made.num_files, made.num_bytes) == (1, (made.folder / ABOUT_FILE).stat().st_size)


def test_refusals_leave_everything_as_it_was(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine").touch()
    never = _target(_write_three)
    with pytest.raises(OutputExistsError, match="no such folder, or an empty one"):
        export(dataset, never, there)
    with pytest.raises(OutputExistsError, match="mine"):
        export(dataset, never, there / "mine")
    with pytest.raises(UnknownFormatError, match="Did you mean 'minari'"):
        export(dataset, "minary", tmp_path / "out")
    with pytest.raises(MissingDependencyError, match=r"needs no_such_module; .*vd4rl-data\[odd\]"):
        export(dataset, _target(_write_three, modules=("no_such_module",), extra="odd"), there)
    with pytest.raises(NoSpaceError, match="free some space"):
        export(dataset, _target(_write_three, copies=1e12), tmp_path / "out")
    with write_lock(tmp_path / "out"), pytest.raises(DatasetLockedError):
        export(dataset, never, tmp_path / "out")
    assert _files(tmp_path) == ["there"]
    assert _files(there) == ["mine"]


def test_the_command(
    exported: Callable[[str], Path],
    dataset: Dataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exported("minari")  # or skip
    file = dataset.paths[0]
    command = ["export", str(file), "--format", "minari", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert f"{tmp_path / 'out'}: 5 episodes in 4 files" in shown
    assert f'minari.MinariDataset("{tmp_path / "out"}/data")' in shown
    assert main(command) == 2
    assert "expected no such folder" in capsys.readouterr().err
