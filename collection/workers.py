"""Spawned worker processes that make episodes. None hangs its parent, and none outlives it.

Spawned, not forked: a process forked after its parent rendered would hang in OpenGL. Parent and
worker talk through one pipe and nothing else, so a worker that is killed at any moment leaves no
lock behind: its pipe ends, and the parent reads that.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, NoReturn, Protocol, cast

from collection.errors import WorkerError
from vd4rl_data.errors import Vd4rlError

OnFrames = Callable[[int], None]
"""Called with the number of frames that were just rendered."""

_STOP_SECONDS: Final = 10.0
_MOST_WORKERS: Final = 16


class Session(Protocol):
    """A job opened inside one worker process."""

    @property
    def renderer(self) -> str | None:
        """The OpenGL renderer of this process, ``None`` where nothing is rendered."""
        ...

    def make(self, number: int, on_frames: OnFrames) -> Any:
        """Make one episode; what is returned travels to the parent and should be small."""
        ...

    def close(self) -> None:
        """Free what the session holds."""
        ...


class Job(Protocol):
    """What to make; sent to every worker, so it must pickle."""

    def open(self) -> Session:
        """Open the job in this process."""
        ...


@dataclass(frozen=True, slots=True)
class _Ready:
    renderer: str | None


@dataclass(frozen=True, slots=True)
class _Frames:
    count: int


@dataclass(frozen=True, slots=True)
class _Finished:
    number: int
    result: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    episode: int | None = None


class WorkerPool:
    """A fixed number of worker processes for one job; use it in a ``with`` statement.

    A failure of one worker stops them all: what was finished is on the disk, and the next run goes
    on from there.
    """

    def __init__(self, job: Job, workers: int) -> None:
        """Prepare a pool; the processes start on entering the ``with`` statement.

        Raises:
            ValueError: there would be no worker.
        """
        if workers < 1:
            raise ValueError(f"workers: expected at least 1, got {workers}")
        self._job = job
        self._size = workers
        self._workers: list[_Worker] = []
        self.renderers: tuple[str | None, ...] = ()

    def __enter__(self) -> WorkerPool:
        """Start all processes and wait until each has opened the job."""
        try:
            for _ in range(self._size):
                self._workers.append(_start(self._job))
            ready = (_receive(worker) for worker in self._workers)
            self.renderers = tuple(cast("_Ready", message).renderer for message in ready)
        except BaseException:
            self._abort()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Stop all processes: politely after success, at once after an error."""
        if kind is not None:
            self._abort()
            return
        for worker in self._workers:
            _send(worker, None)
        for worker in self._workers:
            worker.process.join(_STOP_SECONDS)
        self._abort()

    def run(self, numbers: Sequence[int], on_frames: OnFrames) -> Iterator[tuple[int, Any]]:
        """Make the given episodes; yields (number, result) in the order in which they finish.

        Raises:
            WorkerError: a worker died.
            Vd4rlError: whatever a worker raised.
        """
        waiting = iter(numbers)
        for worker in self._workers:
            _assign(worker, waiting)
        while busy := [worker for worker in self._workers if worker.episode is not None]:
            by_connection = {worker.connection: worker for worker in busy}
            for connection in wait(list(by_connection)):
                worker = by_connection[cast("Connection", connection)]
                message = _receive(worker)
                if isinstance(message, _Frames):
                    on_frames(message.count)
                elif isinstance(message, _Finished):
                    _assign(worker, waiting)
                    yield message.number, message.result

    def _abort(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_STOP_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
            worker.connection.close()
        self._workers.clear()


def available_workers() -> int:
    """One worker per core that this process may use; at most 16, which is plenty for one GPU."""
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    return min(_MOST_WORKERS, os.cpu_count() or 1)


def _assign(worker: _Worker, waiting: Iterator[int]) -> None:
    worker.episode = next(waiting, None)
    if worker.episode is not None:
        _send(worker, worker.episode)


def _send(worker: _Worker, message: int | None) -> None:
    try:
        worker.connection.send(message)
    except OSError:
        _raise_death(worker)


def _receive(worker: _Worker) -> _Ready | _Frames | _Finished:
    try:
        message = worker.connection.recv()
    except (EOFError, OSError):
        _raise_death(worker)
    if isinstance(message, _Failed):
        raise message.error
    return cast("_Ready | _Frames | _Finished", message)


def _raise_death(worker: _Worker) -> NoReturn:
    worker.process.join(_STOP_SECONDS)
    code = worker.process.exitcode
    cause = f"exit code {code}"
    if code is not None and code < 0:
        cause = signal.Signals(-code).name
        if -code == signal.SIGKILL:
            cause += ", usually sent by the system when memory runs out: try fewer workers"
    doing = "starting" if worker.episode is None else f"making episode {worker.episode}"
    raise WorkerError(f"a worker process died while {doing} ({cause})") from None


def _start(job: Job) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, job), daemon=True)
    with _interrupts_blocked():
        process.start()
    # The worker now holds the only copy of its end: when it dies, ours reads the end of the pipe.
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _interrupts_blocked() -> Generator[None]:
    """Start a process that never sees Ctrl-C, not even while it imports: its parent stops it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, job: Job) -> None:
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _exit_with_parent()
    session: Session | None = None
    try:
        session = job.open()
        connection.send(_Ready(session.renderer))
        while (number := connection.recv()) is not None:
            result = session.make(number, lambda count: connection.send(_Frames(count)))
            connection.send(_Finished(number, result))
    except Exception as error:  # noqa: BLE001 - a process boundary: the parent raises it
        connection.send(_Failed(_portable(error)))
    finally:
        if session is not None:
            session.close()


def _portable(error: Exception) -> Exception:
    """An error that means something in another process."""
    if isinstance(error, Vd4rlError):
        return error
    text = "".join(traceback.format_exception(error))
    return WorkerError(f"a worker process failed:\n{text}")


def _exit_with_parent() -> None:
    """Make this process exit at once when its parent dies, even from ``kill -9``."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()
