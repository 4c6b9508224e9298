"""What is said of what lies in the way or in the wrong place is done: then the command works."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

import vd4rl_data
from tests.cli.conftest import ID, LENGTHS, OFFICIAL_FORMATS, Run, files_of, make_episodes, write
from vd4rl_data.formats import export_dataset
from vd4rl_data.importing import parts_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import PartStore
from vd4rl_data.storage.naming import flat_path


def test_parts_of_other_work_are_deleted_by_hand(folder: Path, data_dir: Path, run: Run) -> None:
    parts = parts_folder(flat_path(data_dir, ID))
    PartStore(parts, {"command": "something else"})
    refused = run("import", folder, "--id", ID)
    assert "finish the earlier work with its own settings, or delete the folder" in refused.err
    shutil.rmtree(parts)
    assert run("import", folder, "--id", ID).status == 0


@pytest.mark.parametrize("cure", ["remove it", "write elsewhere with --out"])
def test_another_file_in_the_place(cure: str, folder: Path, data_dir: Path, run: Run) -> None:
    path = write(data_dir)
    refused = run("import", folder, "--id", ID)
    assert cure in refused.err
    options = ()
    if cure == "remove it":
        path.unlink()
    else:
        options = ("--out", data_dir / "elsewhere")
    assert run("import", folder, "--id", ID, *options).status == 0


def test_two_kinds_in_one_folder(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "mixed"
    episodes = make_episodes(get_dataset_spec(ID))
    export_dataset(episodes, folder, "vd4rl-npz")
    export_dataset(episodes, tmp_path / "shards", "vd4rl-hdf5")[0].rename(folder / "0.hdf5")
    refused = run("import", folder, "--id", ID, "--out", tmp_path)
    assert "in a folder of its own, or say --format and the name of the one that" in refused.err
    for number, kind in enumerate(OFFICIAL_FORMATS):
        named = ("--format", kind, "--out", tmp_path / str(number))
        assert run("import", folder, "--id", ID, *named).status == 0
    (folder / "0.hdf5").rename(tmp_path / "shards" / "0.hdf5")
    assert run("import", folder, "--id", ID, "--out", tmp_path / "a").status == 0
    assert run("import", tmp_path / "shards", "--id", ID, "--out", tmp_path / "b").status == 0


def test_a_folder_of_folders(folder: Path, tmp_path: Path, run: Run) -> None:
    inside = tmp_path / "main" / "64px"
    inside.parent.mkdir()
    folder.rename(inside)
    refused = run("import", inside.parent, "--id", ID)
    assert "the folders 64px in it hold some, name one of them" in refused.err
    assert run("import", inside, "--id", ID).status == 0


def test_the_commands_for_a_composite(tmp_path: Path, run: Run) -> None:
    name = "VD4RL/walker_walk-medium_expert-84px-v0"
    refused = run("import", _medium_expert(tmp_path), "--id", name)
    commands = [line.strip() for line in refused.err.splitlines() if line.startswith("    vd4rl")]
    assert len(commands) == 2
    for command in commands:
        _, *arguments = shlex.split(command)
        finished = run(*arguments, "--no-check-hashes")
        assert finished.status == 0, finished.err
    assert run("info", name).status == 0


def _medium_expert(tmp_path: Path) -> Path:
    folder = tmp_path / "84px"
    folder.mkdir()
    for behavior in ("medium", "expert"):
        spec = get_dataset_spec(f"VD4RL/walker_walk-{behavior}-84px-v0")
        label = f"walker_walk_{behavior}"
        (path,) = export_dataset(
            make_episodes(spec), tmp_path / behavior, "vd4rl-hdf5", label=label
        )
        path.rename(folder / f"0_{label}.hdf5")
    return folder


def test_an_official_file_opened_as_one_of_ours(folder: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(files_of(folder)[0], tmp_path / "x.h5")
    refused = run("info", tmp_path / "x.h5")
    command = re.search(r"`vd4rl (import FOLDER --id ID)`", refused.err)
    assert command is not None
    arguments = command[1].replace("FOLDER", str(folder)).replace("ID", ID)
    assert run(*shlex.split(arguments)).status == 0


def test_values_that_float32_does_not_hold(folder: Path, tmp_path: Path, run: Run) -> None:
    path = files_of(folder)[0]
    with np.load(path) as archive:
        arrays = dict(archive)
    exact = arrays["action"]
    np.savez_compressed(path, **{**arrays, "action": exact + np.where(exact == 0, 0, 1e-9)})
    command = ("import", folder, "--id", ID, "--out", tmp_path)
    assert "round the values first if that is meant" in run(*command).err
    with np.load(path) as archive:
        rounded = archive["action"].astype(np.float32)
    np.savez_compressed(path, **{**arrays, "action": rounded})
    assert run(*command).status == 0


def test_a_folder_that_an_export_must_not_mix_with(dataset: Path, folder: Path, run: Run) -> None:
    command = ("export", dataset, "--format", "vd4rl-npz", "--out")
    assert "choose another, or remove them" in run(*command, folder).err
    assert run(*command, folder.with_name("another")).status == 0
    for path in files_of(folder):
        path.unlink()
    assert run(*command, folder).status == 0


def test_incomplete_data_is_named_with_its_option(folder: Path, data_dir: Path, run: Run) -> None:
    """The line `open it` of an import runs."""
    finished = run("import", folder, "--id", ID)
    (line,) = [line for line in finished.out.splitlines() if line.startswith("open it")]
    dataset = eval(line.removeprefix("open it"), {"vd4rl_data": vd4rl_data})
    assert len(dataset) == len(LENGTHS)
