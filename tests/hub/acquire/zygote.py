"""Reads jobs, one JSON line each; forks a process that acquires; prints its process id."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.hub.acquire import miniature
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.hub.acquire import Settings, acquire_dataset
from vd4rl_data.hub.client import Patience
from vd4rl_data.hub.public_files import PublicFile, PublicSource
from vd4rl_data.hub.transfer import Endpoint, Policy
from vd4rl_data.registry import get_dataset_spec


def work(job: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the reading process is waited for
    values = job["source"]
    values["files"] = tuple(PublicFile(**file) for file in values["files"])
    settings = Settings(
        (Endpoint(job["url"]),),
        progress=False,
        policy=Policy(attempts=4, first_delay=0.01, longest_delay=0.05),
        patience=Patience(attempts=2, first_delay=0.01),
        **job["options"],
    )
    try:
        path = acquire_dataset(
            get_dataset_spec(job["name"]),
            Path(job["root"]),
            source=PublicSource(**values),
            settings=settings,
        )
        outcome = str(path)
    except Vd4rlError as error:
        outcome = f"{type(error).__name__}: {error}"
    place = Path(job["outcome"])
    place.with_suffix(".tmp").write_text(outcome)
    place.with_suffix(".tmp").replace(place)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    miniature.register()
    import huggingface_hub.errors  # noqa: F401 - imported once, before the forks

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            work(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
