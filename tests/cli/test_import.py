"""``vd4rl import`` and ``vd4rl export``: there and back, killed in between, and what they say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import ID, LENGTHS, SAMPLE, Run, make_episodes, write
from vd4rl_data import load_dataset
from vd4rl_data.catalog import vd4rl_files
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError, DatasetLockedError
from vd4rl_data.export import export_dataset
from vd4rl_data.importing import STAGES, import_folder, parts_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import PartStore, open_dataset, verify_dataset
from vd4rl_data.storage.atomic import write_lock
from vd4rl_data.storage.naming import flat_path, sidecar_path

_MEDIUM = "VD4RL/walker_walk-medium-84px-v0"
_FORMATS = ("vd4rl-npz", "vd4rl-hdf5")


def _equal(left: Episode, right: Episode) -> bool:
    fields = ("observations", "actions", "rewards", "discounts")
    same = all(np.array_equal(getattr(left, name), getattr(right, name)) for name in fields)
    return same and (left.terminated, left.truncated) == (right.terminated, right.truncated)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of official npz files."""
    export_dataset(make_episodes(get_dataset_spec(ID)), tmp_path / "official", "vd4rl-npz")
    return tmp_path / "official"


@pytest.fixture(params=_FORMATS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of official files, in either format."""
    export_dataset(make_episodes(get_dataset_spec(ID)), tmp_path / "either", request.param)
    return tmp_path / "either"


@pytest.fixture(scope="module", params=_FORMATS)
def straight(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A folder of official files, and the data folder of its undisturbed import."""
    root = tmp_path_factory.mktemp("straight")
    spec = get_dataset_spec(ID)
    export_dataset(make_episodes(spec), root / "official", request.param)
    import_folder(root / "official", spec, root / "data")
    return root / "official", root / "data"


@pytest.mark.parametrize("kind", _FORMATS)
def test_an_export_comes_back_equal(run: Run, dataset: Path, tmp_path: Path, kind: str) -> None:
    exported = run("export", dataset, "--format", kind, "--out", tmp_path / "official")
    assert exported.status == 0, exported.err
    count = 4 if kind == "vd4rl-npz" else 1
    assert exported.out.startswith(f"{tmp_path / 'official'}: 4 episodes in {count} files, ")
    imported = run("import", tmp_path / "official", "--id", ID, "--out", tmp_path / "again")
    assert imported.status == 0, imported.err
    before, after = open_dataset(dataset), open_dataset(flat_path(tmp_path / "again", ID))
    assert len(after) == len(before) == 4
    assert all(map(_equal, before.episodes(), after.episodes()))
    assert after.manifest.origin == "imported"
    assert run("verify", after.path).status == 0


def test_the_bundled_sample_comes_back_equal(run: Run, tmp_path: Path) -> None:
    official, again = tmp_path / "official", tmp_path / "again"
    assert run("export", SAMPLE, "--format", "vd4rl-npz", "--out", official).status == 0
    assert run("import", official, "--id", ID, "--out", again).status == 0
    pairs = zip(load_dataset(SAMPLE), load_dataset(ID, root=again, source="local"), strict=True)
    assert all(_equal(left, right) for left, right in pairs)


def test_what_an_import_says(run: Run, either: Path, data_dir: Path) -> None:
    finished = run("import", either, "--id", ID)
    assert finished.err == ""
    path = flat_path(data_dir, ID)
    files = len(list(either.iterdir()))
    for text in (
        "published",
        "42.3",
        "the means DIFFER",
        f"file      {path}\n",
        f"sources   {files} files, 0 known as official by their SHA-256: origin 'imported'\n",
        'episodes  4 of 200: INCOMPLETE; the id is not loaded from this file unless source="local"',
        f"open it   vd4rl_data.load_dataset('{ID}', source=\"local\")\n",
    ):
        assert text in finished.out, text
    assert "repaired" not in finished.out
    assert not parts_folder(path).exists()
    again = run("import", either, "--id", ID)
    assert again.status == 0
    assert f"file      {path} (was there already)\n" in again.out


def test_a_complete_import_says_so(run: Run, tmp_path: Path) -> None:
    episodes = make_episodes(get_dataset_spec(ID), [1, 2])
    export_dataset(episodes, tmp_path / "official", "vd4rl-hdf5")
    finished = run("import", tmp_path / "official", "--id", SAMPLE, "--out", tmp_path)
    assert "episodes  2 of 2: complete\n" in finished.out
    assert f"load_dataset('{SAMPLE}', root='{tmp_path}')" in finished.out
    assert "nothing was published to compare with" in finished.out


def test_repairs_are_reported_and_recorded(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "official"
    paths = export_dataset(make_episodes(get_dataset_spec(ID)), folder, "vd4rl-npz")
    with np.load(paths[2]) as archive:
        arrays = dict(archive)
    arrays["is_last"] = np.append(arrays["is_last"], True)
    np.savez_compressed(paths[2], allow_pickle=False, **arrays, mystery=np.zeros(3))
    finished = run("import", folder, "--id", ID, "--out", tmp_path)
    assert f"repaired  {paths[2].name}: left out the unknown array 'mystery'\n" in finished.out
    assert f"repaired  {paths[2].name}: flags longer than the 7 rows of data" in finished.out
    provenance = open_dataset(flat_path(tmp_path, ID)).manifest.provenance
    assert len(provenance.repairs) == 2
    assert [file["name"] for file in provenance.sources] == [path.name for path in paths]


_KILL = """
import os, signal, sys
from pathlib import Path
from vd4rl_data import importing
from vd4rl_data.registry import get_dataset_spec
import vd4rl_data

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(stage, done, total):
    if (stage, done) == (sys.argv[4], int(sys.argv[5])):
        die()

if sys.argv[4] in ("_remove_parts", "sidecar"):
    progress = None
if sys.argv[4] == "_remove_parts":
    importing._remove_parts = die
if sys.argv[4] == "sidecar":
    replace = Path.replace
    def replace_and_die(self, target):
        replace(self, target)
        if target.suffix == ".h5" and "parts" not in target.parent.name:
            die()
    Path.replace = replace_and_die
if __name__ == "__main__":
    spec = get_dataset_spec(sys.argv[3])
    importing.import_folder(Path(sys.argv[1]), spec, Path(sys.argv[2]), progress=progress)
"""


def _contents(root: Path) -> dict[str, bytes]:
    """Every file below a data folder but the empty locks."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.parametrize(
    ("stage", "done"),
    [
        ("hashing", 1),
        ("reading", 3),
        ("writing", 2),
        ("sidecar", 0),
        ("_remove_parts", 0),
    ],
)
def test_killed_and_gone_on_with_gives_the_same_bytes(
    straight: tuple[Path, Path], tmp_path: Path, repository: Path, run: Run, stage: str, done: int
) -> None:
    folder, expected = straight
    arguments = [str(argument) for argument in (folder, tmp_path, ID, stage, done)]
    died = subprocess.run([sys.executable, "-c", _KILL, *arguments], cwd=repository, check=False)
    assert died.returncode == -9
    assert _contents(tmp_path) != _contents(expected)
    finished = run("import", folder, "--id", ID, "--out", tmp_path)
    assert finished.status == 0, finished.err
    assert _contents(tmp_path) == _contents(expected)
    assert verify_dataset(flat_path(tmp_path, ID)).ok


def test_parts_that_are_there_are_not_written_again(
    either: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = get_dataset_spec(ID)
    written: list[int] = []
    write_part = PartStore.write

    def write_until(limit: int) -> None:
        def counted(store: PartStore, number: int, episode: Episode) -> None:
            if len(written) == limit:
                raise KeyboardInterrupt
            write_part(store, number, episode)
            written.append(number)

        monkeypatch.setattr(PartStore, "write", counted)

    write_until(3)
    with pytest.raises(KeyboardInterrupt) as stopped:
        import_folder(either, spec, tmp_path)
    store = parts_folder(flat_path(tmp_path, ID))
    hint = f"3 episodes are safe in {store}; the same command goes on from there."
    assert stopped.value.__notes__ == [hint]
    (store / "episode-000001.h5").write_bytes(b"damaged")
    write_until(100)
    import_folder(either, spec, tmp_path)
    assert written == [0, 1, 2, 1, 3]


def test_an_interrupted_command_says_how_to_go_on(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vd4rl_data.importing.write_dataset", interrupt)
    finished = run("import", folder, "--id", ID, "--out", tmp_path)
    assert finished.status == 2
    first, second = finished.err.splitlines()
    assert first == "vd4rl: interrupted"
    assert second.startswith("4 episodes are safe in ")


def test_progress_comes_in_order(either: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    import_folder(
        either, get_dataset_spec(ID), tmp_path, progress=lambda *event: seen.append(event)
    )
    assert list(dict.fromkeys(stage for stage, _, _ in seen)) == list(STAGES)
    for stage in STAGES[1:]:
        assert [done for name, done, _ in seen if name == stage] == [1, 2, 3, 4]
    assert all(done <= total for _, done, total in seen)


def test_a_changed_folder_is_not_mixed_in(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vd4rl_data.importing.write_dataset", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_folder(folder, get_dataset_spec(ID), tmp_path)
    monkeypatch.undo()
    monkeypatch.setenv("VD4RL_DATA_DIR", str(tmp_path))
    victim = sorted(folder.iterdir())[0]
    victim.rename(victim.with_name(f"0_{victim.name}"))
    finished = run("import", folder, "--id", ID)
    assert finished.status == 2
    assert "finish that work with its own settings, or delete the folder" in finished.err


def test_parts_of_other_work_are_not_touched(run: Run, folder: Path, data_dir: Path) -> None:
    path = import_folder(folder, get_dataset_spec(ID)).path
    other = PartStore(parts_folder(path), {"command": "something else"})
    other.write(0, make_episodes(get_dataset_spec(ID))[0])
    finished = run("import", folder, "--id", ID)
    assert finished.status == 0
    assert "(was there already)" in finished.out
    assert other.has(0)
    path.unlink()
    finished = run("import", folder, "--id", ID)
    assert finished.status == 2
    assert "something else" in finished.err
    assert other.has(0)


@pytest.mark.parametrize("other", ["regenerated", "imported"])
def test_another_file_is_not_replaced(run: Run, folder: Path, data_dir: Path, other: str) -> None:
    if other == "regenerated":
        path = write(data_dir)
    else:
        path = import_folder(folder, get_dataset_spec(ID)).path
        extra = make_episodes(get_dataset_spec(ID), [2, 2])[1:]
        moved = folder.with_name("more")
        export_dataset(extra, moved, "vd4rl-npz")
        folder = moved
    before = path.read_bytes()
    finished = run("import", folder, "--id", ID)
    assert finished.status == 2
    assert (
        f"{path} is already there ({other}, 4 episodes) and was not made of these" in finished.err
    )
    assert path.read_bytes() == before


def test_two_imports_at_once(folder: Path, tmp_path: Path) -> None:
    path = flat_path(tmp_path, ID)
    for held in (path, parts_folder(path)):
        with write_lock(held), pytest.raises(DatasetLockedError, match="another process"):
            import_folder(folder, get_dataset_spec(ID), tmp_path)


def _official_files(folder: Path, names: Sequence[str]) -> tuple[vd4rl_files.OfficialFile, ...]:
    return tuple(
        vd4rl_files.OfficialFile(
            task="walker_walk",
            behavior="medium",
            name=name,
            bytes=(folder / name).stat().st_size,
            sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        )
        for name in names
    )


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two shards of 84 px that pass for official ones."""
    folder = tmp_path / "84px"
    export_dataset(
        make_episodes(get_dataset_spec(_MEDIUM)), folder, "vd4rl-hdf5", episodes_per_shard=2
    )
    names = ["0_walker_walk_medium.hdf5", "1_walker_walk_medium.hdf5"]
    for path, name in zip(sorted(folder.iterdir()), names, strict=True):
        path.rename(folder / name)
    files = _official_files(folder, names)
    monkeypatch.setattr(vd4rl_files, "official_files", lambda: files)
    return folder


def test_official_only_if_every_hash_is_known(run: Run, shards: Path, tmp_path: Path) -> None:
    finished = run("import", shards, "--id", _MEDIUM, "--out", tmp_path)
    assert "sources   2 files, 2 known as official by their SHA-256: origin 'official'\n" in (
        finished.out
    )
    manifest = open_dataset(flat_path(tmp_path, _MEDIUM)).manifest
    assert (manifest.origin, manifest.complete) == ("official", False)
    assert {file["hash_status"] for file in manifest.provenance.sources} == {"verified"}

    (shards / "2_walker_walk_medium.hdf5").write_bytes(_more_episodes(tmp_path / "more"))
    finished = run("import", shards, "--id", _MEDIUM, "--out", tmp_path / "second")
    assert "sources   3 files, 2 known as official by their SHA-256: origin 'imported'\n" in (
        finished.out
    )


def _more_episodes(folder: Path) -> bytes:
    spec = get_dataset_spec(_MEDIUM)
    (path,) = export_dataset(make_episodes(spec, [2]), folder, "vd4rl-hdf5")
    return path.read_bytes()


def test_a_false_official_file(run: Run, shards: Path, tmp_path: Path) -> None:
    (shards / "1_walker_walk_medium.hdf5").write_bytes(_more_episodes(tmp_path / "more"))
    arguments = ("import", shards, "--id", _MEDIUM, "--out", tmp_path)
    refused = run(*arguments)
    assert refused.status == 2
    assert "expected the official file of this name" in refused.err
    taken = run(*arguments, "--no-check-hashes")
    assert taken.status == 0, taken.err
    assert "expected the official file of this name" in taken.err
    assert "1 known as official by their SHA-256: origin 'imported'" in taken.out
    statuses = [
        file["hash_status"]
        for file in open_dataset(flat_path(tmp_path, _MEDIUM)).manifest.provenance.sources
    ]
    assert statuses == ["verified", "different"]


def test_some_files_of_a_folder(run: Run, shards: Path, tmp_path: Path) -> None:
    arguments = ("import", shards, "--id", _MEDIUM, "--out", tmp_path, "--files")
    assert run(*arguments, "1_*").status == 0
    stored = open_dataset(flat_path(tmp_path, _MEDIUM))
    assert stored.lengths == list(LENGTHS[2:])
    finished = run(*arguments, "*_expert.hdf5")
    assert finished.status == 2
    assert "no data file matches '*_expert.hdf5'" in finished.err


def test_a_composite_is_imported_by_its_parts(run: Run, tmp_path: Path) -> None:
    name = "VD4RL/walker_walk-medium_expert-84px-v0"
    names = [f"{n}_walker_walk_{half}.hdf5" for half in ("expert", "medium") for n in range(4)]
    for file in names:
        (tmp_path / file).write_bytes(b"")
    finished = run("import", tmp_path, "--id", name)
    assert finished.status == 2
    assert "is never stored itself" in finished.err
    for half in ("medium", "expert"):
        part = f"VD4RL/walker_walk-{half}-84px-v0"
        assert f"    vd4rl import {tmp_path} --id {part} --files '*_{half}.hdf5'\n" in finished.err
    assert "holds the files of both parts, byte for byte" in finished.err


def test_a_composite_of_unknown_files(tmp_path: Path) -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-medium_expert-64px-v0")
    (tmp_path / "20220101T000000-0-501.npz").write_bytes(b"")
    with pytest.raises(DatasetFormatError, match="is never stored itself") as error:
        import_folder(tmp_path, spec, tmp_path)
    assert "    vd4rl import FOLDER --id VD4RL/walker_walk-medium-64px-v0" in str(error.value)
    assert "byte for byte" not in str(error.value)


def test_damaged_and_wrong_files(run: Run, either: Path, tmp_path: Path) -> None:
    finished = run(
        "import", either, "--id", "VD4RL/humanoid_walk-random-64px-v0", "--out", tmp_path
    )
    assert finished.status == 2
    assert "action" in finished.err
    victim = sorted(either.iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-40])
    finished = run("import", either, "--id", ID, "--out", tmp_path)
    assert finished.status == 2
    assert victim.name in finished.err


def test_export_does_not_mix(run: Run, dataset: Path, folder: Path) -> None:
    finished = run("export", ID, "--format", "vd4rl-npz", "--out", folder, "--source", "local")
    assert finished.status == 2
    assert "expected a folder without data files" in finished.err


def test_export_takes_complete_data_unless_told(run: Run, dataset: Path, tmp_path: Path) -> None:
    arguments = ("export", ID, "--format", "vd4rl-hdf5", "--out", tmp_path / "new")
    finished = run(*arguments)
    assert finished.status == 2
    assert "holds 4 of 200 episodes" in finished.err
    assert run(*arguments, "--source", "local").status == 0


def test_sidecar_and_parts_lie_where_they_should(folder: Path, tmp_path: Path) -> None:
    imported = import_folder(folder, get_dataset_spec(ID), tmp_path)
    assert sorted(_contents(tmp_path / "VD4RL")) == [
        imported.path.name,
        sidecar_path(imported.path).name,
    ]
