"""Forks processes that acquire one id: the path, or ``Type: message``, comes of it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tests.download.authors import miniature
from tests.download.forking import serve
from vd4rl_data.download.authors import acquire_dataset
from vd4rl_data.download.client import Endpoint, Patience
from vd4rl_data.download.public_files import PublicFile, PublicSource
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.registry import get_dataset_spec


def work(job: dict[str, Any]) -> str:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the reading process is waited for
    values = job["source"]
    values["files"] = tuple(PublicFile(**file) for file in values["files"])
    settings = DownloadSettings(
        (Endpoint(job["url"]),),
        progress=False,
        patience=Patience(attempts=4, first_delay=0.01, longest_delay=0.05),
        **job["options"],
    )
    try:
        path = acquire_dataset(
            get_dataset_spec(job["name"]),
            Path(job["root"]),
            source=PublicSource(**values),
            settings=settings,
        )
        return str(path)
    except Vd4rlError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    miniature.register()
    import huggingface_hub.errors  # noqa: F401 - imported once, before the forks

    serve(work)


if __name__ == "__main__":
    main()
