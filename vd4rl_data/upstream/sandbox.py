"""A process that reads foreign files, so that one that crashes the HDF5 library harms nobody.

One process serves many files and is started again after a death. It is bounded in memory and time,
and what it answers is checked like a foreign file itself.
"""

from __future__ import annotations

import importlib
import queue
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

from vd4rl_data.errors import CorruptFileError
from vd4rl_data.processes import Limits, Report, Worker, error_of
from vd4rl_data.upstream.rows import Expected, Piece, Rows

ENTRY: Final = "vd4rl_data.upstream.sandbox:read_pieces"


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


def read_pieces(path: Path, kind: str, expected: Expected) -> Iterator[Piece]:
    """Read one foreign file of kind ``npz`` or ``hdf5``."""
    if kind == "npz":
        from vd4rl_data.upstream.npz import read_npz

        yield read_npz(path, expected)
    else:
        from vd4rl_data.upstream.hdf5 import read_shard

        yield from read_shard(path, expected)


class _Request(NamedTuple):
    """A file to read."""

    path: Path
    kind: str
    expected: Expected


@dataclass(frozen=True, slots=True)
class _ReadJob:
    """Reading, with the signature of :func:`read_pieces`, as ``module:function``."""

    entry: str

    def open(self) -> _ReadSession:
        module, _, function = self.entry.partition(":")
        return _ReadSession(getattr(importlib.import_module(module), function))


class _ReadSession:
    def __init__(self, read: Any) -> None:
        self._read = read

    def make(self, item: _Request, report: Report) -> None:
        for piece in self._read(*item):
            report(_message_of(piece))

    def close(self) -> None:
        pass


class Sandbox:
    """Reads foreign files in a process of its own; a context manager.

    Leaving the context, or dropping the last reference, kills the process and reaps it.
    """

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        """Nothing is started before the first :meth:`read`."""
        self.limits = limits or SandboxLimits()
        self._worker: Worker | None = None
        self._inbox: queue.Queue[Any] = queue.Queue(maxsize=1)  # a piece that nobody took yet

    def read(self, path: Path, kind: str, expected: Expected) -> Iterator[Piece]:
        """Yield the pieces of one file (of kind ``npz`` or ``hdf5``).

        An iterator that is abandoned half way costs the process: the next file gets a new one.

        Raises:
            CorruptFileError: also if the process died or exceeded a limit, with the signal's name.
            DatasetFormatError: as the readers.
        """
        worker, self._worker = self._worker, None  # it comes back after a file read to its end
        if worker is None or not worker.is_alive():
            self._inbox = queue.Queue(maxsize=1)
            bounds = Limits(self.limits.memory_bytes, self.limits.seconds_per_file)
            worker = Worker(_ReadJob(ENTRY), self._inbox, bounds)
        try:
            worker.ask(_Request(path.resolve(), kind, expected))
            left = self.limits.seconds_per_file
            while True:
                asked = time.monotonic()
                said, content = self._next(worker, path.name, left)
                left -= time.monotonic() - asked
                if said == "report":
                    yield _piece_of(path.name, content)
                elif said != "ready":
                    break
            self._worker = worker
            if said == "error":
                raise error_of(said, content)
        finally:
            if self._worker is not worker:
                worker.end()

    def close(self) -> None:
        """Kill the process and wait for it; nothing happens if there is none."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def __enter__(self) -> Sandbox:
        """The sandbox itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _next(self, worker: Worker, name: str, seconds: float) -> tuple[str, Any]:
        """The next thing that the process says.

        Raises:
            CorruptFileError: it died, says nothing in time, needs too much memory, or lies.
        """
        limits = self.limits
        try:
            _, said, content = self._inbox.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            raise CorruptFileError(
                f"{name}: expected to be read within {limits.seconds_per_file:g} seconds, "
                "gave up; the file is damaged, or the disk too slow"
            ) from None
        if said == "gone":
            raise CorruptFileError(
                f"{name}: the process that read it {worker.last_words()}; the file is damaged, or "
                "made to do damage. Download it again, from its source"
            )
        if said == "memory":
            raise CorruptFileError(
                f"{name}: expected to be read within {limits.memory_bytes:,} bytes of memory, "
                "needed more; the file is damaged, or the limit too low"
            )
        if said == "garbage":
            raise CorruptFileError(f"{name}: the process that read it sent {content}")
        return said, content


def _message_of(piece: Piece) -> dict[str, Any]:
    arrays = {field.name: getattr(piece.rows, field.name) for field in fields(Rows)}
    return {
        "start": piece.start,
        "is_first": piece.is_first,
        "is_last": piece.is_last,
        "repairs": list(piece.repairs),
        **{name: array for name, array in arrays.items() if array is not None},
    }


def _piece_of(name: str, message: Mapping[str, Any]) -> Piece:
    """The piece in a message.

    Raises:
        CorruptFileError: the message holds something else.
    """
    try:
        arrays = {
            field.name: message[field.name] for field in fields(Rows) if field.name in message
        }
        return Piece(
            rows=Rows(**arrays),
            start=int(message["start"]),
            is_first=bool(message["is_first"]),
            is_last=bool(message["is_last"]),
            repairs=tuple(str(repair) for repair in message["repairs"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFileError(
            f"{name}: the process that read it sent a piece that is none: {error}"
        ) from error
