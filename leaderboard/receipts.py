"""Receipts: notes beside an entry that its actions were played again.

A receipt spares whoever builds the page the simulator; it proves nothing. It is ignored unless it
is of these very bytes and the actions it speaks of are there, and ``check`` earns it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, cast

from leaderboard.evidence import why_no_badge
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import RunResult, read_traces
from vd4rl_data.results.files import RECEIPT_SUFFIX, read_bounded, result_sha256
from vd4rl_data.results.text import StrictJsonError, parse_json
from vd4rl_data.storage.atomic import write_text

_MAX_BYTES: Final = 10_000
_HASH: Final = "result_sha256"
_VERSIONS: Final = "versions"


def receipt_path(path: Path) -> Path:
    """Where the receipt of a result lies."""
    return path.with_name(path.stem + RECEIPT_SUFFIX)


def read_receipt(path: Path, data: bytes, result: RunResult) -> dict[str, str] | None:
    """The simulator versions that a receipt names; ``None`` without a receipt.

    Args:
        path: the result file; receipt and actions lie beside it.
        data: its bytes.
        result: what they say.

    Raises:
        InvalidResultError: the receipt cannot be one of this result: it is of other bytes, there
            are no actions that anybody could have played, or it is malformed.
    """
    receipt = receipt_path(path)
    if not (receipt.exists() or receipt.is_symlink()):
        return None
    content = _parse(receipt)
    if content[_HASH] != result_sha256(data):
        raise _invalid(receipt, "it is of another result than the one beside it")
    reason = why_no_badge(result)
    if reason is not None:
        raise _invalid(receipt, f"the result cannot have earned it: {reason}")
    try:
        read_traces(path, result)
    except FileNotFoundError as error:
        raise _invalid(
            receipt, f"nothing can have been replayed: {error.filename} is missing"
        ) from None
    versions: dict[str, str] = content[_VERSIONS]
    return versions


def write_receipt(path: Path, data: bytes, versions: dict[str, str]) -> Path:
    """Note that a result was replayed; returns the receipt."""
    receipt = receipt_path(path)
    content = {_HASH: result_sha256(data), _VERSIONS: dict(sorted(versions.items()))}
    write_text(receipt, json.dumps(content, indent=2) + "\n")
    return receipt


def _parse(receipt: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_bounded(receipt, _MAX_BYTES))
    except StrictJsonError as error:
        raise _invalid(receipt, str(error)) from None
    if not isinstance(content, dict) or set(cast("dict[str, Any]", content)) != {_HASH, _VERSIONS}:
        raise _invalid(receipt, f"expected an object with {_HASH} and {_VERSIONS}")
    versions = cast("dict[str, Any]", content)[_VERSIONS]
    if not isinstance(versions, dict) or not all(
        isinstance(version, str) for version in cast("dict[str, Any]", versions).values()
    ):
        raise _invalid(receipt, f"{_VERSIONS}: expected names and versions as text")
    return cast("dict[str, Any]", content)


def _invalid(receipt: Path, problem: str) -> InvalidResultError:
    return InvalidResultError(str(receipt), (problem,))
