"""What an error tells to do is done: afterwards the same command works."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.cli.conftest import ID, LENGTHS, OFFICIAL_FORMATS, Run, make_episodes, write
from vd4rl_data.formats import Sandbox, export_dataset
from vd4rl_data.importing import import_folder, parts_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import PartStore, open_dataset, verify_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suites import vd4rl_files
from vd4rl_data.suites.vd4rl_files import OfficialFile

SHARDS = 4


@pytest.fixture(params=OFFICIAL_FORMATS)
def several(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of four official files, one episode each."""
    episodes = make_episodes(get_dataset_spec(ID))
    export_dataset(episodes, tmp_path / "several", request.param, episodes_per_shard=1)
    return tmp_path / "several"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _nan(path: Path) -> None:
    """A whole file with a reward that is no number."""
    if path.suffix == ".hdf5":
        with h5py.File(path, "a") as file:
            file["reward"][1] = np.nan
        return
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["reward"][1] = np.nan
    np.savez_compressed(path, **arrays)


def _wrong_size(path: Path) -> None:
    """A whole file of another task."""
    other = get_dataset_spec("VD4RL/humanoid_walk-random-64px-v0")
    kind = OFFICIAL_FORMATS[path.suffix == ".hdf5"]
    (made,) = export_dataset(make_episodes(other, [2]), path.parent.with_name("other"), kind)
    made.replace(path)
    shutil.rmtree(made.parent)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": _cut,
    "empty": _empty,
    "nan": _nan,
    "wrong size": _wrong_size,
}


def _read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read from now on."""
    names: list[str] = []
    original = Sandbox.read

    def noted(self: Sandbox, path: Path, *rest: Any) -> Any:
        names.append(path.name)
        return original(self, path, *rest)

    monkeypatch.setattr(Sandbox, "read", noted)
    return names


# ---- a broken file: mended, removed, replaced, left out ----


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_the_same_command_goes_on_with_the_mended_file(
    damage: str,
    place: int,
    several: Path,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim = _files(several)[place]
    whole = victim.read_bytes()
    DAMAGES[damage](victim)
    command = ("import", several, "--id", ID, "--out", tmp_path)
    refused = run(*command)
    assert refused.status == 2
    assert victim.name in refused.err
    assert "The other 3 files can be read; --skip-broken" in refused.err
    assert "3 episodes are safe in" in refused.err
    assert "the same command goes on from there" in refused.err
    assert not flat_path(tmp_path, ID).exists()
    victim.write_bytes(whole)
    names = _read_files(monkeypatch)
    again = run(*command)
    assert again.status == 0, again.err
    assert names == [victim.name]
    assert run("import", several, "--id", ID, "--out", tmp_path / "straight").status == 0
    paths = [flat_path(root, ID) for root in (tmp_path, tmp_path / "straight")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("cure", ["remove", "replace"])
def test_the_same_command_goes_on_without_it_or_with_another(
    cure: str, several: Path, tmp_path: Path, run: Run
) -> None:
    victim = _files(several)[1]
    _cut(victim)
    command = ("import", several, "--id", ID, "--out", tmp_path)
    assert run(*command).status == 2
    if cure == "remove":
        victim.unlink()
    else:
        shutil.copy(_files(several)[0], victim)
    finished = run(*command)
    assert finished.status == 0, finished.err
    stored = open_dataset(flat_path(tmp_path, ID))
    first = LENGTHS[0]
    assert stored.lengths == [first, *([first] if cure == "replace" else []), *LENGTHS[2:]]
    assert verify_dataset(stored.path).ok


def test_every_broken_file_is_named(several: Path, tmp_path: Path, run: Run) -> None:
    victims = _files(several)[:3]
    for victim, damage in zip(victims, (_cut, _nan, _wrong_size), strict=True):
        damage(victim)
    refused = run("import", several, "--id", ID, "--out", tmp_path)
    assert refused.status == 2
    assert f"{several}: 3 of 4 files cannot be read:\n" in refused.err
    for victim in victims:
        assert (
            len(re.findall(rf"^    {re.escape(victim.name)}: \S", refused.err, re.MULTILINE)) == 1
        )
    assert "mend, replace or remove them, and give the same command again" in refused.err
    assert "The other 1 files can be read; --skip-broken leaves out" in refused.err


@pytest.mark.parametrize("damage", DAMAGES)
def test_broken_files_are_left_out_when_asked(
    damage: str, several: Path, tmp_path: Path, run: Run
) -> None:
    victims = _files(several)[1:3]
    for victim in victims:
        DAMAGES[damage](victim)
    command = ("import", several, "--id", ID, "--out", tmp_path, "--skip-broken")
    finished = run(*command)
    assert finished.status == 0, finished.err
    stored = open_dataset(flat_path(tmp_path, ID))
    assert stored.lengths == [LENGTHS[0], LENGTHS[3]]
    manifest = stored.manifest
    assert [file["name"] for file in manifest.provenance.recipe["skip_broken"]] == [
        victim.name for victim in victims
    ]
    for victim in victims:
        line = f"repaired  left out {victim.name}: "
        assert line in finished.out
        assert str(tmp_path) not in finished.out.split(line)[1].splitlines()[0]
    assert not manifest.complete
    assert str(tmp_path) not in manifest.to_json()
    again = run(*command)
    assert "(was there already)" in again.out
    assert run("verify", stored.path).status == 0


def test_what_was_left_out_is_missing_however_many_are_there(tmp_path: Path, run: Run) -> None:
    """Two episodes of two, and a third file that is broken: not complete."""
    name = "VD4RL/walker_walk-random-sample-64px-v0"
    episodes = make_episodes(get_dataset_spec(name), [2, 2, 2])
    paths = export_dataset(episodes, tmp_path / "official", "vd4rl-npz")
    _cut(paths[1])
    command = ("import", tmp_path / "official", "--id", name, "--out", tmp_path)
    assert run(*command, "--skip-broken").status == 0
    path = flat_path(tmp_path, name)
    stored = open_dataset(path)
    assert (len(stored), stored.manifest.complete) == (2, False)
    assert verify_dataset(path).ok
    refused = run(*command)
    assert f"made of these files without {paths[1].name}, which could not be read" in refused.err
    export_dataset(episodes, tmp_path / "again", "vd4rl-npz")[1].replace(paths[1])
    assert "was not made of these files; remove it" in run(*command).err
    path.unlink()
    assert run(*command).status == 0
    assert open_dataset(path).manifest.complete


def test_a_folder_of_nothing_but_broken_files(several: Path, tmp_path: Path, run: Run) -> None:
    for path in _files(several):
        _empty(path)
    for options in ((), ("--skip-broken",)):
        refused = run("import", several, "--id", ID, "--out", tmp_path, *options)
        assert refused.status == 2
        assert "4 of 4 files cannot be read" in refused.err
        assert "can be read;" not in refused.err


# ---- hashes of official files ----


@pytest.fixture
def official(several: Path, monkeypatch: pytest.MonkeyPatch) -> list[OfficialFile]:
    """The files are the authors' own, the second one excepted."""
    files = []
    for number, path in enumerate(_files(several)):
        sha256 = __import__("hashlib").sha256(path.read_bytes()).hexdigest()
        known = "0" * 64 if number == 1 else sha256
        files.append(OfficialFile("walker_walk", "random", path.name, 7, known))
    monkeypatch.setattr(vd4rl_files, "official_files", lambda: tuple(files))
    monkeypatch.setattr(
        "vd4rl_data.formats.identity.find_official_file",
        lambda _, name: next((file for file in files if file.name == name), None),
    )
    monkeypatch.setattr("vd4rl_data.formats.identity.belongs_to", lambda *_: True)
    return files


