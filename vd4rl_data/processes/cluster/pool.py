"""The processes of one job on a Ray cluster, seen from the driver."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from vd4rl_data.errors import ClusterError, Vd4rlError, WorkerError
from vd4rl_data.processes.cluster.actor import Mailbox, RayWorker, Reports, Said
from vd4rl_data.processes.cluster.connection import room
from vd4rl_data.processes.cluster.tasks import Task, Tasks
from vd4rl_data.processes.engine import Job, Outcome

if TYPE_CHECKING:
    from vd4rl_data.processes.cluster.engine import RayEngine

_LOGGER: Final = logging.getLogger("vd4rl_data")
_WAIT_SECONDS: Final = 0.5
_ROOM_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 10.0


@dataclass(eq=False, slots=True)
class _Member:
    """A process of the pool, seen from the driver.

    Attributes:
        actor: Ray's handle.
        where: the call that asks for the name of its machine, until that is known.
        call: the call that runs in it; ``None``: it is free.
        task: what it makes; ``None`` while it opens the job.
        begun: when it began with that, by the monotonic clock.
        node: name of its machine.
        greeting: of its session.
    """

    actor: Any
    where: Any
    call: Any
    task: Task | None = None
    begun: float = 0.0
    node: str = "(not started yet)"
    greeting: Any = None


class _DeathError(WorkerError):
    """A process, or its node, died."""


class RayPool:
    """See :class:`~vd4rl_data.processes.Pool`."""

    def __init__(self, ray: ModuleType, rules: RayEngine, job: Job) -> None:
        """Start the mailbox; :meth:`start` starts the processes."""
        self._ray, self._rules = ray, rules
        self._size, self._looked = 0, -_ROOM_SECONDS
        self._deaths = 0
        self._job = ray.put(job)
        node = ray.get_runtime_context().get_node_id()
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        options = {"num_cpus": 0, "scheduling_strategy": here}
        self._mailbox = ray.remote(Mailbox).options(**options).remote()
        self._members: list[_Member] = []
        self.greetings: tuple[Any, ...] = ()

    def start(self) -> None:
        """Start all processes and wait until each has opened the job.

        Raises:
            ClusterError: no node has what a process needs.
            Vd4rlError, WorkerError: a process could not open the job; the message names its node.
        """
        self._look_for_room()
        if self._rules.fresh:
            return
        while len(self._members) < self._size or any(one.call for one in self._members):
            while len(self._members) < self._size:
                self._add_member()
            for member in self._ended():
                self._take_in(member, self._said(member))
        self.greetings = tuple(member.greeting for member in self._members)

    def map(
        self,
        items: Iterable[Any],
        on_progress: Callable[[Any, Any], None] | None = None,
        *,
        keep_going: bool = False,
    ) -> Iterator[Outcome]:
        """Do items, several at once; see :class:`~vd4rl_data.processes.Pool`."""
        tasks = Tasks(items, late=self._rules.late, on_progress=on_progress)
        while self._give(tasks) or any(member.task for member in self._members):
            ended = self._ended()
            tasks.pass_on(self._reports())
            for member in ended:
                outcome = self._outcome(member, tasks)
                if outcome is None:
                    continue
                if outcome.error is not None and not keep_going:
                    raise outcome.error
                yield outcome

    def close(self) -> None:
        """Let the processes close their sessions and end."""
        closing = [member.actor.close.remote() for member in self._members if not member.call]
        if closing:
            self._ray.wait(closing, num_returns=len(closing), timeout=_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End every process at once."""
        for member in self._members:
            self._ray.kill(member.actor)
        self._members.clear()
        self._ray.kill(self._mailbox)

    def _look_for_room(self) -> None:
        """See, every few seconds, how many processes the nodes have room for now."""
        if time.monotonic() - self._looked >= _ROOM_SECONDS:
            self._looked = time.monotonic()
            self._size = min(self._rules.workers, room(self._ray, self._rules.needs))
            starting = [member for member in self._members if member.call and not member.task]
            for member in starting[: max(0, len(self._members) - self._size)]:
                self._drop(member)  # its node is gone, so it would wait for another forever

    def _add_member(self) -> None:
        """Start a process that opens the job."""
        options = {**self._rules.needs.options, "max_restarts": 0}
        actor = self._ray.remote(RayWorker).options(**options).remote(self._mailbox, sys.path)
        self._members.append(_Member(actor, actor.where.remote(), actor.open.remote(self._job)))

    def _drop(self, member: _Member, *, gently: bool = False) -> None:
        """End a process."""
        self._members.remove(member)
        if gently:
            self._ray.wait([member.actor.close.remote()], timeout=_STOP_SECONDS)
        self._ray.kill(member.actor)

    def _give(self, tasks: Tasks) -> bool:
        """Give tasks to free processes, and start missing ones; whether tasks may be left."""
        while True:
            free = [member for member in self._members if not member.call]
            if not free and len(self._members) >= self._size:
                return True
            task = tasks.next() or (tasks.late() if free else None)
            if task is None:
                return False
            if not free:
                tasks.put_back(task)
                self._add_member()
                return True
            member = free[0]
            member.task, member.begun = task, time.monotonic()
            member.call = member.actor.make.remote(task.number, task.item)
            task.makers.append(member.begun)
            if len(task.makers) > 1:
                _LOGGER.info("item %s takes long; a second process makes it too", task.item)

    def _ended(self) -> list[_Member]:
        """The processes whose call has ended; waits a moment for one."""
        calls = {member.call: member for member in self._members if member.call}
        if not calls:
            return []
        ended, _ = self._ray.wait(list(calls), num_returns=1, timeout=_WAIT_SECONDS)
        if not ended:
            self._look_for_room()
        return [calls[call] for call in ended]

    def _said(self, member: _Member) -> Said:
        """What its call gave.

        Raises:
            _DeathError: the process died.
            WorkerError: what it was sent, or said, cannot be read on the other side.
        """
        try:
            if member.where is not None:
                member.node, member.where = self._ray.get(member.where), None
            return self._ray.get(member.call)
        except self._ray.exceptions.RayTaskError as error:
            raise WorkerError(f"node {member.node}: {error}") from error
        except self._ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()[0]
            raise _DeathError(f"node {member.node}: the process died: {first}") from error

    def _take_in(self, member: _Member, said: Said) -> None:
        """It has opened the job, or could not."""
        if said.kind == "failed":
            raise _at(member.node, said.content)
        member.call, member.greeting = None, said.content
        self._deaths = 0

    def _outcome(self, member: _Member, tasks: Tasks) -> Outcome | None:
        """What became of a process's call; ``None`` if that is no outcome of an item."""
        task = member.task
        try:
            said = self._said(member)
        except WorkerError as error:
            self._drop(member)
            if task is None:
                self._not_started(error)
                return None
            task.makers.remove(member.begun)
            if isinstance(error, _DeathError):
                return self._after_death(task, error, tasks)
            return self._finished(task, tasks, error=error)
        if task is None:
            self._take_in(member, said)
            return None
        member.call = member.task = None
        task.makers.remove(member.begun)
        if self._rules.fresh:
            self._drop(member, gently=True)
        if said.kind == "failed":
            return self._finished(task, tasks, error=_at(member.node, said.content))
        return self._finished(task, tasks, said.content, member.begun)

    def _finished(
        self,
        task: Task,
        tasks: Tasks,
        content: Any = None,
        begun: float | None = None,
        *,
        error: Vd4rlError | None = None,
    ) -> Outcome | None:
        """The outcome of a task, once; others that make it are ended."""
        if task.is_done:
            return None
        tasks.finish(task, begun)
        for other in [member for member in self._members if member.task is task]:
            self._drop(other)
        if error is not None:
            return Outcome(task.item, None, error)
        result, caught = content
        for category, text in caught:
            warnings.warn(text, category, stacklevel=4)
        return Outcome(task.item, result)

    def _not_started(self, error: WorkerError) -> None:
        """A process could not even open the job; it is started again, but not forever."""
        self._deaths += 1
        if self._deaths >= self._rules.attempts or not isinstance(error, _DeathError):
            raise error
        self._looked = -_ROOM_SECONDS

    def _after_death(self, task: Task, death: _DeathError, tasks: Tasks) -> Outcome | None:
        """Make the item again, unless it killed too many, or another process makes it."""
        self._looked = -_ROOM_SECONDS
        if task.is_done or task.makers:
            return None
        task.deaths += 1
        if task.deaths >= self._rules.attempts:
            error = WorkerError(
                f"{task.deaths} processes died while making item {task.item}; the last: {death}"
            )
            return self._finished(task, tasks, error=error)
        _LOGGER.warning("%s; item %s is made again", death, task.item)
        tasks.put_back(task)
        return None

    def _reports(self) -> list[Reports]:
        try:
            return self._ray.get(self._mailbox.take.remote())
        except self._ray.exceptions.RayError as error:
            raise ClusterError(f"the cluster does not answer any more: {error}") from error


def _at(node: str, error: Vd4rlError) -> Vd4rlError:
    """An error of a process with the name of its node."""
    text = f"node {node}: {error}"
    try:
        return type(error)(text)
    except TypeError:
        return WorkerError(text)
