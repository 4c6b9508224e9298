"""Whose word ``reproduced`` is: this project's maintainers', who list each such file by its hash.

The list is a file beside the store. A pull request that touches it is for maintainers to make.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from leaderboard.store import place_of
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import RunResult
from vd4rl_data.results.files import result_sha256
from vd4rl_data.storage.atomic import write_text

LIST: Final = "reproduced.json"
"""Name of the list: entry → SHA-256 of its file."""


def list_path(store: Path) -> Path:
    """Where the list of a store lies."""
    return store.resolve().parent / LIST


def read_list(store: Path) -> dict[str, str]:
    """Entry → SHA-256; empty without a list.

    Raises:
        InvalidResultError: the list is malformed.
    """
    path = list_path(store)
    if not path.is_file():
        return {}
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): str(sha256) for key, sha256 in content.items()}
    except (ValueError, AttributeError) as error:
        raise InvalidResultError(str(path), (f"expected entries and hashes; {error}",)) from error


def find_false_claim(store: Path, result: RunResult, data: bytes) -> str | None:
    """Why a file may not call itself reproduced; ``None`` if it may, or does not."""
    if result.kind != "reproduced" or read_list(store).get(_key(result)) == result_sha256(data):
        return None
    return (
        "kind: 'reproduced' is the word of this project's maintainers, and leaderboard/"
        f"{LIST} does not list this file; your own run of any code is 'submitted'"
    )


def put_on_list(store: Path, result: RunResult, data: bytes) -> None:
    """List an entry's file if it is reproduced; else take the entry off the list."""
    listed = read_list(store)
    wanted = {key: sha256 for key, sha256 in listed.items() if key != _key(result)}
    if result.kind == "reproduced":
        wanted[_key(result)] = result_sha256(data)
    if wanted != listed:
        write_text(list_path(store), json.dumps(dict(sorted(wanted.items())), indent=2) + "\n")


def _key(result: RunResult) -> str:
    return place_of(result).with_suffix("").as_posix()
