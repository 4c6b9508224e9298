"""An import that was killed, is repeated, or meets other work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ID, OFFICIAL_FORMATS, Run, make_episodes, write
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetLockedError
from vd4rl_data.formats import Sandbox, export_dataset, format_of
from vd4rl_data.importing import STAGES, import_folder, parts_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import PartStore, verify_dataset
from vd4rl_data.storage.atomic import write_lock
from vd4rl_data.storage.naming import flat_path


@pytest.fixture(scope="module", params=OFFICIAL_FORMATS)
def straight(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A folder of official files, and the data folder of its undisturbed import."""
    root = tmp_path_factory.mktemp("straight")
    spec = get_dataset_spec(ID)
    export_dataset(make_episodes(spec), root / "official", request.param)
    import_folder(root / "official", spec, root / "data")
    return root / "official", root / "data"


_KILL = """
import os, signal, sys
from pathlib import Path
from vd4rl_data.importing import folder as importing
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
    parts = sorted(store.glob("*.h5"), key=lambda path: path.stat().st_mtime_ns)
    parts[1].write_bytes(b"damaged")
    write_until(100)
    import_folder(either, spec, tmp_path)
    several_per_file = len(list(either.iterdir())) == 1
    assert written == ([0, 1, 2, 1, 3] if several_per_file else [0, 0, 0, 0, 0])


def test_an_interrupted_command_says_how_to_go_on(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vd4rl_data.importing.conversion.write_dataset", interrupt)
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


def test_parts_stay_good_whatever_becomes_of_the_other_files_and_of_names(
    run: Run, either: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before the final pass; then a file goes, one comes, and one gets another name."""
    spec = get_dataset_spec(ID)
    with monkeypatch.context() as patch:
        patch.setattr("vd4rl_data.importing.conversion.write_dataset", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_folder(either, spec, tmp_path)
    first = sorted(either.iterdir())[0]
    kind = format_of([first.name])
    first.rename(first.with_name(f"9_{first.name}"))
    (extra,) = export_dataset(make_episodes(spec, [7]), tmp_path / "extra", kind)
    extra.rename(either / f"8_{extra.name}")
    read: list[str] = []
    original = Sandbox.read
    monkeypatch.setattr(
        Sandbox,
        "read",
        lambda self, path, *rest: (read.append(path.name), original(self, path, *rest))[1],
    )
    finished = run("import", either, "--id", ID, "--out", tmp_path)
    assert finished.status == 0, finished.err
    assert read == [f"8_{extra.name}"]
    straight = run("import", either, "--id", ID, "--out", tmp_path / "straight")
    assert straight.status == 0, straight.err
    assert _contents(tmp_path / "VD4RL") == _contents(tmp_path / "straight" / "VD4RL")


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