def test_another_content_is_read_without_checking_hashes(
    several: Path, official: list[OfficialFile], tmp_path: Path, run: Run
) -> None:
    command = ("import", several, "--id", ID, "--out", tmp_path)
    refused = run(*command)
    assert "or say --no-check-hashes if it is meant to be another" in refused.err
    finished = run(*command, "--no-check-hashes")
    assert finished.status == 0, finished.err
    assert "4 files, 3 known as official" in finished.out


def test_a_second_copy_of_an_official_file_is_removed(
    several: Path, official: list[OfficialFile], tmp_path: Path, run: Run
) -> None:
    first = _files(several)[0]
    copy = first.with_name(f"1_{first.name}")
    shutil.copy(first, copy)
    command = ("import", several, "--id", ID, "--out", tmp_path, "--no-check-hashes")
    refused = run(*command)
    assert re.search(rf"got a copy of (1_)?{re.escape(first.name)}; remove one", refused.err)
    copy.unlink()
    assert run(*command).status == 0


def test_files_that_nobody_knows_may_be_the_same(several: Path, tmp_path: Path, run: Run) -> None:
    first = _files(several)[0]
    copy = first.with_name(f"9_{first.name}")
    shutil.copy(first, copy)
    finished = run("import", several, "--id", ID, "--out", tmp_path)
    assert finished.status == 0, finished.err
    either = rf"(9_)?{re.escape(first.name)}"
    line = rf"^repaired  {either}: byte for byte the same as {either}; both are kept$"
    assert re.search(line, finished.out, re.MULTILINE)
    stored = open_dataset(flat_path(tmp_path, ID))
    assert len(stored) == 5
    assert sorted(stored.lengths) == sorted([*LENGTHS, LENGTHS[0]])


# ---- what lies in the way ----


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
    assert "in a folder of its own" in refused.err
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
    shutil.copy(_files(folder)[0], tmp_path / "x.h5")
    refused = run("info", tmp_path / "x.h5")
    command = re.search(r"`vd4rl (import FOLDER --id ID)`", refused.err)
    assert command is not None
    arguments = command[1].replace("FOLDER", str(folder)).replace("ID", ID)
    assert run(*shlex.split(arguments)).status == 0


def test_values_that_float32_does_not_hold(folder: Path, tmp_path: Path, run: Run) -> None:
    path = _files(folder)[0]
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
    for path in _files(folder):
        path.unlink()
    assert run(*command, folder).status == 0


def test_incomplete_data_is_named_with_its_option(folder: Path, data_dir: Path, run: Run) -> None:
    """The line `open it` of an import runs."""
    finished = run("import", folder, "--id", ID)
    (line,) = [line for line in finished.out.splitlines() if line.startswith("open it")]
    import vd4rl_data

    dataset = eval(line.removeprefix("open it"), {"vd4rl_data": vd4rl_data})
    assert len(dataset) == len(LENGTHS)


def test_import_function_says_the_same(several: Path, tmp_path: Path) -> None:
    _cut(_files(several)[2])
    spec = get_dataset_spec(ID)
    with pytest.raises(Exception, match=_files(several)[2].name) as caught:
        import_folder(several, spec, tmp_path)
    assert any("skip_broken=True" in note for note in caught.value.__notes__)
    assert not import_folder(several, spec, tmp_path, skip_broken=True).manifest.complete
