"""What the page shows, as one JSON document: plain values, rounded, in a fixed order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from leaderboard import statistics, words
from leaderboard.cells import CHOSEN, CHOSEN_MEANS, Cell, cells_of
from leaderboard.check import badges_of
from leaderboard.origins import MARKS, disputed
from leaderboard.sections import suites
from leaderboard.statistics import Interval
from leaderboard.store import Entry
from leaderboard.tables import Column, Row, Table, make_tables, scaled
from vd4rl_data.results import RunResult
from vd4rl_data.results.episodes import follows_protocol
from vd4rl_data.results.given import plain
from vd4rl_data.seeding import EVALUATION_PROTOCOL

PRINTED: Final = Path(__file__).parent / "printed.json"
"""Numbers of the papers' tables that are no result of an algorithm on a benchmark."""

THRESHOLDS: Final = np.linspace(0.0, 1.0, 51)
"""Of performance profiles, as normalized scores."""

_PROFILED: Final = 12  # rows of a table that figures show: the best ones
_COMPARED: Final = 8  # rows of a table that are compared pairwise
_DIGITS: Final = 4


def make_payload(entries: list[Entry]) -> dict[str, Any]:
    """Everything that the page and its exports need."""
    unclear = disputed(entry.result for entry in entries)
    cells = [cell for entry in entries for cell in cells_of(entry, unclear)]
    tables = make_tables(cells)
    by_entry: dict[str, list[Cell]] = {}
    for cell in cells:
        by_entry.setdefault(cell.entry.key, []).append(cell)
    return {
        "suites": [{"key": key, "title": title} for key, title in suites().items()],
        "tables": [table_payload(table) for table in tables],
        "entries": [_entry(entry, by_entry[entry.key]) for entry in entries],
        "printed": json.loads(PRINTED.read_text(encoding="utf-8")),
        "words": {
            "environments": words.ENVIRONMENTS,
            "scales": words.SCALES,
            "marks": MARKS | {CHOSEN: CHOSEN_MEANS},
            "protocol": EVALUATION_PROTOCOL,
        },
    }


def table_payload(table: Table) -> dict[str, Any]:
    """One table."""
    section = table.section
    return {
        "key": section.key,
        "suite": section.suite,
        "title": section.title,
        "about": section.about,
        "by_benchmark": section.by_benchmark,
        "ranked": section.ranked,
        "compared": section.compared,
        "online": section.online,
        "unit": section.unit,
        "columns": [_column(column) for column in table.columns],
        "rows": [_row(row) for row in table.rows],
        "profiles": _profiles(table),
        "improvements": _improvements(table),
    }


