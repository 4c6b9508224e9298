"""What the refusal of a broken file tells to do is done: afterwards the same command works."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ID, LENGTHS, Run, files_of, make_episodes
from tests.formats import damages
from vd4rl_data.formats import Sandbox, export_dataset, format_of
from vd4rl_data.importing import import_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import open_dataset, verify_dataset
from vd4rl_data.storage.naming import flat_path


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _nan(path: Path) -> None:
    """A whole file with a reward that is no number."""
    arrays = damages.arrays_of(path)
    arrays["reward"][1] = float("nan")
    damages.write_arrays(path, arrays)


def _wrong_size(path: Path) -> None:
    """A whole file of another task."""
    other = get_dataset_spec("VD4RL/humanoid_walk-random-64px-v0")
    folder = path.parent.with_name("other")
    (made,) = damages.write_files(format_of([path.name]), make_episodes(other, [2]), folder)
    made.replace(path)
    shutil.rmtree(folder)


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


@pytest.mark.parametrize(("damage", "place"), [*zip(DAMAGES, (0, 1, 3, 3), strict=True)])
def test_the_same_command_goes_on_with_the_mended_file(
    damage: str,
    place: int,
    several: Path,
    tmp_path: Path,
    run: Run,
    made: Callable[[str], tuple[Path, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim = files_of(several)[place]
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
    _, straight = made(format_of([victim.name]).name)
    assert flat_path(tmp_path, ID).read_bytes() == flat_path(straight, ID).read_bytes()


@pytest.mark.parametrize("cure", ["remove", "replace"])
def test_the_same_command_goes_on_without_it_or_with_another(
    cure: str, several: Path, tmp_path: Path, run: Run
) -> None:
    victim = files_of(several)[1]
    _cut(victim)
    command = ("import", several, "--id", ID, "--out", tmp_path)
    assert run(*command).status == 2
    if cure == "remove":
        victim.unlink()
    else:
        shutil.copy(files_of(several)[0], victim)
    finished = run(*command)
    assert finished.status == 0, finished.err
    stored = open_dataset(flat_path(tmp_path, ID))
    first = LENGTHS[0]
    assert stored.lengths == [first, *([first] if cure == "replace" else []), *LENGTHS[2:]]
    assert verify_dataset(stored.path).ok


def test_every_broken_file_is_named(several: Path, tmp_path: Path, run: Run) -> None:
    victims = files_of(several)[:3]
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
    victims = files_of(several)[1:3]
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


def test_a_folder_of_nothing_but_brokenfiles_of(several: Path, tmp_path: Path, run: Run) -> None:
    for path in files_of(several):
        _empty(path)
    for options in ((), ("--skip-broken",)):
        refused = run("import", several, "--id", ID, "--out", tmp_path, *options)
        assert refused.status == 2
        assert "4 of 4 files cannot be read" in refused.err
        assert "can be read;" not in refused.err


def test_import_function_says_the_same(several: Path, tmp_path: Path) -> None:
    _cut(files_of(several)[2])
    spec = get_dataset_spec(ID)
    with pytest.raises(Exception, match=files_of(several)[2].name) as caught:
        import_folder(several, spec, tmp_path)
    assert any("skip_broken=True" in note for note in caught.value.__notes__)
    assert not import_folder(several, spec, tmp_path, skip_broken=True).manifest.complete
