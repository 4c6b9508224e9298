"""The mirror itself: started, stopped, counted."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror.api import MirrorApi
from vd4rl_data.hub.mirror.connections import ConnectionServer
from vd4rl_data.hub.mirror.folder import MirrorFolder
from vd4rl_data.hub.mirror.hashes import Cancelled
from vd4rl_data.hub.mirror.messages import Exchange, Middleware, Request, Response

_POLL_SECONDS: Final = 0.1
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to
_log = logging.getLogger("vd4rl_data")


@dataclass(frozen=True)
class Counters:
    """What a mirror did since it started.

    Attributes:
        requests: how many were answered or dropped.
        errors: how many of them ended with a status of 400 or more, or without one.
        bytes_sent: of all bodies.
    """

    requests: int = 0
    errors: int = 0
    bytes_sent: int = 0


class MirrorServer:
    """Serves ``folder/datasets/<namespace>/<name>/…`` to hub clients, read-only.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`::

        with MirrorServer("/big/mirror") as mirror:
            hf_hub_download("lab/pixels", "a.h5", repo_type="dataset", endpoint=mirror.url)
    """

    def __init__(
        self,
        folder: str | Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str | None = None,
        cache_folder: str | Path | None = None,
        middleware: Middleware | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        """Check the folder; nothing is bound or hashed yet.

        Args:
            folder: holds ``datasets/``.
            host: address to bind to; only this machine reaches the default.
            port: 0 takes a free one.
            token: when given, every request must bring it as a bearer token (``HF_TOKEN``).
            cache_folder: where hashes are kept; ``None`` keeps them beside each repository, or in
                memory where that is read-only.
            middleware: called with each request and the handler that would answer it.
            on_exchange: told of each request that was answered; called from many threads.

        Raises:
            MirrorError: ``folder`` holds no ``datasets`` folder.
        """
        self._stopping = threading.Event()
        cache = None if cache_folder is None else Path(cache_folder).expanduser()
        self._folder = MirrorFolder(Path(folder).expanduser(), cache, self._stopping)
        self._api = MirrorApi(self._folder, token)
        self._host = host
        self._port = port
        self._middleware = middleware
        self._on_exchange = on_exchange
        self._counters = Counters()
        self._lock = threading.Lock()
        self._server: ConnectionServer | None = None
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Hash every file that is not in a journal yet, so that no client has to wait for it.

        Raises:
            MirrorError: a repository's ``.mirror.json`` is wrong.
        """
        for repository in self._folder:
            try:
                repository.snapshot()
            except Cancelled:
                return

    def start(self) -> MirrorServer:
        """Bind and serve in the background.

        Raises:
            MirrorError: it runs or ran already, or the address cannot be bound.
        """
        if self._server is not None or self._stopping.is_set():
            raise MirrorError("a mirror starts once; make a new MirrorServer to serve again")
        try:
            server = ConnectionServer(self._host, self._port, self._answer, self._count)
        except OSError as error:
            raise MirrorError(
                f"cannot serve at {self._host}:{self._port}: {error}; choose another port (0 "
                "takes a free one) or another host"
            ) from error
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name="mirror", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut all connections, end all threads, free the port. May be called twice."""
        self._stopping.set()
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        self._thread.join()
        server.server_close()
        server.end_connections()

    def __enter__(self) -> MirrorServer:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def port(self) -> int:
        """The port that is bound.

        Raises:
            MirrorError: the mirror does not run.
        """
        if self._server is None:
            raise MirrorError("the mirror does not run; call start() first")
        address: Any = self._server.server_address
        return int(address[1])

    @property
    def url(self) -> str:
        """What clients set as ``HF_ENDPOINT``; names this machine if bound to all addresses."""
        host = socket.gethostname() if self._host in _EVERYWHERE else self._host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def counters(self) -> Counters:
        """What was done since the start."""
        return self._counters

    def _answer(self, request: Request) -> Response:
        if self._middleware is None:
            return self._api(request)
        return self._middleware(request, self._api)

    def _count(self, exchange: Exchange) -> None:
        failed = exchange.status == 0 or exchange.status >= 400
        with self._lock:
            before = self._counters
            self._counters = Counters(
                before.requests + 1, before.errors + failed, before.bytes_sent + exchange.bytes_sent
            )
        if self._on_exchange is not None:
            self._on_exchange(exchange)


def serve(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    token: str | None = None,
    cache_folder: str | Path | None = None,
    access_log: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve ``folder`` until the process is interrupted (Ctrl-C) or terminated.

    All files are hashed first, which takes a while the first time: see the log.

    Args:
        folder: holds ``datasets/<namespace>/<name>/…``.
        host: address to bind to; only this machine reaches the default.
        port: 0 takes a free one.
        token: when given, every request must bring it as a bearer token.
        cache_folder: where hashes are kept; ``None`` keeps them beside each repository.
        access_log: log one line for each request.
        announce: told, once clients may come, the line to paste into their shells.

    Raises:
        MirrorError: the folder or a ``.mirror.json`` in it is wrong, or the port is taken.
    """
    server = MirrorServer(
        folder,
        host,
        port,
        token=token,
        cache_folder=cache_folder,
        on_exchange=log_exchange if access_log else None,
    )
    with _terminated_as_interrupted():
        try:
            server.prepare()
            with server:
                (announce or _log.info)(f"export HF_ENDPOINT={server.url}")
                while True:
                    time.sleep(3600)  # unlike a lock, interrupted by Ctrl-C on every system
        except KeyboardInterrupt:
            server.stop()
    _log.info("stopped after %s", server.counters)


def log_exchange(exchange: Exchange) -> None:
    """Log one request in one line; credentials never appear in it."""
    _log.info(
        "%s %s %r %s -> %d, %d bytes, %.3f s",
        exchange.client,
        exchange.method,
        exchange.path,
        exchange.range or "",
        exchange.status,
        exchange.bytes_sent,
        exchange.seconds,
    )


@contextmanager
def _terminated_as_interrupted() -> Generator[None]:
    """SIGTERM interrupts whatever the main thread does, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
