"""A server of a few lines, for what a mirror would never do."""

from __future__ import annotations

import http.server
import ssl
import threading
from typing import Any


class running:  # noqa: N801 - reads like a function
    """A small server on this machine, with TLS if there is a context."""

    def __init__(self, handler: Any, context: ssl.SSLContext | None = None) -> None:
        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that does not trust us hangs up."""

        self._server = Quiet(("127.0.0.1", 0), handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
