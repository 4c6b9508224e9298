"""One worker process, seen from its parent."""

from __future__ import annotations

import itertools
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

import vd4rl_data.errors
from vd4rl_data.errors import Vd4rlError, WorkerError
from vd4rl_data.processes.child import END
from vd4rl_data.processes.engine import Job
from vd4rl_data.processes.wire import (
    WireError,
    receive_checked,
    receive_pickle,
    send_pickle,
    send_whole,
)

_LOGGER: Final = logging.getLogger("vd4rl_data")
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each maps memory
_STOP_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.5
_NUMBERS: Final = itertools.count()
_START: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from vd4rl_data.processes.child import main
main()
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a process that is not trusted, because it reads foreign files.

    Attributes:
        memory_bytes: maximum address space. Not enforced on Windows and macOS.
        seconds: maximum processor time of one item, so that an orphaned process ends by itself.
    """

    memory_bytes: int
    seconds: float

    def bound_memory(self) -> None:
        """Limit this process's address space, if the system can, and disable core files."""
        try:
            import resource
        except ImportError:  # Windows
            return
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = self.memory_bytes
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
        except (ValueError, OSError):  # macOS refuses
            return

    def bound_processor_time(self) -> None:
        """Limit the processor time of this process's next item, if the system can."""
        try:
            import resource
        except ImportError:  # Windows
            return
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(usage.ru_utime + usage.ru_stime + self.seconds) + 2
        allowed = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))


class Worker:
    """A new interpreter with a job; it is never forked, and does not run the caller's main module.

    Its messages arrive in a queue: ``ready``, ``report``, ``done``, ``failed``, ``error``,
    ``memory``, and ``gone`` when the process has ended. Dropping the last reference kills it.

    Attributes:
        number: a number that is unique in the parent process.
        item: the item that it is doing; ``None`` if there is none.
        is_busy: whether it is doing something.
    """

    def __init__(self, job: Job, inbox: queue.Queue[Any], limits: Limits | None = None) -> None:
        """Start the process.

        Args:
            job: the job to open in it.
            inbox: receives ``(number, kind, content)`` of each message; if it is full, the process
                waits.
            limits: limits of a process that is not trusted; its messages are then checked, and its
                output is kept for :meth:`last_words`.
        """
        self.number = next(_NUMBERS)
        self.item: Any = None
        self.is_busy = False
        self._errors: IO[bytes] | None = None if limits is None else _kept()
        environment = os.environ if limits is None else os.environ | _ONE_THREAD
        self._process = start_interpreter(self._errors, environment)
        self.pid = self._process.pid
        _LOGGER.debug("worker process %d", self.pid)
        self._lost = threading.Event()
        self.end = weakref.finalize(self, _end, self._process, self._errors, self._lost)
        receive = receive_pickle if limits is None else receive_checked
        reader = threading.Thread(
            target=_read,
            args=(self._process.stdout, receive, self.number, inbox, self._lost),
            daemon=True,
        )
        reader.start()
        self._send((job, limits), send_whole)

    def ask(self, item: Any) -> None:
        """Send it an item; if the process is dead, the queue reports that."""
        self.item, self.is_busy = item, True
        self._send((item,))

    def rest(self) -> None:
        """Record that it has finished its item."""
        self.item, self.is_busy = None, False

    def finish(self) -> None:
        """Ask it to exit; :meth:`join` waits."""
        self._send(END)

    def join(self) -> None:
        """Wait until it exits, and kill it if that takes too long."""
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _LOGGER.debug("worker process %d does not end by itself", self.pid)
        self.end()

    def is_alive(self) -> bool:
        """Whether it can take an item, as far as is known."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it; its queue gets ``gone``."""
        self._process.kill()

    def last_words(self) -> str:
        """How the process ended, and the last line of its output, if that was kept."""
        code = self._process.wait()
        how = f"exited with {code}"
        if code < 0:
            try:
                how = f"was killed by {signal.Signals(-code).name}"
            except ValueError:
                how = f"was killed by signal {-code}"
        if code == -getattr(signal, "SIGKILL", 0):
            how += ", which the system sends when memory runs out: try fewer workers"
        if self._errors is None:
            return how
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"{how} ({lines[-1][-300:]})" if lines else how

    def _send(self, message: Any, send: Callable[..., None] = send_pickle) -> None:
        pipe: Any = self._process.stdin
        try:
            send(pipe, message)
        except (BrokenPipeError, ValueError):  # dead, or ended and closed
            _LOGGER.debug("worker process %d is gone", self.pid)


def start_interpreter(
    errors: IO[bytes] | None, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a new interpreter that waits for a job at its standard input.

    Args:
        errors: what receives its standard error; ``None`` for that of this process.
        environment: its environment variables.
    """
    flags = [f"-W{option}" for option in sys.warnoptions]
    return subprocess.Popen(  # noqa: S603 - this very interpreter, no shell
        [sys.executable, *flags, "-c", _START, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        start_new_session=True,  # Ctrl-C is the parent's to handle
        env=environment,
    )


def error_of(kind: str, content: Any) -> Vd4rlError:
    """The error that a message of kind ``failed`` or ``error`` reports."""
    if kind == "failed":
        return content
    named = getattr(vd4rl_data.errors, str(content["type"]), WorkerError)
    known = isinstance(named, type) and issubclass(named, Vd4rlError)
    return (named if known else WorkerError)(str(content["message"]))


def _read(
    pipe: IO[bytes],
    receive: Any,
    number: int,
    inbox: queue.Queue[Any],
    lost: threading.Event,
) -> None:
    """Put the messages of a process into the queue until it ends."""
    while True:
        try:
            kind, content = receive(pipe)
        except (EOFError, OSError, ValueError):  # the process, or this end of the pipe, is gone
            kind, content = "gone", None
        except WireError as error:
            kind, content = "garbage", str(error)
        while not lost.is_set():
            try:
                inbox.put((number, kind, content), timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            break
        if lost.is_set() or kind in ("gone", "garbage"):
            return


def _kept() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _end(process: subprocess.Popen[bytes], errors: IO[bytes] | None, lost: threading.Event) -> None:
    """Kill and reap a process; runs once, at the latest when the interpreter exits."""
    lost.set()
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, errors):
        if pipe is not None:
            pipe.close()
