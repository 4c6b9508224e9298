"""The reading process: deaths, limits, early exits, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vd4rl_data.errors import CorruptFileError, DatasetFormatError, InvalidEpisodeError
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.upstream import FolderReader, SandboxLimits, read_folder, sandbox
from vd4rl_data.upstream.rows import Expected
from vd4rl_data.upstream.sandbox import Sandbox

EVIL = """
import os, signal, sys, time
import numpy as np
from vd4rl_data.errors import InvalidEpisodeError
from vd4rl_data.upstream.sandbox import read_pieces

def misbehave(path, kind, expected):
    how = path.stem.partition("-")[0]
    if how == "good":
        yield from read_pieces(path, kind, expected)
        return
    yield from read_pieces(path.with_name("good.hdf5"), kind, expected)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "abort":
        os.write(2, b"free(): invalid pointer\\n")
        os.abort()
    if how == "leave":
        os._exit(3)
    if how == "hang":
        time.sleep(1000)
    if how == "spin":
        while True:
            pass
    if how == "eat":
        np.ones(2**32, np.uint8)
    if how == "raise":
        raise LookupError("what no reader raises")
    if how == "typed":
        raise InvalidEpisodeError("as the readers do")
    if how == "print":
        print("noise", flush=True)
        os.write(1, b"more noise")
    if how == "garbage":
        os.write(3, b"\\xff" * 100)
        time.sleep(1000)
    if how == "absurd":
        text = b'["report", {}, [["observations", "|u1", [1000000000000]]]]'
        os.write(3, len(text).to_bytes(8, "little") + text)
        time.sleep(1000)
    if how == "piece":
        text = b'["report", {}, []]'
        os.write(3, len(text).to_bytes(8, "little") + text)
        time.sleep(1000)
"""


@pytest.fixture
def evil(
    kit: Any, spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Reading goes through :data:`EVIL`; call it with a file name to make that file."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "evil_reader.py").write_text(EVIL)
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.setattr(sandbox, "ENTRY", "evil_reader:misbehave")
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
    with Sandbox(limits) as reading:
        return sum(1 for _ in reading.read(path, "hdf5", Expected.of(spec)))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("segfault", r"segfault\.hdf5: the process that read it was killed by SIGSEGV"),
        ("abort", r"abort\.hdf5: .* was killed by SIGABRT \(free\(\): invalid pointer\)"),
        ("leave", r"leave\.hdf5: .* exited with 3"),
        ("raise", r"raise\.hdf5: .* exited with 1 \(LookupError: what no reader raises\)"),
        ("garbage", r"garbage\.hdf5: .* sent a header of 18446744073709551615 bytes"),
        ("absurd", r"absurd\.hdf5: .* sent an unreadable header: an array of 1000000000000 bytes"),
        ("piece", r"piece\.hdf5: .* sent a piece that is none"),
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
    with Sandbox() as reading:
        assert len(list(reading.read(good, "hdf5", expected))) == 2
        first = reading._worker
        with pytest.raises(InvalidEpisodeError):
            list(reading.read(evil("typed.hdf5"), "hdf5", expected))
        assert len(list(reading.read(good, "hdf5", expected))) == 2
        assert reading._worker is first
        with pytest.raises(CorruptFileError):
            list(reading.read(good.with_name("segfault.hdf5"), "hdf5", expected))
        assert reading._worker is None
        assert len(list(reading.read(good, "hdf5", expected))) == 2
    assert reading._worker is None


def test_a_process_that_died_between_files(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0]))
    with Sandbox() as reading:
        list(reading.read(path, "hdf5", Expected.of(spec)))
        child: Any = reading._worker
        assert child.is_alive()
        child._process.kill()
        child._process.wait()
        assert len(list(reading.read(path, "hdf5", Expected.of(spec)))) == 1


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
    root = str(Path(sandbox.__file__).parents[2])
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
from vd4rl_data.upstream import read_folder
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
        "from vd4rl_data.upstream.sandbox import read_pieces\n"
        "def read(path, kind, expected):\n"
        "    yield from read_pieces(path, kind, expected)\n"
        "    heavy = {'torch', 'mujoco', 'dm_control', 'PIL', 'rich'} & set(sys.modules)\n"
        "    if heavy: raise RuntimeError(f'imported {heavy}')\n"
    )
    script = SCRIPT.replace(
        "register_all()",
        "from vd4rl_data.upstream import sandbox; sandbox.ENTRY = 'spy:read'\n"
        "sys.path.append(sys.argv[1])\n"
        "sys.modules['torch'] = types.ModuleType('torch')\n"
        "register_all()",
    )
    done = run_script(tmp_path, script + "print(len(list(reader)))\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_flipped_bits_in_hdf5_never_reach_the_caller_as_a_crash(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    """HDF5 has no checksums over its structure: values may change, but errors stay typed."""
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1]))
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    limits = SandboxLimits(seconds_per_file=20.0)
    with Sandbox(limits) as reading:
        for position in rng.choice(min(len(good), 12_000), 60, replace=False):
            flipped = bytearray(good)
            flipped[position] ^= 1 << int(position) % 8
            path.write_bytes(flipped)
            try:
                list(reading.read(path, "hdf5", Expected.of(spec)))
            except DatasetFormatError:
                outcomes["refused"] += 1
            else:
                outcomes["read"] += 1
    assert min(outcomes.values()) > 0


def test_arrays_survive_the_pipe(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """What comes through the process is what is read in this one, and is writable."""
    path = kit.write_npz(tmp_path / "a.npz", kit.recorded(5))
    with Sandbox() as reading:
        (through,) = reading.read(path, "npz", Expected.of(spec))
    (direct,) = sandbox.read_pieces(path, "npz", Expected.of(spec))
    for name in ("observations", "actions", "rewards", "discounts", "state"):
        here, there = getattr(direct.rows, name), getattr(through.rows, name)
        assert here.dtype == there.dtype
        np.testing.assert_array_equal(here, there)
        assert there.flags.writeable
    assert (through.start, through.is_first, through.is_last) == (0, True, True)
