"""Reads jobs, one JSON line each; forks a process that downloads; prints its process id."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from vd4rl_data.errors import Vd4rlError
from vd4rl_data.hub.transfer import Endpoint, Policy, RemoteFile, fetch


def work(job: dict[str, Any]) -> None:
    files = [RemoteFile(*fields) for fields in job["files"]]
    policy = Policy(attempts=4, first_delay=0.01, longest_delay=0.05)
    outcome: dict[str, Any]
    try:
        fetched = fetch(
            files,
            Path(job["folder"]),
            [Endpoint(job["url"])],
            lambda endpoint, file: f"{endpoint}/datasets/lab/pixels/resolve/main/{file.path}",
            policy=policy,
            **job["options"],
        )
        outcome = {"ok": [file.file.path for file in fetched]}
    except Vd4rlError as error:
        outcome = {"error": f"{type(error).__name__}: {error}"}
    path = Path(job["outcome"])
    path.with_suffix(".tmp").write_text(json.dumps(outcome))
    path.with_suffix(".tmp").replace(path)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            work(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
