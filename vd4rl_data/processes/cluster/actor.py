"""What runs in the processes of a Ray cluster: a job's session, and the messages of all of them."""

from __future__ import annotations

import os
import platform
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from vd4rl_data.processes.child import portable
from vd4rl_data.processes.engine import Job, Session

_SEND_SECONDS: Final = 0.5
"""How often a session's reports are sent on; each sending is a message over the network."""


class Said(NamedTuple):
    """What a session said.

    Attributes:
        kind: ``ready``, ``done`` or ``failed``.
        content: the greeting; the result and the warnings; or the error.
    """

    kind: str
    content: Any


class Reports(NamedTuple):
    """What a session reported of one task.

    Attributes:
        task: number of the task.
        first: how many reports of this session there were before.
        contents: the reports, in their order.
    """

    task: int
    first: int
    contents: tuple[Any, ...]


class Mailbox:
    """An actor beside the driver; workers put their reports into it, the driver takes them out."""

    def __init__(self) -> None:
        """It is empty."""
        self._reports: list[Reports] = []

    def put(self, reports: Reports) -> None:
        """Put in what a worker reports."""
        self._reports.append(reports)

    def take(self) -> list[Reports]:
        """Take out all reports, in the order of their arrival."""
        taken, self._reports = self._reports, []
        return taken


class RayWorker:
    """An actor in a process of its own, which no other work has used before."""

    def __init__(self, mailbox: Any, paths: Sequence[str]) -> None:
        """Import from where the driver does, if its folders are here too."""
        self._mailbox = mailbox
        self._session: Session | None = None
        sys.path += [path for path in paths if path not in sys.path and os.path.isdir(path)]

    def where(self) -> str:
        """Name of this machine, and the beginning of its number in the cluster."""
        import ray

        return f"{platform.node()} ({ray.get_runtime_context().get_node_id()[:8]})"

    def open(self, job: Job) -> Said:
        """Open the job in this process."""
        try:
            self._session = job.open()
        except Exception as error:  # noqa: BLE001 - the driver raises it
            return Said("failed", portable(error))
        return Said("ready", getattr(self._session, "greeting", None))

    def make(self, task: int, item: Any) -> Said:
        """Do one item; returns when its reports are in the mailbox."""
        assert self._session is not None
        with warnings.catch_warnings(record=True) as caught, _Sending(self._mailbox, task) as told:
            warnings.simplefilter("default")
            try:
                result = self._session.make(item, told.report)
            except Exception as error:  # noqa: BLE001 - the driver raises it
                return Said("failed", portable(error))
        return Said("done", (result, [(one.category, str(one.message)) for one in caught]))

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()
        self._session = None


class _Sending:
    """Sends the reports of one task, several at a time."""

    def __init__(self, mailbox: Any, task: int) -> None:
        self._mailbox, self._task = mailbox, task
        self._waiting: list[Any] = []
        self._count = 0
        self._sent = 0.0

    def __enter__(self) -> _Sending:
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.get(self._send())

    def report(self, content: Any) -> None:
        """A session's report."""
        self._waiting.append(content)
        if time.monotonic() - self._sent >= _SEND_SECONDS:
            self._send()

    def _send(self) -> Any:
        contents, self._waiting = tuple(self._waiting), []
        first, self._count = self._count, self._count + len(contents)
        self._sent = time.monotonic()
        return self._mailbox.put.remote(Reports(self._task, first, contents))
