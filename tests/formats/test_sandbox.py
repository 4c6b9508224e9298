"""The reading process: deaths, limits, early exits, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
from tests.formats.evil import EVIL
from tests.formats.reading import HDF5
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, InvalidEpisodeError
from vd4rl_data.formats import (
    Expected,
    FolderReader,
    Sandbox,
    SandboxLimits,
    read_folder,
)
from vd4rl_data.spec import DatasetSpec


@pytest.fixture
def evil(kit: Any, tmp_path: Path) -> Callable[..., Path]:
    """Files for :data:`EVIL`; call it with a file name to make that file."""
    folder = tmp_path / "data"
    folder.mkdir()
    kit.write_hdf5(folder / "good.hdf5", kit.shard_rows([0, 1]))

    def make(name: str) -> Path:
        (folder / name).write_bytes(b"nothing")
        return folder / name

    return make


def children() -> set[int]:
    """This process's children (Linux), those that died and were not waited for included."""
    found: set[int] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


def assert_no_more_than(before: set[int], seconds: float = 5.0) -> None:
    """No child is left that was not there before; one that was killed may take a moment."""
    deadline = time.monotonic() + seconds
    while left := children() - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def read_all(path: Path, spec: DatasetSpec, limits: SandboxLimits | None = None) -> int:
    with Sandbox(EVIL, limits) as reading:
        return sum(1 for _ in reading.read(path, Expected.of(spec)))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("segfault", r"segfault\.hdf5: the process that read it was killed by SIGSEGV"),
        ("abort", r"abort\.hdf5: .* was killed by SIGABRT \(free\(\): invalid pointer\)"),
        ("leave", r"leave\.hdf5: .* exited with 3"),
        ("raise", r"raise\.hdf5: .* exited with 1 \(LookupError: what no reader raises\)"),
        ("nothing", r"nothing\.hdf5: .*TypeError: evil: read: expected a ReadEpisode"),
        ("garbage", r"garbage\.hdf5: .* sent a header of 18446744073709551615 bytes"),
        ("absurd", r"absurd\.hdf5: .* sent an unreadable header: an array of 1000000000000 bytes"),
        ("piece", r"piece\.hdf5: .* sent something that is no piece"),
    ],
)
def test_a_death_is_an_error_that_names_the_file(
    how: str, message: str, evil: Callable[..., Path], spec: DatasetSpec
) -> None:
    before = children()
    with pytest.raises(CorruptFileError, match=message):
        read_all(evil(f"{how}.hdf5"), spec)
    assert_no_more_than(before)


def test_typed_errors_come_through(evil: Callable[..., Path], spec: DatasetSpec) -> None:
    with pytest.raises(InvalidEpisodeError, match="as the readers do"):
        read_all(evil("typed.hdf5"), spec)


def test_prints_do_not_break_the_protocol(
    evil: Callable[..., Path], spec: DatasetSpec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert read_all(evil("print.hdf5"), spec) == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["hang", "spin"])
def test_time_limit(how: str, evil: Callable[..., Path], spec: DatasetSpec) -> None:
    limits = SandboxLimits(seconds_per_file=1.0)
    with pytest.raises(
        CorruptFileError, match=rf"{how}\.hdf5: expected to be read within 1 seconds"
    ):
        read_all(evil(f"{how}.hdf5"), spec, limits)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the address space")
def test_memory_limit(evil: Callable[..., Path], spec: DatasetSpec) -> None:
    limits = SandboxLimits(memory_bytes=3 * 2**30)
    with pytest.raises(CorruptFileError, match=r"eat\.hdf5: .* 3,221,225,472 bytes of memory"):
        read_all(evil("eat.hdf5"), spec, limits)


def test_the_process_serves_many_files_and_is_started_again_after_a_death(
    evil: Callable[..., Path], kit: Any, spec: DatasetSpec
) -> None:
    expected = Expected.of(spec)
    good = evil("segfault.hdf5").with_name("good.hdf5")
    with Sandbox(EVIL) as reading:
        assert len(list(reading.read(good, expected))) == 2
        first = reading._worker
        with pytest.raises(InvalidEpisodeError):
            list(reading.read(evil("typed.hdf5"), expected))
        assert len(list(reading.read(good, expected))) == 2
        assert reading._worker is first
        with pytest.raises(CorruptFileError):
            list(reading.read(good.with_name("segfault.hdf5"), expected))
        assert reading._worker is None
        assert len(list(reading.read(good, expected))) == 2
    assert reading._worker is None


