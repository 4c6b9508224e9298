"""What the store knows already: references that a new result is held against."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final

from leaderboard.benchmarks import benchmarks
from leaderboard.copies import Evidence, evidence_of
from leaderboard.random_policy import NAME as RANDOM
from leaderboard.store import place_of
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import RunResult, read_result, result_paths
from vd4rl_data.results.episodes import mean_return
from vd4rl_data.results.model import Environment
from vd4rl_data.suite import Benchmark

_TO_RETURN: Final = {"return": 1.0, "return/10": 10.0}
Column = tuple[str, Environment]
"""A benchmark and the environment that agents are evaluated in."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """References, by the place of the entry that they are from.

    Attributes:
        floors: task → mean return of uniformly random actions.
        returns: column → mean undiscounted return of each result, printed or raw.
        runs: column → the runs of each entry with raw returns.
        data: each result that names the content of its training data.
    """

    floors: dict[str, float] = field(default_factory=dict[str, float])
    returns: dict[Column, dict[Path, float]] = field(
        default_factory=lambda: defaultdict[Column, dict[Path, float]](dict)
    )
    runs: dict[Column, dict[Path, list[Evidence]]] = field(
        default_factory=lambda: defaultdict[Column, dict[Path, list[Evidence]]](dict)
    )
    data: dict[Path, RunResult] = field(default_factory=dict[Path, RunResult])


def known_in(store: Path) -> Known:
    """The references of a store; a file is read anew only when it has changed."""
    return _known(tuple((path, path.stat().st_mtime_ns) for path in result_paths(store)))


@functools.lru_cache(maxsize=2)
def _known(stamps: tuple[tuple[Path, int], ...]) -> Known:
    known = Known()
    for stamp in stamps:
        result = _read(*stamp)
        benchmark = None if result is None else benchmarks().get(result.benchmark)
        if result is not None and benchmark is not None:
            _note(known, result, benchmark)
    return known


@functools.lru_cache(maxsize=4096)
def _read(path: Path, _: int) -> RunResult | None:
    try:
        return read_result(path)
    except InvalidResultError:
        return None  # whoever checks that file hears of it


def _note(known: Known, result: RunResult, benchmark: Benchmark) -> None:
    place = place_of(result)
    for environment, value in _mean_returns(result):
        known.returns[result.benchmark, environment][place] = value
        if is_random_policy(result):
            known.floors.setdefault(benchmark.id.task, value)
    for evaluation in result.evaluations:
        runs = evidence_of(evaluation, prefix=f"{place.with_suffix('').as_posix()}: ")
        known.runs[result.benchmark, evaluation.environment][place] = runs
    if result.data is not None and result.data.hashes:
        known.data[place] = result


def is_random_policy(result: RunResult) -> bool:
    """Whether it is the stored floor: actions drawn at random, by this project."""
    return result.algorithm.name == RANDOM and result.algorithm.label is None


def _mean_returns(result: RunResult) -> Iterator[tuple[Environment, float]]:
    for evaluation in result.evaluations:
        yield evaluation.environment, fmean(map(mean_return, evaluation.runs))
    seen: set[Environment] = set()
    for number in result.published:
        if number.scale in _TO_RETURN and number.environment not in seen:
            seen.add(number.environment)
            yield number.environment, number.mean * _TO_RETURN[number.scale]
