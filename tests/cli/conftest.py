"""Small real files of catalog ids, and the command line in this process and in another."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.formats import damages
from vd4rl_data.cli import main
from vd4rl_data.episode import Episode
from vd4rl_data.formats import export_dataset, find_format, writable_formats
from vd4rl_data.importing import import_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path

ID = "VD4RL/walker_walk-random-64px-v0"
SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"
LENGTHS = (4, 3, 6, 5)
OFFICIAL_FORMATS = writable_formats()

_TERMINAL_SETTINGS = ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Finished]


@pytest.fixture(autouse=True)
def plain_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the terminal that the tests run in reaches the commands."""
    for name in (*_TERMINAL_SETTINGS, "VD4RL_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command asks the hub for anything."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def shared_processes(shared_readers: object) -> None:
    """The imports of this process share the processes that read."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``vd4rl`` with arguments, in this process."""

    def call(*arguments: object) -> Finished:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        captured = capsys.readouterr()
        return Finished(status, captured.out, captured.err)

    return call


@pytest.fixture
def spawn(repository: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m vd4rl_data.cli`` with arguments; keywords are environment variables."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vd4rl_data.cli", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(repository), "PYTHONWARNINGS": "error"}
            | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )

    return call


def make_episode(spec: DatasetSpec, length: int, seed: int, *, terminated: bool = False) -> Episode:
    """An episode of noise with the proprioception of its task."""
    rng = np.random.default_rng(seed)
    discounts = np.ones(length, np.float32)
    discounts[-1] = 0.0 if terminated else 1.0
    return Episode(
        observations=rng.integers(0, 256, (length + 1, *spec.observation_shape), np.uint8),
        actions=rng.uniform(-1, 1, (length, spec.task.action_size)).astype(np.float32),
        rewards=rng.uniform(0, 2, length).astype(np.float32),
        discounts=discounts,
        terminated=terminated,
        truncated=not terminated,
    )


def make_episodes(spec: DatasetSpec, lengths: Sequence[int] = LENGTHS) -> list[Episode]:
    """Episodes of the lengths given; the second one terminates."""
    return [
        make_episode(spec, length, seed, terminated=seed == 1)
        for seed, length in enumerate(lengths)
    ]


def write(
    root: Path, name: str = ID, lengths: Sequence[int] = LENGTHS, origin: str = "regenerated"
) -> Path:
    """Write a dataset of noise where its id is looked for."""
    spec = get_dataset_spec(name)
    path = flat_path(root, name)
    provenance = Provenance(origin=origin, recipe={"made": "by a test"}, repairs=("nothing broke",))
    write_dataset(path, spec, make_episodes(spec, lengths), list(lengths), provenance)
    return path


@pytest.fixture
def dataset(data_dir: Path) -> Path:
    """Four short episodes of :data:`ID` in the data folder: incomplete."""
    return write(data_dir)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of official npz files."""
    export_dataset(make_episodes(get_dataset_spec(ID)), tmp_path / "official", "vd4rl-npz")
    return tmp_path / "official"


@pytest.fixture(params=OFFICIAL_FORMATS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of official files, in either format."""
    export_dataset(make_episodes(get_dataset_spec(ID)), tmp_path / "either", request.param)
    return tmp_path / "either"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """For a format: a folder of four files, one episode each, and a data folder of its import."""

    @functools.cache
    def make(kind: str) -> tuple[Path, Path]:
        spec, root = get_dataset_spec(ID), tmp_path_factory.mktemp("made")
        damages.write_files(find_format(kind), make_episodes(spec), root / "several")
        import_folder(root / "several", spec, root / "data")
        return root / "several", root / "data"

    return make


@pytest.fixture(params=OFFICIAL_FORMATS)
def several(
    request: pytest.FixtureRequest, tmp_path: Path, made: Callable[[str], tuple[Path, Path]]
) -> Path:
    """A folder of four official files, one episode each."""
    return shutil.copytree(made(request.param)[0], tmp_path / "several")


def files_of(folder: Path) -> list[Path]:
    """What lies in a folder."""
    return sorted(folder.iterdir())


def flip_byte(path: Path, position: int) -> None:
    """Alter one byte of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(bytes(content))