def _column(column: Column) -> dict[str, Any]:
    benchmark, environment = column
    return {
        "benchmark": str(benchmark.id),
        "task": words.task_words(benchmark.id),
        "dataset": words.dataset_words(benchmark.id),
        "short": words.short_words(benchmark.id),
        "behavior": words.BEHAVIORS[benchmark.id.behavior],
        "distraction": words.distraction_kind(benchmark.id),
        "environment": environment,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "algorithm": row.key.algorithm,
        "label": row.key.label,
        "sizes": list(row.sizes),
        "provenance": "replayed" if row.replayed else row.key.kind,
        "rank": _rounded(row.rank),
        "paper_rank": _rounded(row.paper_rank),
        "mean": _rounded(row.mean),
        "median": _rounded(row.median),
        "intervals": {
            name: _interval(scaled(interval)) for name, interval in row.intervals.items()
        },
        "marks": list(row.marks),
        "covered": sum(cell is not None for cell in row.cells),
        "cells": [None if cell is None else _cell(cell) for cell in row.cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "value": _rounded(cell.value),
        "spread": _rounded(cell.spread),
        "seeds": cell.seeds,
        "marks": list(cell.marks),
        "entry": cell.entry.key,
        "environment_steps": cell.entry.result.protocol.environment_steps,
        "online": [
            [point.environment_steps, _rounded(point.value), _rounded(point.spread)]
            for point in cell.online
        ],
    }


def _profiles(table: Table) -> list[dict[str, Any]]:
    """Of runs where raw returns allow it, else of the means of datasets; best rows only."""
    if not table.section.ranked or len(table.columns) < 2 or "normalized" not in table.section.unit:
        return []
    complete = [i for i, row in enumerate(table.rows) if row.complete][:_PROFILED]
    profiles: list[dict[str, Any]] = []
    for i in complete:
        row, scores = table.rows[i], table.rows[i].run_scores
        if scores is None:
            values = np.array([cell.value / 100 for cell in row.cells if cell is not None])
            point = [float((values > t).mean()) for t in THRESHOLDS]
            profiles.append({"row": i, "of": "datasets", "value": _list(point)})
        else:
            point, low, high = statistics.performance_profile(scores, THRESHOLDS)
            band = {"low": _list(low.tolist()), "high": _list(high.tolist())}
            profiles.append({"row": i, "of": "runs", "value": _list(point.tolist()), **band})
    return profiles


def _improvements(table: Table) -> list[dict[str, Any]]:
    """Probability that a run of one row beats one of another: the best rows with raw returns."""
    if not table.section.ranked:
        return []
    scored = [(i, row.run_scores) for i, row in enumerate(table.rows)]
    raw = [(i, scores) for i, scores in scored if scores is not None][:_COMPARED]
    return [
        {
            "row": i,
            "over": j,
            **_interval(statistics.probability_of_improvement(ours, theirs)),
        }
        for place, (i, ours) in enumerate(raw)
        for j, theirs in raw[place + 1 :]
    ]


def _entry(entry: Entry, cells: list[Cell]) -> dict[str, Any]:
    result, first = entry.result, cells[0]
    benchmark = first.benchmark.id
    content = plain(result)
    for name in ("schema", "schema_version", "benchmark", "image_size", "kind"):
        content.pop(name, None)
    return {
        "key": entry.key,
        "algorithm": result.algorithm.name,
        "label": result.algorithm.label,
        "suite": benchmark.suite,
        "benchmark": result.benchmark,
        "task": words.task_words(benchmark),
        "dataset": words.dataset_words(benchmark),
        "behavior": words.BEHAVIORS[benchmark.behavior],
        "distraction": words.distraction_kind(benchmark),
        "size": result.image_size,
        "kind": result.kind,
        "badges": list(badges_of(result, replayed=entry.replayed is not None)),
        "replayed": entry.replayed,
        "episode_seeds": _episode_seeds(result),
        "marks": list(first.marks),
        "scores": [_score(cell) for cell in cells],
        "content": content,
    }


def _episode_seeds(result: RunResult) -> str | None:
    """Who chose the episodes."""
    runs = [run for evaluation in result.evaluations for run in evaluation.runs]
    if not runs:
        return None
    if any(run.episode_seeds is None for run in runs):
        return "not given"
    followed = all(follows_protocol(run, result.protocol.version) for run in runs)
    return "the protocol's" if followed else "the submitter's own"


def _score(cell: Cell) -> dict[str, Any]:
    interval = None
    if len(cell.run_scores) > 1:
        column = np.array(cell.run_scores, dtype=np.float64)[:, None]
        replicates = statistics.resample(column).mean(axis=(1, 2))
        low, high = np.quantile(replicates, (0.025, 0.975))
        interval = [_rounded(float(low) * 100), _rounded(float(high) * 100)]
    return {
        "environment": cell.environment,
        "value": _rounded(cell.value),
        "spread": _rounded(cell.spread),
        "interval": interval,
        "seeds": cell.seeds,
        "offline": _rounded(cell.online[0].value) if cell.online else None,
        "table": cell.section.key,
        "unit": cell.section.unit,
    }


def _interval(interval: Interval) -> dict[str, float | None]:
    return {
        "value": _rounded(interval.value),
        "low": _rounded(interval.low),
        "high": _rounded(interval.high),
    }


def _list(values: list[float]) -> list[float | None]:
    return [_rounded(value) for value in values]


def _rounded(value: float | None) -> float | None:
    """Few digits: sums in another order differ in the last ones, and the bytes must not."""
    if value is None:
        return None
    rounded = round(value, _DIGITS)
    return 0.0 if rounded == 0 else rounded
