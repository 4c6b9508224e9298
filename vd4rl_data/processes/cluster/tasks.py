"""The items of one call on their way through a cluster: which is next, late, lost or done."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vd4rl_data.processes.cluster.actor import Reports


@dataclass(eq=False, slots=True)
class Task:
    """An item on its way.

    Attributes:
        number: of the task, in all that its process has made.
        item: what to make.
        deaths: how many processes died while making it.
        told: how many of its reports were passed on.
        makers: when each of the processes that make it now began, by the monotonic clock.
        is_done: whether its outcome is known.
    """

    number: int
    item: Any
    deaths: int = 0
    told: int = 0
    makers: list[float] = field(default_factory=list[float])
    is_done: bool = False


class Tasks:
    """The queue of one call: items as they are asked for, and before them those to make again."""

    def __init__(
        self,
        items: Iterable[Any],
        *,
        late: tuple[float, float] | None,
        on_progress: Callable[[Any, Any], None] | None,
    ) -> None:
        """Take no item yet.

        Args:
            items: taken one at a time.
            late: a task that takes so many times the median of those that are done, and so many
                seconds, is late; ``None``: never.
            on_progress: called with an item and what its session reported.
        """
        self._items = enumerate(items)
        self._again = deque[Task]()
        self._late = late
        self._on_progress = on_progress
        self._open: dict[int, Task] = {}
        self._seconds: deque[float] = deque(maxlen=1_000)

    def next(self) -> Task | None:
        """The next task, if any is left."""
        if self._again:
            return self._again.popleft()
        for number, item in self._items:
            self._open[number] = Task(number, item)
            return self._open[number]
        return None

    def put_back(self, task: Task) -> None:
        """Let it be the next."""
        self._again.appendleft(task)

    def late(self) -> Task | None:
        """A task that takes far longer than the others did, and that one process alone makes."""
        if self._late is None or not self._seconds:
            return None
        factor, seconds = self._late
        limit = max(seconds, factor * statistics.median(self._seconds))
        now = time.monotonic()
        for task in self._open.values():
            if len(task.makers) == 1 and now - task.makers[0] > limit:
                return task
        return None

    def finish(self, task: Task, begun: float | None = None) -> None:
        """Its outcome is known; begun: when the process began that made it, if one did."""
        task.is_done = True
        del self._open[task.number]
        if begun is not None:
            self._seconds.append(time.monotonic() - begun)

    def pass_on(self, taken: Sequence[Reports]) -> None:
        """Tell what the sessions reported; of a task that is made again, only what is new."""
        for number, first, contents in taken:
            task = self._open.get(number)
            if task is None or self._on_progress is None:
                continue
            fresh = contents[max(0, task.told - first) :]
            task.told = max(task.told, first + len(contents))
            for content in fresh:
                self._on_progress(task.item, content)
