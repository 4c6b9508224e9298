"""Worker processes on this machine."""

from __future__ import annotations

import os
import queue
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from vd4rl_data.errors import WorkerError
from vd4rl_data.processes.engine import Job, Outcome
from vd4rl_data.processes.worker import Worker, error_of

_MOST_WORKERS: Final = 16
_WAIT_SECONDS: Final = 1.0


def available_workers() -> int:
    """One worker per core that this process may use; at most 16, which is plenty for one GPU."""
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    return min(_MOST_WORKERS, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Runs jobs in a number of processes on this machine.

    Attributes:
        workers: number of processes, at least 1.
        fresh: whether each item gets a new process, so that one that dies, or whose memory grows,
            affects no other.
    """

    workers: int
    fresh: bool = False

    def __post_init__(self) -> None:
        """Check the number of workers.

        Raises:
            ValueError: ``workers`` is less than 1.
        """
        if self.workers < 1:
            raise ValueError(f"workers: expected at least 1, got {self.workers}")

    @contextmanager
    def open(self, job: Job) -> Generator[LocalPool]:
        """Open a job in the processes; they end with the ``with`` statement.

        After success each process first closes its session; after an error they are ended at once.
        """
        pool = LocalPool(job, self.workers, fresh=self.fresh)
        try:
            pool.start()
            yield pool
        except BaseException:
            pool.kill()
            raise
        pool.close()


class LocalPool:
    """See :class:`~vd4rl_data.processes.Pool`."""

    def __init__(self, job: Job, size: int, *, fresh: bool) -> None:
        """Start nothing yet; :meth:`start` does."""
        self._job, self._size, self._fresh = job, size, fresh
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._workers: list[Worker] = []
        self.greetings: tuple[Any, ...] = ()

    @property
    def pids(self) -> tuple[int, ...]:
        """Numbers of the running processes."""
        return tuple(worker.pid for worker in self._workers)

    def start(self) -> None:
        """Start all processes and wait until each has opened the job.

        Raises:
            Vd4rlError, WorkerError: a process could not open the job; see :meth:`map`.
        """
        if self._fresh:
            return
        self._workers = [self._start() for _ in range(self._size)]
        found: dict[Worker, Any] = {}
        while len(found) < self._size:
            worker, kind, content = self._next("starting")
            if kind != "ready":
                raise error_of(kind, content)
            found[worker] = content
        self.greetings = tuple(found[worker] for worker in self._workers)

    def map(
        self,
        items: Iterable[Any],
        on_progress: Callable[[Any, Any], None] | None = None,
        *,
        keep_going: bool = False,
    ) -> Iterator[Outcome]:
        """Do items, several at once; see :class:`~vd4rl_data.processes.Pool`."""
        waiting = iter(items)
        for _ in range(self._size):
            self._give(waiting)
        while any(worker.is_busy for worker in self._workers):
            worker, kind, content = self._next("making item {item}")
            if kind == "report" and on_progress is not None:
                on_progress(worker.item, content)
            if kind not in ("done", "failed", "error"):
                continue
            outcome = self._outcome(worker, kind, content)
            if outcome.error is not None and not keep_going:
                raise outcome.error
            self._give(waiting)
            yield outcome

    def ask(self, requests: Mapping[int, Any]) -> dict[int, Any]:
        """Let workers, given by number, do one item each; returns the results by number.

        Raises:
            Vd4rlError, WorkerError: as :meth:`map`.
        """
        numbers = {self._workers[number]: number for number in requests}
        for worker, number in numbers.items():
            worker.ask(requests[number])
        results: dict[int, Any] = {}
        while len(results) < len(requests):
            worker, kind, content = self._next("working")
            if kind in ("done", "failed", "error"):
                outcome = self._outcome(worker, kind, content)
                if outcome.error is not None:
                    raise outcome.error
                results[numbers[worker]] = outcome.result
        return results

    def close(self) -> None:
        """Let the processes close their sessions and exit; any that does not is killed."""
        for worker in self._workers:
            worker.finish()
        for worker in self._workers:
            worker.join()
        self._workers.clear()

    def kill(self) -> None:
        """Kill every process at once."""
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _start(self) -> Worker:
        return Worker(self._job, self._inbox)

    def _give(self, waiting: Iterator[Any]) -> None:
        """Give the next item, if there is one, to a free process."""
        free = [worker for worker in self._workers if not worker.is_busy]
        if not free and len(self._workers) >= self._size:
            return
        item = next(waiting, _NOTHING)
        if item is _NOTHING:
            return
        if not free:
            self._workers.append(self._start())
            free = self._workers[-1:]
        free[0].ask(item)

    def _outcome(self, worker: Worker, kind: str, content: Any) -> Outcome:
        item, result, error = worker.item, None, None
        worker.rest()
        if kind == "done":
            result, caught = content
            for category, text in caught:
                warnings.warn(text, category, stacklevel=4)
        else:
            error = error_of(kind, content)
        if self._fresh and worker in self._workers:
            self._workers.remove(worker)
            worker.finish()
            worker.join()
        return Outcome(item, result, error)

    def _next(self, doing: str) -> tuple[Worker, str, Any]:
        """The next message of any process; the death of a process is reported as a failure."""
        while True:
            try:
                number, kind, content = self._inbox.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                continue  # so that Ctrl-C is heard on every system
            worker = next((one for one in self._workers if one.number == number), None)
            if worker is None:
                continue  # one that was ended
            if kind != "gone":
                return worker, kind, content
            who = f"worker {self._workers.index(worker) + 1} of {len(self._workers)}"
            self._workers.remove(worker)
            error = WorkerError(
                f"{who} died while {doing.format(item=worker.item)}: it {worker.last_words()}"
            )
            return worker, "failed", error


_NOTHING: Final = object()
