"""The servers in order of preference, and how each of them is doing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Container, Sequence
from typing import Final

from vd4rl_data.download.transfer.model import Endpoint

_LOGGER: Final = logging.getLogger("vd4rl_data")
_PATIENCE: Final = 3
"""Failures in a row, of all threads together, after which the next server is asked first."""


class Host:
    """One server as all threads see it; changed by :class:`Hosts` only."""

    def __init__(self, endpoint: Endpoint, rank: int) -> None:
        """A server that has not failed yet."""
        self.endpoint = endpoint
        self.rank = rank
        self.failures = 0
        self.ready_at = 0.0


class Hosts:
    """Picks the server to ask. Safe to use from several threads."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Take the endpoints in the order in which they are to be tried.

        Raises:
            ValueError: there are none.
        """
        if not endpoints:
            raise ValueError("a download needs at least one endpoint, got none")
        self._hosts = [Host(endpoint, rank) for rank, endpoint in enumerate(endpoints)]
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many servers there are."""
        return len(self._hosts)

    def pick(self, refused: Container[int]) -> Host | None:
        """The first server that works, or else the least hopeless; ``None`` if all refused."""
        with self._lock:
            now = time.monotonic()
            return min(
                (host for host in self._hosts if host.rank not in refused),
                key=lambda host: (host.failures // _PATIENCE, host.ready_at > now, host.rank),
                default=None,
            )

    def succeeded(self, host: Host) -> None:
        """Bytes came from this server."""
        with self._lock:
            host.failures = 0

    def failed(self, host: Host, reason: str, retry_after: float | None) -> None:
        """Nothing came from this server; ``retry_after`` is the pause that it asks for."""
        with self._lock:
            host.failures += 1
            if retry_after is not None:
                host.ready_at = max(host.ready_at, time.monotonic() + retry_after)
                _LOGGER.info("%s asks to wait for %.0f s", host.endpoint.url, retry_after)
            gave_up = host.failures == _PATIENCE and len(self._hosts) > 1
        if gave_up:
            _LOGGER.warning("%s does not deliver (%s); trying others", host.endpoint.url, reason)
