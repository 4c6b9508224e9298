"""A folder behind Python's own file server: no interface, no hashes, no ranges."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder; yields the address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def put(folder: Path, repo_id: str, revision: str, files: dict[str, bytes]) -> None:
    """Lay files out as a hub does."""
    for path, content in files.items():
        place = folder / "datasets" / repo_id / "resolve" / revision / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
