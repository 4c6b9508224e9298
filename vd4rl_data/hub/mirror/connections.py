"""HTTP/1.1 over sockets: one thread per connection, all of them ended when the server stops."""

from __future__ import annotations

import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from typing import IO, Any, Final, cast

from vd4rl_data.hub.mirror.messages import (
    Exchange,
    FileSlice,
    Handler,
    Request,
    Response,
    error_response,
)

MAX_CONNECTIONS: Final = 400
"""Each may hold a socket and a file, and many systems allow a process 1,024 of both together."""
_MAX_BODY: Final = 8 << 20
_IDLE_SECONDS: Final = 30.0
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_log = logging.getLogger("vd4rl_data")


class ConnectionServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accepts connections and gives each a thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, handler: Handler, finished: Callable[[Exchange], None]
    ) -> None:
        """Bind the socket, but accept nothing yet.

        Args:
            host: name or address to bind to.
            port: 0 takes a free one.
            handler: answers requests; called from many threads.
            finished: told of each exchange; called from many threads.

        Raises:
            OSError: the address cannot be bound.
        """
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.address_family = family
        self.handler = handler
        self.finished = finished
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(address[:2], _Connection)  # pyright: ignore[reportArgumentType]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a new connection, or turn it away when there are too many."""
        self._connections = {t: s for t, s in self._connections.items() if t.is_alive()}
        if len(self._connections) >= MAX_CONNECTIONS:
            request.settimeout(1.0)
            request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="mirror-connection",
            daemon=True,
        )
        self._connections[thread] = request
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log what a connection's thread did not handle; clients that go away are not news."""
        error = sys.exc_info()[1]
        if isinstance(error, (ConnectionError, TimeoutError)):
            _log.debug("%s went away: %r", client_address, error)
        else:
            _log.error("%s: the connection was given up", client_address, exc_info=True)

    def end_connections(self) -> None:
        """Cut every connection and wait for its thread."""
        for connection in self._connections.values():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it ended by itself
                continue
        for thread in self._connections:
            thread.join()
        self._connections = {}


class _Connection(BaseHTTPRequestHandler):
    """Reads requests from one connection and writes responses, until either side ends it."""

    protocol_version = "HTTP/1.1"
    server_version = "vd4rl-mirror"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    _status = 0
    _sent = 0

    def exchange(self) -> None:
        """Answer one request, and report how that went however it went."""
        server = cast("ConnectionServer", self.server)
        started = time.monotonic()
        self._status = self._sent = 0
        request = self._receive()
        if request is None:
            return
        try:
            self._send(request, server.handler(request))
        except ConnectionError:
            self.close_connection = True
        finally:
            server.finished(
                Exchange(
                    client=str(self.client_address[0]),
                    method=request.method,
                    path=request.path,
                    range=request.range,
                    status=self._status,
                    bytes_sent=self._sent,
                    seconds=time.monotonic() - started,
                )
            )

    do_GET = do_HEAD = do_POST = exchange  # noqa: N815 - names that the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing to the terminal: what the base class reports goes to the debug log."""
        _log.debug("%s: %r", self.client_address, format % args)

    def _receive(self) -> Request | None:
        """The request with its body; ``None`` once it was refused."""
        length = self.headers.get("Content-Length", "0").strip()
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return self._refuse(411, "The body's length must be given")
        if len(length) > 9 or int(length) > _MAX_BODY:
            return self._refuse(413, "The body is too large")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the client left in the middle of a request")
        headers = {name.lower(): " ".join(text.split()) for name, text in self.headers.items()}
        return Request(self.command, self.path, headers, body)

    def _refuse(self, status: int, message: str) -> None:
        """Answer without having read the body: what follows on the connection is not a request."""
        self.close_connection = True
        self._send(Request(self.command, self.path), error_response(status, message))

    def _send(self, request: Request, response: Response) -> None:
        with_body = request.method != "HEAD" and response.status != 304
        body = response.body
        if isinstance(body, FileSlice):
            try:
                file = body.open()
            except OSError as error:
                _log.info("not sent: %s", error)
                changed = error_response(503, "The file cannot be read now", Retry_After="2")
                self._send(request, changed)
                return
            with file:
                self._send_head(response)
                if with_body:
                    self._send_file(file, body)
        else:
            self._send_head(response)
            if with_body:
                self._send_pieces([body] if isinstance(body, bytes) else body)
        if with_body and str(self._sent) != response.headers.get("Content-Length"):
            self.close_connection = True  # its end is the only sign that the body is over

    def _send_head(self, response: Response) -> None:
        self._status = response.status
        self.send_response(response.status)
        for name, text in response.headers.items():
            self.send_header(name, text)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_file(self, file: IO[bytes], part: FileSlice) -> None:
        """Let the kernel copy the file to the socket, where it can."""
        if not len(part):
            return
        try:
            self.connection.sendfile(file, part.start, len(part))
        finally:  # it leaves the file where it stopped, even when the client went away
            self._sent = file.tell() - part.start

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.wfile.write(piece)
            self._sent += len(piece)
