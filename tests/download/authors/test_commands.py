"""``vd4rl download`` and ``vd4rl cache``, with a server in place of the hub."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import filelock
import pytest

from tests.download.authors import miniature
from tests.download.authors.miniature import EXPERT, MEDIUM, MEDIUM_EXPERT, SHARDS, Miniature
from vd4rl_data.cli import main
from vd4rl_data.download import authors
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.storage import PartStore, Provenance, pack, write_dataset
from vd4rl_data.storage.naming import flat_path, public_path

Run = Any


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colors, whoever runs the tests; no bars."""
    for name in ("FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "VD4RL_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.utils.are_progress_bars_disabled", lambda: True)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``vd4rl``; returns its status, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def _put(path: Path, name: str = MEDIUM, count: int = 1) -> Path:
    """A file that the user made."""
    episodes = miniature.originals(name, count, seed=1)
    lengths = [miniature.STEPS] * count
    write_dataset(path, get_dataset_spec(name), episodes, lengths, Provenance("regenerated"))
    return path


# --- download --------------------------------------------------------------------------------


def test_a_dry_run_shows_all_and_fetches_nothing(
    hub: Any, run: Run, data_dir: Path, repository_files: Miniature
) -> None:
    status, out, _ = run("download", MEDIUM_EXPERT, SHARDS, MEDIUM, "--dry-run")
    assert status == 0
    lines = [line.split() for line in out.splitlines() if line.strip()]
    rows = {words[0]: words for words in lines if words[0] in DATASETS}
    assert list(rows)[:3] == [MEDIUM, EXPERT, SHARDS]
    assert rows[MEDIUM][1] == "2"
    assert "INCOMPLETE" in rows[MEDIUM]
    assert rows[SHARDS][1:5] == ["4", "0.1", "0", "4/4"]
    assert "Would fetch" in out
    assert "MB are free." in out
    assert not list(data_dir.iterdir())
    assert not hub.requests("npz")


def test_a_download_says_where_it_is_and_the_next_that_it_was_there(
    hub: Any, run: Run, data_dir: Path
) -> None:
    status, out, err = run("download", MEDIUM_EXPERT)
    assert status == 0, err
    for name in (MEDIUM, EXPERT):
        assert f"{name}  {public_path(data_dir, name)}\n" in out
    assert out.count("The public files hold 2 of 4 episodes.") == 2
    count = len(hub.requests())
    _, out, _ = run("download", MEDIUM)
    assert out == f"{MEDIUM}  {public_path(data_dir, MEDIUM)} (was there already)\n"
    _, out, _ = run("download", MEDIUM, "--dry-run")
    assert "All of it is here; nothing would be fetched." in out
    assert len(hub.requests()) == count


def test_a_download_into_another_folder(hub: Any, run: Run, tmp_path: Path, data_dir: Path) -> None:
    run("download", MEDIUM, "--root", tmp_path / "x")
    assert public_path(tmp_path / "x", MEDIUM).is_file()
    assert not list(data_dir.iterdir())


def test_a_regenerated_file_does_not_stand_for_the_authors(
    hub: Any, run: Run, data_dir: Path
) -> None:
    _put(flat_path(data_dir, MEDIUM), count=4)
    _, out, _ = run("download", MEDIUM)
    assert out.startswith(f"{MEDIUM}  {public_path(data_dir, MEDIUM)}\n")


def test_what_was_never_published_is_an_error_with_the_other_commands(
    hub: Any, run: Run, repository_files: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vd4rl_data.download.public_files._stored", lambda spec: None)
    status, _, err = run("download", MEDIUM)
    assert status == 2
    assert f"vd4rl: {MEDIUM} was never published as files." in err
    assert f"vd4rl import FOLDER --id {MEDIUM}" in err


def test_an_interrupted_download_shows_in_both(
    hub: Any, run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(authors._Acquisition, "_write", interrupt)
    status, _, err = run("download", MEDIUM)
    first, second = err.splitlines()
    assert (status, first) == (2, "vd4rl: interrupted")
    assert second.startswith("2 of 2 files are safe in ")
    assert "begun, 0." in run("download", MEDIUM, "--dry-run")[1]
    _, out, _ = run("cache", "ls", "--json")
    (item,) = json.loads(out)
    assert (item["id"], item["kind"], item["where"]) == (MEDIUM, "unfinished", "public")


# --- cache -----------------------------------------------------------------------------------


@pytest.fixture
def folder(data_dir: Path) -> Path:
    """A data folder with one of everything."""
    own = _put(flat_path(data_dir, MEDIUM))
    _put(public_path(data_dir, MEDIUM), count=2)
    public_path(data_dir, MEDIUM).with_suffix(".source.json").write_text("{}")
    _put(data_dir / "hf" / "lab" / "pixels" / ("a" * 40) / f"{MEDIUM}.h5")
    shards = _put(flat_path(data_dir, EXPERT), EXPERT, count=2)
    pack(shards)
    shards.unlink()
    PartStore(own.with_name(f"{own.name}.parts"), {}).write(0, miniature.originals(MEDIUM, 1)[0])
    (own.parent / f"{own.name}.incomplete").write_bytes(b"half")
    (own.parent / f"{Path(EXPERT).name}.h5.parts.removed").mkdir()
    (own.parent / "notes.txt").write_text("mine")
    (own.parent / "work").mkdir()
    return data_dir


def _kinds(run: Run) -> dict[tuple[str, str, str], dict[str, Any]]:
    _, out, _ = run("cache", "ls", "--json")
    return {(item["id"], item["kind"], item["where"]): item for item in json.loads(out)}


def test_ls_shows_all_that_is_ours(run: Run, folder: Path) -> None:
    items = _kinds(run)
    assert items.keys() == {
        (MEDIUM, "dataset", "own"),
        (MEDIUM, "unfinished", "own"),
        (MEDIUM, "leftover", "own"),
        (EXPERT, "dataset", "own"),
        (EXPERT, "leftover", "own"),
        (MEDIUM, "dataset", "public"),
        (MEDIUM, "dataset", "hf"),
    }
    public = items[MEDIUM, "dataset", "public"]
    assert (public["origin"], public["complete"], public["num_episodes"]) == (
        "regenerated",
        False,
        2,
    )
    assert len(public["paths"]) == 3
    assert items[MEDIUM, "dataset", "hf"]["note"] == f"hf://lab/pixels@{'a' * 40}"
    status, out, _ = run("cache", "ls")
    assert status == 0
    assert "2 other entries, which vd4rl did not make" in out
    assert "regenerated, INCOMPLETE" in out


def test_rm_of_an_id_spares_third_parties_and_strangers(run: Run, folder: Path) -> None:
    status, out, _ = run("cache", "rm", MEDIUM, "--yes")
    assert status == 0
    assert "Removed " in out
    assert {(name, where) for name, _, where in _kinds(run)} == {(EXPERT, "own"), (MEDIUM, "hf")}
    assert (folder / "VD4RL" / "notes.txt").read_text() == "mine"
    assert (folder / "VD4RL" / "work").is_dir()


def test_rm_of_a_path_takes_that_alone(run: Run, folder: Path) -> None:
    third = folder / "hf" / "lab" / "pixels" / ("a" * 40) / f"{MEDIUM}.h5"
    assert run("cache", "rm", third, "--yes")[0] == 0
    assert not third.exists()
    assert not third.with_suffix(".manifest.json").exists()
    assert run("cache", "rm", f"public/{MEDIUM}.h5", "--yes")[0] == 0
    assert not public_path(folder, MEDIUM).exists()
    assert flat_path(folder, MEDIUM).is_file()


@pytest.mark.parametrize("target", ["VD4RL/walker_walk-random-8px-v0", "VD4RL/notes.txt", "/etc"])
def test_rm_refuses_what_it_does_not_know(run: Run, folder: Path, target: str) -> None:
    before = sorted(folder.rglob("*"))
    status, _, err = run("cache", "rm", MEDIUM, target, "--yes")
    assert status == 2
    assert f"holds nothing of {target}" in err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_rm_asks(
    run: Run, folder: Path, answer: str, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    status, out, _ = run("cache", "rm", EXPERT)
    assert status == 0
    assert "? [y/N] " in out
    assert ((EXPERT, "dataset", "own") not in _kinds(run)) == gone


def test_rm_does_not_guess_where_nobody_can_be_asked(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    status, _, err = run("cache", "rm", EXPERT)
    assert status == 2
    assert "pass --yes" in err
    assert (EXPERT, "dataset", "own") in _kinds(run)


def test_rm_refuses_what_is_being_made_or_read(run: Run, folder: Path) -> None:
    public = public_path(folder, MEDIUM)
    with filelock.FileLock(public.with_name(f".{public.name}.download.lock")):
        status, _, err = run("cache", "rm", MEDIUM, "--yes")
    assert status == 2
    assert "a process is making this dataset" in err
    script = (
        "import mmap, sys\n"
        "file = open(sys.argv[1], 'rb')\n"
        "memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "file.close()\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(public)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        status, _, err = run("cache", "rm", MEDIUM, "--yes")
        reader.communicate("")
    assert status == 2
    assert f"is in use by process {reader.pid}" in err
    assert public.is_file()


def test_damaged_files_can_be_seen_and_removed(run: Run, folder: Path) -> None:
    public = public_path(folder, MEDIUM)
    public.write_bytes(b"not a dataset")
    assert "DAMAGED" in run("cache", "ls")[1]
    assert run("cache", "rm", f"public/{MEDIUM}.h5", "--yes")[0] == 0
    assert not public.exists()


def test_ls_of_nothing(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("cache", "ls", "--root", tmp_path / "none")
    assert (status, out) == (0, f"{tmp_path / 'none'}: 0 entries, 0.0 MB\n")
    assert run("cache", "rm")[0] == 2
    assert run("cache", "ls", MEDIUM)[0] == 2
