"""Forks processes that fetch files with the usual settings: their paths come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.download.forking import serve
from vd4rl_data.download.client import Endpoint, file_address
from vd4rl_data.download.fetch import fetch
from vd4rl_data.download.transfer import RemoteFile


def work(job: dict[str, Any]) -> list[str]:
    files = [RemoteFile(*fields) for fields in job["files"]]
    folder, endpoint = Path(job["folder"]), Endpoint(job["url"])

    def address(url: str, path: str) -> str:
        return file_address(url, "lab/pixels", "main", path)

    return [file.path for file in fetch(files, folder, [endpoint], address, progress=False)]


def main() -> None:
    import huggingface_hub.utils  # noqa: F401 - imported once, before the forks

    serve(work)


if __name__ == "__main__":
    main()
