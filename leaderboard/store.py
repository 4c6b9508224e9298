"""The store: one reviewable file per entry, ``results/<suite>/<dataset>/<algorithm>.json``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leaderboard.receipts import read_receipt, receipt_path
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.ids import parse_benchmark
from vd4rl_data.results import RunResult, parse_result, read_result, result_paths
from vd4rl_data.results.files import read_bounded
from vd4rl_data.results.text import MAX_BYTES
from vd4rl_data.results.traces import traces_path

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
            replayed=_replayed(path, data, result),
        )


def _replayed(path: Path, data: bytes, result: RunResult) -> dict[str, str] | None:
    """What a receipt says; one that cannot be true is ignored here, and refused by the checker."""
    try:
        return read_receipt(path, data, result)
    except InvalidResultError:
        return None


def evidence_paths(path: Path) -> tuple[Path, Path]:
    """Where the actions and the receipt of a result lie, if it has any."""
    return traces_path(path), receipt_path(path)


def find_strays(store: Path) -> list[Path]:
    """What belongs to no result: other files, links, and evidence of a result that names none."""
    known: set[Path] = set()
    for path in result_paths(store):
        known.add(path)
        if _names_traces(path):
            known |= set(evidence_paths(path))
    return sorted(
        path
        for path in store.rglob("*")
        if path.is_symlink() or (path.is_file() and path not in known)
    )


def _names_traces(path: Path) -> bool:
    """Whether a result says that it has action traces; one that cannot be read might."""
    try:
        return read_result(path).traces is not None
    except InvalidResultError:
        return True
