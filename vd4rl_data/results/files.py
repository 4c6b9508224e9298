"""Result files: reading what strangers wrote, writing what strangers will read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, Final

from vd4rl_data.errors import InvalidResultError, OutputExistsError
from vd4rl_data.results.decode import Problems, decode
from vd4rl_data.results.model import RunResult
from vd4rl_data.results.plain import plain
from vd4rl_data.results.text import MAX_BYTES, StrictJsonError, parse_json
from vd4rl_data.results.traces import MAX_BYTES as MAX_TRACE_BYTES
from vd4rl_data.results.traces import find_trace_problems, traces_path
from vd4rl_data.results.validate import find_contradictions

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
        InvalidResultError: it breaks the schema or contradicts itself; every finding is listed.
    """
    try:
        return check_document(parse_json(data), where)
    except StrictJsonError as error:
        raise InvalidResultError(where, (str(error),)) from None


def check_document(document: Any, where: str) -> RunResult:
    """Make a result of objects, lists, texts and numbers, as :mod:`json` reads them.

    Args:
        document: the content of a result file.
        where: names it in messages.

    Raises:
        InvalidResultError: it breaks the schema or contradicts itself; every finding is listed.
    """
    problems = Problems()
    result: RunResult | None = decode(RunResult, document, problems)
    if result is not None:
        problems.extend(find_contradictions(result))
    if result is None or problems:
        raise InvalidResultError(where, tuple(problems))
    return result


def format_result(result: RunResult) -> bytes:
    """The bytes of a result file; the inverse of :func:`parse_result`, the same for equal results.

    Raises:
        InvalidResultError: the result could not be read back.
    """
    text = json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=True)
    text = _SHORT_LISTS.sub(_on_one_line, text)
    data = f"{text}\n".encode(errors="surrogatepass")
    parse_result(data, "the result")
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


def read_result(path: Path | str) -> RunResult:
    """Read a result file.

    Raises:
        InvalidResultError: see :func:`parse_result`.
        OSError: the file cannot be read.
    """
    path = Path(path)
    return parse_result(read_bounded(path, MAX_BYTES), str(path))


def result_paths(folder: Path) -> list[Path]:
    """Every result file below a folder, sorted; notes of replays, which lie beside, are none."""
    return sorted(path for path in folder.rglob("*.json") if not path.name.endswith(RECEIPT_SUFFIX))


def read_traces(path: Path | str, result: RunResult) -> bytes:
    """Read the action traces beside a result file.

    Raises:
        InvalidResultError: size or hash are not those that the result says.
        OSError: the file cannot be read.
    """
    path = traces_path(Path(path))
    data = read_bounded(path, MAX_TRACE_BYTES)
    if problems := find_trace_problems(result, data):
        raise InvalidResultError(str(path), tuple(problems))
    return data


def write_result(
    path: Path | str,
    result: RunResult,
    actions: bytes | None = None,
    *,
    replace: bool = False,
) -> Path:
    """Write a result file and, if there are any, its traces beside it.

    Args:
        path: of the result.
        result: what to write.
        actions: the bytes of its traces.
        replace: put both in the place of those that are there.

    Raises:
        InvalidResultError: the result is not valid, or the actions are not those it speaks of.
        OutputExistsError: one of the files is there, and ``replace`` was not asked for.
    """
    path = Path(path)
    data = format_result(result)
    if result.traces is not None:
        problems = find_trace_problems(result, b"" if actions is None else actions)
        if problems:
            raise InvalidResultError(str(path), tuple(problems))
    for present in (path, traces_path(path)):
        if not replace and present.exists():
            raise OutputExistsError(
                f"{present} is already there; remove it, write elsewhere, or say replace=True"
            )
    if result.traces is not None and actions is not None:
        _write_whole(traces_path(path), actions)
    else:
        traces_path(path).unlink(missing_ok=True)  # those of the result that is replaced
    _write_whole(path, data)
    return path


def _write_whole(path: Path, data: bytes) -> None:
    """A file that is there has all of its bytes, whenever the process ends."""
    written = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        written.write_bytes(data)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def result_sha256(data: bytes) -> str:
    """The hash that a result file is known by."""
    return hashlib.sha256(data).hexdigest()


def _on_one_line(match: re.Match[Any]) -> str:
    return "[" + re.sub(r"\s+", " ", match[1]) + "]"
