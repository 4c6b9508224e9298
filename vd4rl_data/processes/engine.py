"""The interfaces of jobs and of the engines that run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

from vd4rl_data.errors import Vd4rlError

Report = Callable[[Any], None]
"""A session calls this with something small that its parent should know at once."""


@runtime_checkable
class Session(Protocol):
    """A job opened inside one process."""

    def make(self, item: Any, report: Report) -> Any:
        """Do one item; the result is sent to the parent and should be small."""
        ...

    def close(self) -> None:
        """Free the session's resources."""
        ...


@runtime_checkable
class Job(Protocol):
    """A description of the work, which is sent to every process."""

    def open(self) -> Session:
        """Open the job in this process."""
        ...


class Outcome(NamedTuple):
    """The outcome of an item.

    Attributes:
        item: the item.
        result: what :meth:`Session.make` returned; ``None`` after an error.
        error: what it raised, or a :class:`~vd4rl_data.errors.WorkerError` if the process died.
    """

    item: Any
    result: Any
    error: Vd4rlError | None = None


@runtime_checkable
class Pool(Protocol):
    """Processes in which one job is open."""

    @property
    def greetings(self) -> tuple[Any, ...]:
        """The attribute ``greeting`` of each session; ``None`` for a session without it."""
        ...

    def map(
        self,
        items: Iterable[Any],
        on_progress: Callable[[Any, Any], None] | None = None,
        *,
        keep_going: bool = False,
    ) -> Iterator[Outcome]:
        """Do items, several at once; yields each as it ends.

        Args:
            items: taken one at a time, as processes become free.
            on_progress: called with an item and what its session reported.
            keep_going: yield outcomes with errors and continue; otherwise the first is raised.

        Raises:
            Vd4rlError: a session raised it.
            WorkerError: a process died, or raised an unexpected error.
        """
        ...


@runtime_checkable
class Engine(Protocol):
    """Starts the processes."""

    def open(self, job: Job) -> AbstractContextManager[Pool]:
        """Open a job in new processes, which end with the ``with`` statement."""
        ...
