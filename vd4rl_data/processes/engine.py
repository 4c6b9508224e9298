"""What a job is, and what an engine that runs jobs offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

from vd4rl_data.errors import Vd4rlError

Report = Callable[[Any], None]
"""Called by a session with something small that its parent should know at once."""


@runtime_checkable
class Session(Protocol):
    """A job opened inside one process."""

    def make(self, item: Any, report: Report) -> Any:
        """Do one item; what is returned travels to the parent and should be small."""
        ...

    def close(self) -> None:
        """Free what the session holds."""
        ...


@runtime_checkable
class Job(Protocol):
    """What to do; sent to every process."""

    def open(self) -> Session:
        """Open the job in this process."""
        ...


class Outcome(NamedTuple):
    """How an item ended.

    Attributes:
        item: what was asked for.
        result: what :meth:`Session.make` returned; ``None`` after an error.
        error: what it raised, or a :class:`~vd4rl_data.errors.WorkerError` of a process that died.
    """

    item: Any
    result: Any
    error: Vd4rlError | None = None


@runtime_checkable
class Pool(Protocol):
    """Processes in which one job is open."""

    @property
    def greetings(self) -> tuple[Any, ...]:
        """The attribute ``greeting`` of each session, ``None`` where it has none."""
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
            keep_going: yield errors and go on; else the first one is raised.

        Raises:
            Vd4rlError: what a session raised.
            WorkerError: a process died, or raised something that nobody foresaw.
        """
        ...


@runtime_checkable
class Engine(Protocol):
    """Where processes come from."""

    def open(self, job: Job) -> AbstractContextManager[Pool]:
        """Open a job in processes, which end with the ``with`` statement."""
        ...
