"""Tables: algorithms by benchmarks, with the statistics that their numbers allow."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from leaderboard import statistics
from leaderboard.benchmarks import benchmarks
from leaderboard.cells import PAPER_SCALE, Cell
from leaderboard.sections import Section, sections, suites
from leaderboard.statistics import Interval
from vd4rl_data.suite import Benchmark

COHORT: int = 3
"""Fewest algorithms of one paper whose ranks among themselves are shown."""

Column = tuple[Benchmark, str]
"""A benchmark, and the environment that agents are evaluated in."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """What makes a row: an algorithm as somebody ran it, at one image size.

    ``size`` is ``None`` where a paper does not say it, or where sizes follow from the tasks.
    """

    algorithm: str
    label: str | None
    size: int | None
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One algorithm in one table.

    Attributes:
        key: who.
        cells: one per column; ``None`` where there is no result.
        mean, median: over all columns; ``None`` unless the row has every column.
        rank: average rank among the rows that have every column.
        paper_rank: the same among the algorithms of the same paper only.
        intervals: metrics with intervals, where raw returns allow them.
        replayed: whether every cell's traces were replayed.
    """

    key: RowKey
    cells: tuple[Cell | None, ...]
    mean: float | None
    median: float | None
    rank: float | None
    paper_rank: float | None
    intervals: dict[str, Interval]
    replayed: bool

    @property
    def complete(self) -> bool:
        """Whether the row has a result in every column."""
        return all(cell is not None for cell in self.cells)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Image sizes of its cells, as far as they are known."""
        found = {cell.entry.result.image_size for cell in self.cells if cell is not None}
        return tuple(sorted(size for size in found if size is not None))

    @property
    def marks(self) -> tuple[str, ...]:
        """What its cells are marked with, each once."""
        found = [mark for cell in self.cells if cell is not None for mark in cell.marks]
        return tuple(dict.fromkeys(found))

    @property
    def run_scores(self) -> statistics.Scores | None:
        """(R, N) scores of its runs; ``None`` where any column lacks them."""
        return _run_scores(self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """All comparable results of one section."""

    section: Section
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    improvements: dict[tuple[int, int], Interval] = field(
        default_factory=dict[tuple[int, int], Interval]
    )


def make_tables(cells: Iterable[Cell]) -> list[Table]:
    """Every table that has numbers, and an empty one for each suite that has none."""
    grouped: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        grouped[cell.section.key].append(cell)
    tables = {
        section.key: _table(section, grouped[section.key])
        for section in sections()
        if section.key in grouped
    }
    for suite in suites():
        if not any(table.section.suite == suite for table in tables.values()):
            first = next(section for section in sections() if section.suite == suite)
            tables[first.key] = Table(first, (), ())
    order = [section.key for section in sections()]
    return sorted(tables.values(), key=lambda table: order.index(table.section.key))


def _table(section: Section, cells: Sequence[Cell]) -> Table:
    budgets = {cell.entry.result.protocol.environment_steps for cell in cells}
    if section.online and len(budgets) > 1:
        section = dataclasses.replace(section, ranked=False, compared=False)
    columns = _columns(cells)
    places: dict[tuple[Benchmark, str], int] = {column: i for i, column in enumerate(columns)}
    grid: dict[RowKey, list[Cell | None]] = {}
    for cell in cells:
        row = grid.setdefault(_row_key(cell), [None] * len(columns))
        row[places[cell.benchmark, cell.environment]] = cell
    ranks = _ranks(grid, columns) if section.ranked else {}
    paper_ranks = _paper_ranks(grid, columns) if section.ranked else {}
    rows = [
        _row(section, key, tuple(row), ranks.get(key), paper_ranks.get(key))
        for key, row in grid.items()
    ]
    return Table(section, columns, tuple(sorted(rows, key=_row_order)))


def _columns(cells: Sequence[Cell]) -> tuple[Column, ...]:
    order = {name: i for i, name in enumerate(benchmarks())}
    present = {(cell.benchmark, cell.environment) for cell in cells}
    return tuple(
        sorted(
            present,
            key=lambda column: (
                order[str(column[0].id)],
                [str(name) for name in column[0].environments].index(column[1]),
            ),
        )
    )


def _row_key(cell: Cell) -> RowKey:
    result = cell.entry.result
    size = None if cell.section.sizes_by_task else result.image_size
    return RowKey(result.algorithm.name, result.algorithm.label, size, result.kind)


def _row_order(row: Row) -> tuple[float, float, str, str]:
    """Best first; what is not complete comes last, by how much it covers."""
    missing = sum(cell is None for cell in row.cells)
    shown = [cell.value for cell in row.cells if cell is not None]
    return (missing, -sum(shown) / len(shown), row.key.algorithm.lower(), str(row.key))


def _row(
    section: Section,
    key: RowKey,
    cells: tuple[Cell | None, ...],
    rank: float | None,
    paper_rank: float | None,
) -> Row:
    full = [cell for cell in cells if cell is not None]
    summed = section.ranked and len(full) == len(cells)
    values = np.array([cell.value for cell in full])
    scores = _run_scores(cells) if summed else None
    return Row(
        key=key,
        cells=cells,
        mean=float(values.mean()) if summed else None,
        median=float(np.median(values)) if summed else None,
        rank=rank,
        paper_rank=paper_rank,
        intervals={} if scores is None else statistics.intervals(scores),
        replayed=all(cell.entry.replayed is not None for cell in full),
    )


def _run_scores(cells: Sequence[Cell | None]) -> statistics.Scores | None:
    columns = [cell.run_scores for cell in cells if cell is not None]
    if len(columns) != len(cells) or not all(columns):
        return None
    return statistics.stack(columns)


def _ranks(grid: dict[RowKey, list[Cell | None]], columns: Sequence[Column]) -> dict[RowKey, float]:
    complete = {
        key: [cell.value for cell in row if cell is not None]
        for key, row in grid.items()
        if all(cell is not None for cell in row)
    }
    if len(complete) < 2 or not columns:
        return {}
    ranks = statistics.average_ranks(np.array(list(complete.values()), dtype=np.float64))
    return dict(zip(complete, ranks.tolist(), strict=True))


def _paper_ranks(
    grid: dict[RowKey, list[Cell | None]], columns: Sequence[Column]
) -> dict[RowKey, float]:
    """Ranks within each paper that has enough algorithms of its own in the table."""
    by_paper: dict[str, dict[RowKey, list[Cell | None]]] = defaultdict(dict)
    for key, row in grid.items():
        papers = {cell.paper for cell in row if cell is not None}
        if len(papers) == 1 and "" not in papers:
            by_paper[papers.pop()][key] = row
    ranks: dict[RowKey, float] = {}
    for rows in by_paper.values():
        found = _ranks(rows, columns)
        if len(found) >= COHORT:
            ranks |= found
    return ranks


def scaled(interval: Interval) -> Interval:
    """An interval of scores in the papers' unit."""
    return Interval(
        interval.value * PAPER_SCALE, interval.low * PAPER_SCALE, interval.high * PAPER_SCALE
    )