def test_a_process_that_died_between_files(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0]))
    with Sandbox(HDF5) as reading:
        list(reading.read(path, Expected.of(spec)))
        child: Any = reading._worker
        assert child.is_alive()
        child._process.kill()
        child._process.wait()
        assert len(list(reading.read(path, Expected.of(spec)))) == 1


def fail_after_one(reader: FolderReader) -> None:
    with reader:
        next(reader)
        raise RuntimeError("the caller's")


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")
@pytest.mark.parametrize("how", ["close", "with", "drop", "error"])
def test_leaving_early_kills_the_process(
    how: str, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows(list(range(9))))
    before = children()
    reader = read_folder(tmp_path, spec)
    if how == "with":
        with reader:
            next(reader)
    elif how == "error":
        with pytest.raises(RuntimeError, match="the caller's"):
            fail_after_one(reader)
    else:
        next(reader)
        assert len(children() - before) == 1
        if how == "close":
            reader.close()
            reader.close()
    if how != "drop":
        assert list(reader) == []
    del reader
    gc.collect()
    assert_no_more_than(before)


def run_script(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(vd4rl_data.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", script, str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": root},
        check=False,
    )


SCRIPT = """
import dataclasses, sys, types
from pathlib import Path
from vd4rl_data.suites import register_all
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.formats import read_folder
register_all()
spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
task = dataclasses.replace(spec.task, horizon=20)
spec = spec.with_environments(lambda one: dataclasses.replace(one, task=task))
spec = dataclasses.replace(spec, id=dataclasses.replace(spec.id, size=8))
reader = read_folder(Path(sys.argv[1]), spec)
next(reader)
"""


def test_an_interpreter_that_exits_half_way_is_silent(kit: Any, tmp_path: Path) -> None:
    """No zombie, no warning, no traceback; and a script without a main guard is not run again."""
    kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows(list(range(9))))
    script = SCRIPT + "print(reader.files[0].name)\n"
    done = run_script(tmp_path, script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.hdf5\n", "")


def test_the_process_imports_no_framework(kit: Any, tmp_path: Path) -> None:
    kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1, 2]))
    (tmp_path / "spy.py").write_text(
        "import sys\n"
        "from vd4rl_data.formats import find_format\n"
        "def read(path, expected):\n"
        "    yield from find_format('vd4rl-hdf5').read(path, expected)\n"
        "    heavy = {'torch', 'mujoco', 'dm_control', 'PIL', 'rich'} & set(sys.modules)\n"
        "    if heavy: raise RuntimeError(f'imported {heavy}')\n"
    )
    script = SCRIPT.replace(
        "reader = read_folder(Path(sys.argv[1]), spec)",
        "from vd4rl_data.formats import find_format\n"
        "sys.path.append(sys.argv[1])\n"
        "sys.modules['torch'] = types.ModuleType('torch')\n"
        "import spy\n"
        "spying = dataclasses.replace(find_format('vd4rl-hdf5'), read=spy.read)\n"
        "reader = read_folder(Path(sys.argv[1]), spec, format=spying)",
    )
    done = run_script(tmp_path, script + "print(len(list(reader)))\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_a_reader_that_the_process_cannot_import_is_told(
    kit: Any, spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0]))
    lost = types.ModuleType("lost_module")
    exec("def read(path, expected): yield from ()", lost.__dict__)
    monkeypatch.setitem(sys.modules, "lost_module", lost)
    with (
        Sandbox(dataclasses.replace(HDF5, read=lost.read)) as reading,
        pytest.raises(CorruptFileError, match=r"0\.hdf5: .*No module named 'lost_module'"),
    ):
        list(reading.read(path, Expected.of(spec)))


def test_flipped_bits_in_hdf5_never_reach_the_caller_as_a_crash(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    """HDF5 has no checksums over its structure: values may change, but errors stay typed."""
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1]))
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    limits = SandboxLimits(seconds_per_file=20.0)
    with Sandbox(HDF5, limits) as reading:
        for position in rng.choice(min(len(good), 12_000), 60, replace=False):
            flipped = bytearray(good)
            flipped[position] ^= 1 << int(position) % 8
            path.write_bytes(flipped)
            try:
                list(reading.read(path, Expected.of(spec)))
            except DatasetFormatError:
                outcomes["refused"] += 1
            else:
                outcomes["read"] += 1
    assert min(outcomes.values()) > 0
