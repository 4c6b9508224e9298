"""The frame around all commands: help, version, start-up, streams, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ID, SAMPLE, Run
from vd4rl_data import __version__
from vd4rl_data.cli import COMMANDS
from vd4rl_data.registry import list_datasets

Spawn = Callable[..., subprocess.CompletedProcess[str]]
_HEAVY = (
    "h5py", "rich", "mujoco", "dm_control", "torch", "PIL", "huggingface_hub", "tqdm", "pydantic",
)  # fmt: skip


def test_version(run: Run) -> None:
    assert run("--version").out == f"vd4rl-data {__version__}\n"


def test_help_names_every_command(run: Run) -> None:
    finished = run("--help")
    assert finished.status == 0
    for name in COMMANDS:
        assert f"    {name} " in finished.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_arguments(run: Run, name: str) -> None:
    finished = run(name, "--help")
    assert finished.status == 0
    assert f"usage: vd4rl {name} " in finished.out
    assert COMMANDS[name][1].split()[-1] in finished.out


@pytest.mark.parametrize("arguments", [(), ("lst",), ("verify",), ("list", "--size", "65")])
def test_bad_arguments_end_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert finished.status == 2
    assert "usage: vd4rl" in finished.err


def test_help_imports_nothing_heavy(repository: Path) -> None:
    code = (
        "import sys\n"
        "from vd4rl_data.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set(sys.modules) & set({_HEAVY!r})), file=sys.stderr)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert finished.stderr == "[]\n"


def test_python_dash_m(spawn: Spawn, data_dir: Path) -> None:
    finished = spawn("list", "--size", "84", "--json")
    assert finished.returncode == 0, finished.stderr
    assert len(json.loads(finished.stdout)) == len(list_datasets(size=84))
    assert finished.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "walker"), "vd4rl: 'walker' is not a dataset id; expected <Suite>/"),
        (("info", f"{ID[:-1]}9"), "Did you mean 'VD4RL/walker_walk-random-64px-v0'?"),
        (("info", ID[:-3]), "has no version; the newest is VD4RL/walker_walk-random-64px-v0"),
        (("verify", ID), f"vd4rl import FOLDER --id {ID}"),
        (("verify", "nowhere.h5"), "vd4rl: no dataset file at nowhere.h5"),
        (("preview", ID), f"vd4rl: {ID} is not on this machine"),
        (("export", ID, "--format", "vd4rl-npz", "--out", "x"), "python -m collection collect"),
        (("pack", "nowhere.h5"), "vd4rl: no dataset file at nowhere.h5"),
        (("unpack", "nowhere.h5"), "vd4rl: no dataset file at nowhere.h5"),
        (("import", "nowhere", "--id", ID), "vd4rl: nowhere is not a folder"),
    ],
)
def test_an_error_is_one_message_and_status_2(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    finished = run(*arguments)
    assert finished.status == 2
    assert finished.out == ""
    assert finished.err.startswith("vd4rl: ")
    assert message in finished.err
    assert "Traceback" not in finished.err


def test_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VD4RL_DEBUG", "1")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.h5"):
        run("verify", "nowhere.h5")


def test_a_file_that_may_not_be_read(run: Run, tmp_path: Path) -> None:
    finished = run("info", tmp_path / "a_folder.h5")
    assert finished.status == 2
    blocked = tmp_path / "file"
    blocked.write_text("")
    finished = run("preview", SAMPLE, "--out", blocked / "inside", "--format", "none")
    assert finished.status == 2
    assert str(blocked) in finished.err


def test_interrupting_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vd4rl_data.cli.verify.verify_dataset", interrupt)
    finished = run("verify", SAMPLE)
    assert (finished.status, finished.err) == (2, "vd4rl: interrupted\n")


def test_verbose_says_where_data_is_taken_from(run: Run, tmp_path: Path) -> None:
    arguments = ("preview", SAMPLE, "--out", tmp_path, "--format", "none", "--replace")
    assert run(*arguments).err == ""
    assert f"{SAMPLE}: sample copy: " in run(*arguments, "-v").err
    assert run(*arguments).err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--json"),
        ("info", SAMPLE),
        ("info", ID),
        ("verify", SAMPLE),
        ("verify", "--json", SAMPLE, ID),
        ("preview", SAMPLE, "--format", "none", "--out", "pictures"),
        ("export", SAMPLE, "--format", "vd4rl-hdf5", "--out", "official"),
    ],
)
def test_no_control_characters_in_a_pipe(
    run: Run,
    arguments: tuple[str, ...],
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    finished = run(*arguments)
    assert finished.status == 0, finished.err
    assert finished.err == ""
    assert finished.out
    assert all(character.isprintable() or character == "\n" for character in finished.out)


@pytest.mark.parametrize("command", [("list",), ("info", SAMPLE)])
@pytest.mark.parametrize("terminal", [True, False])
def test_any_encoding_will_do(spawn: Spawn, command: tuple[str, ...], terminal: bool) -> None:
    environment = {"FORCE_COLOR": "1"} if terminal else {}
    finished = spawn(*command, PYTHONIOENCODING="ascii", **environment)
    assert finished.returncode == 0, finished.stderr
    assert SAMPLE in finished.stdout
    assert finished.stdout.isascii()
    assert finished.stderr == ""


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("info", SAMPLE)])
def test_a_reader_that_leaves_early(repository: Path, command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        finished = subprocess.run(
            [sys.executable, "-m", "vd4rl_data.cli", *command],
            cwd=repository,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert finished.returncode == 2
    assert finished.stderr == ""
