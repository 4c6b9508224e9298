"""The store: one reviewable file per entry, ``results/<suite>/<dataset>/<algorithm>.json``."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vd4rl_data.errors import InvalidResultError
from vd4rl_data.ids import parse_benchmark
from vd4rl_data.results import RunResult, parse_result, result_paths
from vd4rl_data.results.files import RECEIPT_SUFFIX, read_bounded, result_sha256
from vd4rl_data.results.text import MAX_BYTES
from vd4rl_data.results.traces import SUFFIX

RESULTS: Final = Path(__file__).parent / "results"
"""The store that ships with the clone."""

_OTHER: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the store.

    Attributes:
        key: its path below the store, without suffix; unique.
        path: where it lies.
        result: what it says.
        replayed: versions of the simulator that reproduced its returns, if a receipt says so.
    """

    key: str
    path: Path
    result: RunResult
    replayed: dict[str, str] | None


def slug(text: str) -> str:
    """Lower-case ASCII words joined by ``_``: names for files."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = ascii_text.lower().replace("+", " plus ").replace("'", "")
    return _OTHER.sub("_", plain).strip("_") or "unnamed"


def place_of(result: RunResult) -> Path:
    """Where a result belongs, relative to the store. Made of checked parts only."""
    benchmark = parse_benchmark(result.benchmark)
    name = slug(result.algorithm.name)
    if result.algorithm.label is not None:
        name += f"-{slug(result.algorithm.label)}"
    return Path(benchmark.suite) / benchmark.dataset / f"{name}.json"


def read_store(store: Path = RESULTS) -> list[Entry]:
    """Read every entry.

    Raises:
        InvalidResultError: a file is not valid, or does not lie where it belongs.
    """
    return list(_entries(store))


def _entries(store: Path) -> Iterator[Entry]:
    for path in result_paths(store):
        data = read_bounded(path, MAX_BYTES)
        result = parse_result(data, str(path))
        place = place_of(result)
        if path.relative_to(store) != place:
            raise InvalidResultError(str(path), (f"it belongs at {place.as_posix()}",))
        yield Entry(
            key=place.with_suffix("").as_posix(),
            path=path,
            result=result,
            replayed=read_receipt(path, data),
        )


def receipt_path(path: Path) -> Path:
    """Where the receipt of a result lies."""
    return path.with_name(path.stem + RECEIPT_SUFFIX)


def read_receipt(path: Path, data: bytes) -> dict[str, str] | None:
    """The simulator versions of a replay of exactly these bytes; ``None`` without one.

    A receipt carries the result's hash, which covers the hash of the actions: it lapses with any
    change of either.
    """
    receipt = receipt_path(path)
    if not receipt.is_file():
        return None
    content: dict[str, Any] = json.loads(read_bounded(receipt, MAX_BYTES))
    if content.get("result_sha256") != result_sha256(data):
        return None
    return {str(name): str(version) for name, version in content["versions"].items()}


def write_receipt(path: Path, data: bytes, versions: dict[str, str]) -> Path:
    """Note that a result was replayed; returns the receipt."""
    receipt = receipt_path(path)
    content = {"result_sha256": result_sha256(data), "versions": dict(sorted(versions.items()))}
    receipt.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return receipt


def find_strays(store: Path) -> list[Path]:
    """What belongs to no result: other files, links, and traces or receipts left behind."""
    known = set(result_paths(store))
    for path in list(known):
        known |= {path.with_suffix(SUFFIX), receipt_path(path)}
    return sorted(
        path
        for path in store.rglob("*")
        if path.is_symlink() or (path.is_file() and path not in known)
    )
