"""One download: what is here already, a few threads for the rest, one consumer."""

from __future__ import annotations

import errno
import logging
import queue
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vd4rl_data.download.transfer.arrived import find_arrived
from vd4rl_data.download.transfer.hosts import Hosts
from vd4rl_data.download.transfer.journal import Journal, Whole, bytes_there
from vd4rl_data.download.transfer.meter import Meter
from vd4rl_data.download.transfer.model import FetchedFile, Policy, RemoteFile
from vd4rl_data.download.transfer.partial import Partial
from vd4rl_data.download.transfer.schedule import Schedule
from vd4rl_data.download.transfer.worker import Job, StoppedError, Worker
from vd4rl_data.errors import NoSpaceError, OfflineError

_LOGGER: Final = logging.getLogger("vd4rl_data")
_NUDGE: Final = 0.1
"""Seconds between two tries to wake a thread that waits for the network."""

_Event = tuple[Partial, Whole] | BaseException


@dataclass(frozen=True, slots=True)
class Setup:
    """How to download: see :func:`~vd4rl_data.download.transfer.fetch.fetch`."""

    hosts: Hosts
    url_of: Callable[[str, RemoteFile], str]
    policy: Policy
    workers: int
    chunk_bytes: int
    progress: bool
    offline: bool

    @property
    def most_open(self) -> int:
        """Files that may lie begun or waiting for the consumer."""
        return 2 * self.workers


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who takes the files, in which order, and whether they stay on the disk afterwards."""

    on_file: Callable[[Path, FetchedFile], object] | None
    keep: bool
    in_order: bool = False


class Download:
    """A set of files on its way into a folder; the caller holds the folder's lock."""

    def __init__(
        self,
        files: Sequence[RemoteFile],
        folder: Path,
        journal: Journal,
        consumer: Consumer,
        setup: Setup,
    ) -> None:
        """Look at nothing yet."""
        self._files = files
        self._folder = folder
        self._journal = journal
        self._consumer = consumer
        self._setup = setup
        self._fetched: dict[str, FetchedFile] = {}
        self._waiting: dict[str, FetchedFile] = {}
        self._brought: set[str] = set()
        self._turns = iter(files)
        self._turn = next(self._turns, None)

    def run(self) -> tuple[FetchedFile, ...]:
        """Take what is here, fetch the rest; the facts of each file in the order asked for."""
        consumer = self._consumer
        skip_consumed = consumer.on_file is not None and not consumer.in_order
        arrived: list[FetchedFile] = []
        missing: list[RemoteFile] = []
        for file in self._files:
            found = find_arrived(
                file, self._folder / file.path, self._journal, skip_consumed=skip_consumed
            )
            if found is None:
                missing.append(file)
            else:
                arrived.append(found)
        if missing:
            self._check_possible(missing)
        for fetched in arrived:
            self._arrive(fetched)
        if missing:
            self._fetch(missing, arrived)
        return tuple(self._fetched[file.path] for file in self._files)

    def _check_possible(self, missing: Sequence[RemoteFile]) -> None:
        if self._setup.offline:
            raise OfflineError(
                f"{self._folder}: {len(missing)} of {len(self._files)} files are missing, the "
                f"first is {missing[0].path!r}, and the network must not be used; allow it, or "
                "bring them"
            )
        sizes = sorted((file.size or 0 for file in missing), reverse=True)
        if not self._consumer.keep:
            sizes = sizes[: self._setup.most_open]
        needed = sum(sizes) - bytes_there(self._folder, [file.path for file in missing])
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise NoSpaceError(
                errno.ENOSPC,
                f"{self._folder}: {len(missing)} files need {needed / 1e6:,.1f} MB, "
                f"{free / 1e6:,.1f} MB are free; free some, or choose another folder",
            )

    def _fetch(self, missing: Sequence[RemoteFile], arrived: Sequence[FetchedFile]) -> None:
        meter = Meter(files=len(self._files), show=self._setup.progress)
        for fetched in arrived:
            meter.expect(fetched.size)
            meter.skip(fetched.size)
            meter.file_done()
        for file in missing:
            meter.expect(file.size or 0)
        partials = [
            Partial(file, self._folder / file.path, self._journal, self._setup.chunk_bytes)
            for file in missing
        ]
        schedule = Schedule(partials, self._setup.most_open)
        try:
            self._employ(schedule, meter, partials)
        finally:
            schedule.close()
            meter.close()
        _LOGGER.info("%s: received %d bytes", self._folder, meter.received)

    def _employ(self, schedule: Schedule, meter: Meter, partials: Sequence[Partial]) -> None:
        """Start the threads, deliver what they bring, and see to it that they end."""
        setup = self._setup
        events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        job = Job(
            schedule=schedule,
            hosts=setup.hosts,
            url_of=setup.url_of,
            policy=setup.policy,
            meter=meter,
            buffer_bytes=setup.chunk_bytes,
            deliver=lambda partial, whole: events.put((partial, whole)),
        )
        pieces = sum(-(-(partial.size or 1) // setup.chunk_bytes) for partial in partials)
        crew = [Worker(job) for _ in range(min(setup.workers, pieces))]
        threads = [threading.Thread(target=_work, args=(worker, events)) for worker in crew]
        try:
            for thread in threads:
                thread.start()
            for _ in partials:
                event = events.get()
                if isinstance(event, BaseException):
                    raise event
                for _ in range(self._take(*event)):
                    schedule.released()
                meter.file_done()
        finally:
            schedule.stop()
            for worker, thread in zip(crew, threads, strict=True):
                while thread.is_alive():
                    worker.client.abort()
                    thread.join(_NUDGE)

    def _take(self, partial: Partial, whole: Whole) -> int:
        """See to a file that was fetched; returns how many of those the consumer has now had."""
        self._brought.add(partial.file.path)
        return self._arrive(FetchedFile(partial.file, whole.size, whole.sha256, whole.check))

    def _arrive(self, fetched: FetchedFile) -> int:
        """Deliver a file now, or when all before it are; returns how many fetched ones were."""
        if not self._consumer.in_order:
            self._deliver(fetched)
            return 1
        self._waiting[fetched.file.path] = fetched
        count = 0
        while self._turn is not None and self._turn.path in self._waiting:
            self._deliver(self._waiting.pop(self._turn.path))
            count += self._turn.path in self._brought
            self._turn = next(self._turns, None)
        return count

    def _deliver(self, fetched: FetchedFile) -> None:
        """Show a whole file to the consumer, and note it when it is consumed."""
        path = self._folder / fetched.file.path
        if self._consumer.on_file is not None and not fetched.consumed:
            self._consumer.on_file(path, fetched)
            if not self._consumer.keep or not path.exists():
                # The line comes first: a killed process shall not fetch the file again.
                self._journal.consume(fetched.file.path)
                path.unlink(missing_ok=True)
                fetched = replace(fetched, consumed=True)
        self._fetched[fetched.file.path] = fetched


def _work(worker: Worker, events: queue.SimpleQueue[_Event]) -> None:
    """A thread: work, and tell how it ended if it ended badly."""
    try:
        worker.run()
    except StoppedError:
        return
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
        events.put(error)
