"""What one thread does: fetch chunks, retry, change servers, start wrong files anew."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vd4rl_data.download.transfer.client import Answer, Client
from vd4rl_data.download.transfer.hosts import Host, Hosts
from vd4rl_data.download.transfer.journal import Whole
from vd4rl_data.download.transfer.meter import Meter
from vd4rl_data.download.transfer.model import Policy, RemoteFile
from vd4rl_data.download.transfer.names import STATE_FOLDER
from vd4rl_data.download.transfer.outcome import RefusedError, TransientError
from vd4rl_data.download.transfer.partial import (
    ChangedError,
    Partial,
    StaleError,
    WrongContentError,
)
from vd4rl_data.download.transfer.pieces import Cursor
from vd4rl_data.download.transfer.schedule import Schedule
from vd4rl_data.errors import CorruptFileError, TransferError

_LOGGER: Final = logging.getLogger("vd4rl_data")
_BUFFER: Final = 1 << 20
_KEPT: Final = "What arrived is kept: the same call goes on from there"

UrlOf = Callable[[str, RemoteFile], str]


@dataclass(frozen=True, slots=True)
class Job:
    """What all threads of one download share."""

    schedule: Schedule
    hosts: Hosts
    url_of: UrlOf
    policy: Policy
    meter: Meter
    buffer_bytes: int
    deliver: Callable[[Partial, Whole], None]


class StoppedError(Exception):
    """Another thread gave up, or the user did."""


class Worker:
    """One thread's connections, buffer and dice."""

    def __init__(self, job: Job) -> None:
        """Connect to nothing yet."""
        self.client = Client(job.policy)
        self._job = job
        self._buffer = memoryview(bytearray(min(_BUFFER, job.buffer_bytes)))
        self._random = random.Random()  # noqa: S311 - spreads retries, no secret
        self._received = 0

    def run(self) -> None:
        """Work until nothing is left.

        Raises:
            TransferError, CorruptFileError, NoSpaceError: the download fails.
            StoppedError: it was stopped.
        """
        current: Partial | None = None
        try:
            while (work := self._job.schedule.next(current)) is not None:
                current, cursor = work
                self._handle(current, cursor)
        finally:
            self.client.close()

    def _handle(self, partial: Partial, cursor: Cursor | None) -> None:
        """Fetch a chunk, or begin a file; finish the file if it is complete then."""
        try:
            if cursor is None:
                cursor = self._resume(partial)
            if cursor is None or self._fetch(partial, cursor):
                whole = partial.finish()
                self._job.schedule.finished(partial)
                self._job.deliver(partial, whole)
        except WrongContentError as error:
            self._start_anew(partial, error)
        except StaleError:
            return

    def _resume(self, partial: Partial) -> Cursor | None:
        """What is left to do of a file that is begun, or ``None`` if all of it is here."""
        partial.resume()
        if partial.file.size is None and partial.size is not None:
            self._job.meter.expect(partial.size)
        self._job.meter.skip(partial.received)
        return None if partial.complete else partial.claim()

    def _fetch(self, partial: Partial, cursor: Cursor) -> bool:
        """Fetch a chunk whatever it takes; whether the file is complete with it."""
        failures = 0
        while True:
            host = self._host(partial)
            before = self._received
            try:
                return self._request(partial, cursor, host)
            except RefusedError as error:
                partial.refused[host.rank] = error.error
            except TransientError as error:
                self._check_stop()
                if self._received > before:
                    failures = 1
                else:
                    failures += 1
                    self._job.hosts.failed(host, str(error), error.retry_after)
                self._check_patience(partial, host, error, failures)
                self._pause(partial, host, failures)

    def _host(self, partial: Partial) -> Host:
        """The server to ask now, after the pause that it wants."""
        while True:
            self._check_stop()
            host = self._job.hosts.pick(partial.refused)
            if host is None:
                raise next(iter(partial.refused.values()))
            pause = host.ready_at - time.monotonic()
            if pause <= 0:
                return host
            if pause > self._job.policy.longest_retry_after:
                raise TransferError(
                    f"{host.endpoint.url} asks to wait for {pause:,.0f} s; try again then. {_KEPT}"
                )
            self._job.schedule.wait(pause)

    def _request(self, partial: Partial, cursor: Cursor, host: Host) -> bool:
        job = self._job
        url = job.url_of(host.endpoint.url, partial.file)
        stop = cursor.stop if partial.size is None else min(cursor.stop, max(partial.size, 1))
        partial.server = host.rank
        with self.client.get(host.endpoint, url, cursor.position, stop - 1) as answer:
            news = partial.size is None
            partial.adopt(answer)
            if news:
                job.meter.expect(answer.size)
            job.schedule.notify()
            complete = answer.size == 0 or self._copy(partial, cursor, answer)
        job.hosts.succeeded(host)
        return complete

    def _copy(self, partial: Partial, cursor: Cursor, answer: Answer) -> bool:
        """Copy the run; of a server that sends the whole file, also whatever else is missing."""
        if answer.start > cursor.position:
            raise TransientError(f"asked for byte {cursor.position}, got {answer.start}")
        self._skip(answer, answer.start, cursor.position)
        while True:
            self._copy_piece(partial, cursor, answer)
            if partial.arrive(cursor):
                return True
            if cursor.position >= min(cursor.stop, answer.size):
                following = None if answer.ranged else self._following(partial, answer, cursor)
                if following is None:
                    return False
                cursor.position, cursor.stop = following.position, following.stop

    def _copy_piece(self, partial: Partial, cursor: Cursor, answer: Answer) -> None:
        end = partial.piece_end(cursor.position)
        while cursor.position < end:
            view = self._buffer[: min(len(self._buffer), end - cursor.position)]
            view = view[: answer.readinto(view)]
            self._check_stop()
            partial.write(cursor, view)
            self._received += len(view)
            self._job.meter.add(len(view))

    def _following(self, partial: Partial, answer: Answer, cursor: Cursor) -> Cursor | None:
        """Skip to the next piece of the same answer that nobody has yet."""
        position = cursor.position
        while position < answer.size:
            following = partial.claim_at(position)
            if following is not None:
                return following
            end = partial.piece_end(position)
            self._skip(answer, position, end)
            position = end
        return None

    def _skip(self, answer: Answer, position: int, end: int) -> None:
        while position < end:
            self._check_stop()
            position += answer.readinto(self._buffer[: min(len(self._buffer), end - position)])

    def _check_stop(self) -> None:
        if self._job.schedule.stopped:
            raise StoppedError

    def _check_patience(
        self, partial: Partial, host: Host, error: TransientError, failures: int
    ) -> None:
        if failures < self._job.policy.attempts * len(self._job.hosts):
            return
        raise TransferError(
            f"{self._job.url_of(host.endpoint.url, partial.file)}: gave up after {failures} "
            f"failures in a row, the last one: {error}. {_KEPT}"
        ) from error

    def _pause(self, partial: Partial, host: Host, failures: int) -> None:
        """Wait before the next try, unless another server, one that works, is asked next."""
        following = self._job.hosts.pick(partial.refused)
        if following is not None and following is not host and following.failures == 0:
            return
        policy = self._job.policy
        delay = min(policy.longest_delay, policy.first_delay * 2.0 ** (failures - 1))
        self._job.schedule.wait(delay * self._random.uniform(0.5, 1.0))

    def _start_anew(self, partial: Partial, reason: WrongContentError) -> None:
        """Throw a wrong file away and fetch it again, from another server if there is one.

        Raises:
            CorruptFileError: every server had its turn, or the only one had two.
        """
        error = CorruptFileError(
            f"{partial.target}: {reason}. The server has other or damaged bytes; what came was "
            "deleted. Try later, or another server; if the file was replaced on purpose, "
            f"delete the folder {STATE_FOLDER!r} beside the downloads"
        )
        others = len(self._job.hosts) - 1
        if partial.tries >= max(1, others):
            partial.discard()
            raise error
        blamed = others > 0 and not isinstance(reason, ChangedError)
        if self._job.schedule.replace(partial, partial.renewed(error if blamed else None)):
            _LOGGER.warning("%s: %s; fetching it again", partial.target, reason)
            self._job.meter.add(-partial.received)
            if partial.file.size is None:
                self._job.meter.expect(-(partial.size or 0))
