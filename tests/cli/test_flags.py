"""What the library says of keyword arguments, said of a command's options."""

from __future__ import annotations

import dataclasses

import pytest

from tests.cli.conftest import ID, Run
from vd4rl_data.errors import NoSpaceError, Vd4rlError
from vd4rl_data.flags import blames_the_user, flags_of, spoken, told

FLAGS = frozenset(
    (
        "--batch-size",
        "--max-episodes",
        "--no-check-hashes",
        "--no-progress",
        "--out",
        "--replace",
        "--seed",
        "--source",
    )
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("batch_size: expected at least 1", "--batch-size: expected at least 1"),
        ("seed: expected at least 0, got -1", "--seed: expected at least 0, got -1"),
        ("remove it, or say replace=True", "remove it, or say --replace"),
        ("say check_hashes=False", "say --no-check-hashes"),
        ("no_progress=True", "--no-progress"),
        ("pass max_episodes=3, or source='local'", "pass --max-episodes 3, or --source local"),
        ("set max_episodes=", "set --max-episodes"),
        ('source="a folder"', '--source "a folder"'),
        ("write elsewhere with root=DIR", "write elsewhere with --out DIR"),
        ("lower batch_size or max_episodes.", "lower --batch-size or --max-episodes."),
    ],
)
def test_arguments_become_options(said: str, shown: str) -> None:
    assert spoken(said, FLAGS, {"root": "--out"}) == shown


@pytest.mark.parametrize(
    "said",
    [
        "pass drop_last=False",  # no option of this command
        "say replace=False",  # nothing to type
        "x.h5: seed: expected 1",  # about a file
        'load_dataset("a", source="local", rng=default_rng(seed=3)) opens it',  # code to copy
        "/tmp/batch_size/x.h5, batch_size.h5 and 'batch_size'",
        "https://a.b/c?seed=3&source=4",
        "MUJOCO_GL=egl",
        "VD4RL/walker_walk-medium_expert-64px-v0",
        "the source is gone; the seed stays",
    ],
)
def test_what_is_no_argument_stays(said: str) -> None:
    assert spoken(said, FLAGS, {"root": "--out"}) == said


def test_a_command_that_has_the_librarys_name_uses_it() -> None:
    assert spoken("seed: x", {"--seed", "--seeds"}, {"seed": "--seeds"}) == "--seed: x"
    assert spoken("seed: x", {"--seeds"}, {"seed": "--seeds"}) == "--seeds: x"


@dataclasses.dataclass(frozen=True)
class _Machine:
    cuda_graph: bool = True
    compile: bool = False


@dataclasses.dataclass(frozen=True)
class _Command:
    run_folder: "Annotated[Path, tyro.conf.Positional]"  # noqa: F821, UP037 - never evaluated
    max_episodes: int | None = None
    machine: _Machine = _Machine()


def test_the_options_of_a_dataclass() -> None:
    found = flags_of(_Command("here"))
    assert found == {"--max-episodes", "--no-cuda-graph", "--compile"}
    assert flags_of(None) == frozenset()


def test_only_errors_about_options_are_told_without_a_traceback() -> None:
    flags = {"--batch-size"}
    for error in (Vd4rlError("x"), FileNotFoundError(2, "x"), MemoryError(), KeyboardInterrupt()):
        assert blames_the_user(error, flags)
    assert blames_the_user(ValueError("batch_size: expected at least 1"), flags)
    assert blames_the_user(TypeError("batch_size: expected an integer"), flags)
    for fault in (ValueError("seed: x"), KeyError("batch_size: x"), RuntimeError("batch_size: x")):
        assert not blames_the_user(fault, flags)


def test_notes_paths_and_numbers_of_errors() -> None:
    error = FileNotFoundError(2, "No such file or directory", "/a/seed")
    error.add_note("say replace=True")
    assert told(error, FLAGS) == "/a/seed: No such file or directory\nsay --replace"
    in_the_way = told(NotADirectoryError(20, "Not a directory", "/dev/null/data"), FLAGS)
    assert in_the_way.startswith("/dev/null/data: Not a directory: a file stands where a folder")
    assert told(NoSpaceError(28, "the disk is full"), FLAGS) == "the disk is full"
    assert told(KeyboardInterrupt(), ()) == "interrupted"
    assert told(MemoryError(), ()) == "MemoryError"


def test_a_command_speaks_its_own_language(run: Run, tmp_path: object) -> None:
    finished = run("publish", "x.h5", "--repo", "no name")
    assert finished.status == 2
    assert finished.err.startswith("vd4rl: --repo: expected USER/NAME")


def test_a_fault_of_the_program_keeps_its_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("what no user did")

    monkeypatch.setattr("vd4rl_data.cli.info.get_dataset_spec", fail)
    with pytest.raises(ValueError, match="what no user did"):
        run("info", ID)
