"""Forks processes that download: ``{"ok": […]}`` or ``{"error": "Type: message"}`` comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.download.forking import serve
from vd4rl_data.download.transfer import Endpoint, Policy, RemoteFile, fetch
from vd4rl_data.errors import Vd4rlError


def work(job: dict[str, Any]) -> dict[str, Any]:
    files = [RemoteFile(*fields) for fields in job["files"]]
    policy = Policy(attempts=4, first_delay=0.01, longest_delay=0.05)
    try:
        fetched = fetch(
            files,
            Path(job["folder"]),
            [Endpoint(job["url"])],
            lambda endpoint, file: f"{endpoint}/datasets/lab/pixels/resolve/main/{file.path}",
            policy=policy,
            **job["options"],
        )
        return {"ok": [file.file.path for file in fetched]}
    except Vd4rlError as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    serve(work)
