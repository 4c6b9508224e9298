"""Result files: reading what strangers wrote, writing what strangers will read."""

from __future__ import annotations

import hashlib
import json
import re
from os import PathLike
from pathlib import Path
from typing import Any, Final

from vd4rl_data.arguments import check_absent, check_type, checked_path
from vd4rl_data.errors import InvalidArgumentError, InvalidResultError
from vd4rl_data.results.decode import decode
from vd4rl_data.results.given import plain
from vd4rl_data.results.model import RunResult
from vd4rl_data.results.text import MAX_BYTES, StrictJsonError, parse_json
from vd4rl_data.results.traces import MAX_BYTES as MAX_TRACE_BYTES
from vd4rl_data.results.traces import SUFFIX as TRACES_SUFFIX
from vd4rl_data.results.traces import find_trace_problems, traces_path
from vd4rl_data.results.validate import find_contradictions

AnyPath = str | PathLike[str]

RECEIPT_SUFFIX: Final = ".replayed.json"
"""What a file ends in that notes a replay of the result beside it; it is no result itself."""

# No newline stands inside a string of JSON, so these are lists of numbers and nothing else.
_NUMBER = r"-?[0-9][-+.0-9eE]*"
_SHORT_LISTS: Final = re.compile(rf"\[\n\s+({_NUMBER}(?:,\n\s+{_NUMBER})*)\n\s+\]")


def parse_result(data: bytes, where: str = "the text") -> RunResult:
    """Parse and check a result; nothing in it is trusted.

    Args:
        data: the bytes of a result file.
        where: names it in messages.

    Raises:
        InvalidArgumentError: the data are not bytes.
        InvalidResultError: it breaks the schema or contradicts itself; ``problems`` lists up
            to fifty findings, of a list the first wrong item.
    """
    check_type("data", data, bytes)
    try:
        document = parse_json(data)
    except StrictJsonError as error:
        raise InvalidResultError(where, (str(error),)) from None
    return check_document(document, where)


def check_document(document: object, where: str) -> RunResult:
    """The result that a parsed file says.

    Args:
        document: as :mod:`json` reads it.
        where: names it in messages.

    Raises:
        InvalidResultError: it breaks the schema or contradicts itself; ``problems`` lists up
            to fifty findings, of a list the first wrong item.
    """
    result = decode(document)
    if not isinstance(result, RunResult):
        raise InvalidResultError(where, result)
    if problems := tuple(find_contradictions(result)):
        raise InvalidResultError(where, problems)
    return result


def format_result(result: RunResult) -> bytes:
    """The bytes of a result file; the inverse of :func:`parse_result`, the same for equal results.

    Args:
        result: what to write; numpy's numbers in it are written as Python's.

    Raises:
        InvalidArgumentError: it is something else, or holds what has no form in JSON.
        InvalidResultError: the result could not be read back.
    """
    check_type("result", result, RunResult)
    document = plain(result)
    check_document(document, "the result")
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    data = f"{_SHORT_LISTS.sub(_on_one_line, text)}\n".encode()
    if len(data) > MAX_BYTES:
        problem = f"expected a file of at most {MAX_BYTES:,} bytes, got {len(data):,}"
        raise InvalidResultError("the result", (problem,))
    return data


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes.

    Raises:
        InvalidResultError: it is larger, a link, or no regular file.
        OSError: it cannot be read.
    """
    if path.is_symlink() or not path.is_file():
        if not path.is_symlink() and not path.exists():
            raise FileNotFoundError(2, "no such file", str(path))
        raise InvalidResultError(str(path), ("expected a regular file, not a link or folder",))
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidResultError(str(path), (f"expected at most {limit:,} bytes, got more",))
    return data


def read_result(path: AnyPath) -> RunResult:
    """Read a result file.

    Raises:
        InvalidArgumentError: that is no path.
        InvalidResultError: see :func:`parse_result`.
        OSError: the file cannot be read.
    """
    path = checked_path("path", path)
    return parse_result(read_bounded(path, MAX_BYTES), str(path))


def result_paths(folder: AnyPath) -> list[Path]:
    """Every result file below a folder, sorted; notes of replays, which lie beside, are none.

    Raises:
        InvalidArgumentError: the folder is no path.
    """
    found = checked_path("folder", folder).rglob("*.json")
    return sorted(path for path in found if not path.name.endswith(RECEIPT_SUFFIX))


def read_traces(path: AnyPath, result: RunResult) -> bytes:
    """Read the action traces beside a result file.

    Args:
        path: of the result file.
        result: what it says.

    Raises:
        InvalidArgumentError: one of the two is something else.
        InvalidResultError: size or hash are not those that the result says.
        OSError: the file cannot be read.
    """
    check_type("result", result, RunResult)
    path = traces_path(checked_path("path", path))
    data = read_bounded(path, MAX_TRACE_BYTES)
    if problems := find_trace_problems(result, data):
        raise InvalidResultError(str(path), tuple(problems))
    return data


def write_result(
    path: AnyPath, result: RunResult, actions: bytes | None = None, *, replace: bool = False
) -> Path:
    """Write a result file and, if there are any, its traces beside it; each whole or not at all.

    Args:
        path: of the result.
        result: what to write.
        actions: the bytes of its traces, if it has any.
        replace: put both in the place of those that are there.

    Raises:
        InvalidArgumentError: that is no path, or it has the suffix of traces, or the others are no
            result and no bytes.
        InvalidResultError: the result is not valid, or the actions are not those it speaks of.
        OutputExistsError: one of the files is there, and ``replace`` was not asked for.
        FileNotFoundError: there is no such folder.
    """
    path = checked_path("path", path)
    if path.suffix == TRACES_SUFFIX:
        raise InvalidArgumentError(
            f"path: expected another suffix, e.g. .json, got {path.name}, as its actions are called"
        )
    if actions is not None:
        check_type("actions", actions, bytes)
    data = format_result(result)
    if actions is not None or result.traces is not None:
        problems = find_trace_problems(result, actions or b"")
        if problems:
            raise InvalidResultError(str(path), tuple(problems))
    check_absent([path, traces_path(path)], replace=replace)
    if actions is None:
        traces_path(path).unlink(missing_ok=True)  # those of the result that is replaced
    else:
        _write(traces_path(path), actions)
    _write(path, data)
    return path


def result_sha256(data: bytes) -> str:
    """The hash that a result file is known by."""
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.incomplete")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _on_one_line(match: re.Match[Any]) -> str:
    return "[" + re.sub(r"\s+", " ", match[1]) + "]"
