"""What runs in the reading process: one request after the other, until the pipe closes."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from vd4rl_data.errors import Vd4rlError
from vd4rl_data.upstream.rows import Expected, Piece
from vd4rl_data.upstream.wire import send, send_piece

ENTRY: Final = "vd4rl_data.upstream.worker:read_pieces"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the parent tells a reading process at its start.

    Attributes:
        entry: ``module:function`` with the signature of :func:`read_pieces`.
        memory_bytes: address space that the process may use.
        seconds: processor time that one file may use, so that an orphan ends by itself.
    """

    entry: str
    memory_bytes: int
    seconds: float


def read_pieces(path: Path, kind: str, expected: Expected) -> Iterator[Piece]:
    """Read one foreign file of kind ``npz`` or ``hdf5``."""
    if kind == "npz":
        from vd4rl_data.upstream.npz import read_npz

        yield read_npz(path, expected)
    else:
        from vd4rl_data.upstream.hdf5 import read_shard

        yield from read_shard(path, expected)


def main(settings: Settings) -> None:
    """Serve requests (one JSON object per line on standard input) until end of file.

    Answers go to what was standard output at the start; what the C libraries print afterwards goes
    to standard error and cannot break the protocol. An interrupt is the parent's to handle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    _limit_memory(settings.memory_bytes)
    module, _, function = settings.entry.partition(":")
    entry = getattr(importlib.import_module(module), function)
    try:
        for line in sys.stdin.buffer:
            _limit_processor_time(settings.seconds)
            _answer(entry, json.loads(line), answers)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone; a normal exit would try to flush into the same pipe


def _answer(entry: Any, request: dict[str, Any], answers: BinaryIO) -> None:
    def write(data: memoryview) -> None:
        while data:
            data = data[answers.write(data) :]

    path, kind = Path(request["path"]), request["kind"]
    try:
        for piece in entry(path, kind, Expected(**request["expected"])):
            send_piece(write, piece)
    except Vd4rlError as error:
        send(write, {"kind": "error", "type": type(error).__name__, "message": str(error)}, {})
    except MemoryError:
        send(write, {"kind": "memory"}, {})
    else:
        send(write, {"kind": "end"}, {})


def _limit_memory(limit: int) -> None:
    """Bound the address space, and leave no core files, where the operating system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    except (ValueError, OSError):  # macOS refuses
        return


def _limit_processor_time(seconds: float) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    allowed = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))
