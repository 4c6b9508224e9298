"""Putting a checked file into the store, with its evidence and nothing of what stood there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from leaderboard.check import Report
from leaderboard.receipts import write_receipt
from leaderboard.reproduced import put_on_list
from leaderboard.store import evidence_paths, place_of
from vd4rl_data.results import format_result, read_traces
from vd4rl_data.results.traces import traces_path
from vd4rl_data.storage.atomic import atomic_path


def put_entry(report: Report, store: Path, *, reproduced: bool = False) -> Path:
    """Write an entry; what stands in its place goes, with all its evidence.

    Args:
        report: of a file that passed.
        store: where to.
        reproduced: give it this kind and list it.

    Returns:
        The entry's file.

    Raises:
        InvalidResultError: the actions are not those that were checked any more.
    """
    result, data = report.result, report.data
    assert result is not None
    if reproduced and result.kind != "reproduced":
        result = dataclasses.replace(result, kind="reproduced")
        data = format_result(result)
    actions = None if result.traces is None else read_traces(report.path, result)
    target = store / place_of(result)
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in evidence_paths(target):
        if old.resolve() != traces_path(report.path).resolve():
            old.unlink(missing_ok=True)
    if actions is not None:
        _write(traces_path(target), actions)
    _write(target, data)
    if report.earned and report.replay is not None:
        write_receipt(target, data, report.replay.versions)
    put_on_list(store, result, data)
    return target


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
