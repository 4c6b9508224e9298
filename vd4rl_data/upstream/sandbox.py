"""A process that reads foreign files, so that one that crashes the HDF5 library harms nobody.

One process serves many files and is started again after a death. It is a fresh interpreter (never a
fork, and it does not import the caller's main module), bounded in memory and time.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import vd4rl_data.errors
from vd4rl_data.errors import CorruptFileError, Vd4rlError
from vd4rl_data.upstream import worker
from vd4rl_data.upstream.rows import Expected, Piece
from vd4rl_data.upstream.wire import ProtocolError, piece_of, receive

_LOGGER: Final = logging.getLogger("vd4rl_data")
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each maps memory
_START: Final = """\
import json, sys
settings, sys.path[:] = json.loads(sys.argv[1])
from vd4rl_data.upstream.worker import Settings, main
main(Settings(**settings))
"""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Bounds of the reading process.

    Attributes:
        memory_bytes: address space. The official shards need less than 2 GiB, of which half is the
            interpreter's; the rest is room for shards in larger chunks. Not enforced on Windows and
            macOS, which have no such limit.
        seconds_per_file: how long to wait for one file, without the time that the caller takes
            between episodes.
    """

    memory_bytes: int = 8 * 2**30
    seconds_per_file: float = 900.0


class Sandbox:
    """Reads foreign files in a process of its own; a context manager.

    Leaving the context, or dropping the last reference, kills the process and reaps it.
    """

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        """Nothing is started before the first :meth:`read`."""
        self.limits = limits or SandboxLimits()
        self._child: _Child | None = None

    def read(self, path: Path, kind: str, expected: Expected) -> Iterator[Piece]:
        """Yield the pieces of one file (of kind ``npz`` or ``hdf5``).

        An iterator that is abandoned half way costs the process: the next file gets a new one.

        Raises:
            CorruptFileError: also if the process died or exceeded a limit, with the signal's name.
            DatasetFormatError: as the readers.
        """
        child, self._child = self._child, None  # it comes back after a file read to its end
        if child is None or not child.is_alive():
            child = _Child(self.limits)
        try:
            child.request({"path": str(path.resolve()), "kind": kind, "expected": asdict(expected)})
            left = self.limits.seconds_per_file
            while True:
                asked = time.monotonic()
                header, arrays = _next_message(child, path.name, left, self.limits)
                left -= time.monotonic() - asked
                if header["kind"] == "piece":
                    yield _piece(path.name, header, arrays)
                    continue
                if header["kind"] != "memory":
                    self._child = child
                break
            _raise_error(path.name, header, self.limits)
        finally:
            if self._child is not child:
                child.end()

    def close(self) -> None:
        """Kill the process and wait for it; nothing happens if there is none."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Sandbox:
        """The sandbox itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


class _Child:
    """One reading process with its pipes."""

    def __init__(self, limits: SandboxLimits) -> None:
        settings = worker.Settings(worker.ENTRY, limits.memory_bytes, limits.seconds_per_file)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 -- this very interpreter, no shell
            [sys.executable, "-c", _START, json.dumps([asdict(settings), sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
            env=os.environ | _ONE_THREAD,
        )
        self.end = weakref.finalize(self, _end, self._process, self._errors)
        _LOGGER.debug("reading foreign files in process %d", self._process.pid)

    def is_alive(self) -> bool:
        """Whether it can take a request, as far as is known."""
        return self._process.poll() is None

    def request(self, request: dict[str, Any]) -> None:
        """Send one request; a process that is already dead is noticed at the answer."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            _LOGGER.debug("process %d is gone", self._process.pid)

    def read_into(self, buffer: memoryview) -> None:
        """Fill ``buffer`` from the pipe.

        Raises:
            EOFError: the process is gone.
        """
        pipe: Any = self._process.stdout
        while buffer:
            count = pipe.readinto(buffer)
            if not count:
                raise EOFError
            buffer = buffer[count:]

    @contextmanager
    def deadline(self, seconds: float) -> Generator[threading.Event, None, None]:
        """Kill the process if the block takes longer; the event tells that this happened."""
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(max(seconds, 0.0), kill)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def last_words(self) -> str:
        """How the process ended, and the last line that it wrote to standard error."""
        code = self._process.wait()
        try:
            how = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
            )
        except ValueError:
            how = f"was killed by signal {-code}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"{how} ({lines[-1][-300:]})" if lines else how


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """Kill and reap a process; runs once, at the latest when the interpreter exits."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, errors):
        if pipe is not None:
            pipe.close()


def _next_message(
    child: _Child, name: str, seconds: float, limits: SandboxLimits
) -> tuple[dict[str, Any], dict[str, Any]]:
    with child.deadline(seconds) as late:
        try:
            return receive(child.read_into)
        except EOFError:
            if late.is_set():
                raise CorruptFileError(
                    f"{name}: expected to be read within {limits.seconds_per_file:g} seconds, "
                    "gave up; the file is damaged, or the disk too slow"
                ) from None
            raise CorruptFileError(
                f"{name}: the process that read it {child.last_words()}; the file is damaged, or "
                "made to do damage. Download it again, from its source"
            ) from None
        except ProtocolError as error:
            raise CorruptFileError(f"{name}: the process that read it sent {error}") from error


def _piece(name: str, header: dict[str, Any], arrays: dict[str, Any]) -> Piece:
    try:
        return piece_of(header, arrays)
    except ProtocolError as error:
        raise CorruptFileError(f"{name}: the process that read it sent {error}") from error


def _raise_error(name: str, header: dict[str, Any], limits: SandboxLimits) -> None:
    """Raise what a message reports: an error of the readers, or a want of memory."""
    if header["kind"] == "memory":
        raise CorruptFileError(
            f"{name}: expected to be read within {limits.memory_bytes:,} bytes of memory, needed "
            "more; the file is damaged, or the limit too low"
        )
    if header["kind"] == "error":
        error_type = getattr(vd4rl_data.errors, str(header["type"]), CorruptFileError)
        if not issubclass(error_type, Vd4rlError):
            error_type = CorruptFileError
        raise error_type(header["message"])
