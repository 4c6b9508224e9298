"""Which numbers may stand in one table: the same suite, environments, scale and rules."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leaderboard.origins import is_the_benchmarks_data
from vd4rl_data import suite
from vd4rl_data.registry import SUITES
from vd4rl_data.results import RunResult
from vd4rl_data.results.model import Environment, Scale

OTHER: Final = "other"
"""Key of a suite's table for what cannot be compared."""

DATA: Final = "data"
"""Key of a suite's table for what was trained on other data."""

_OTHER_DATA: Final = suite.Section(
    DATA,
    "Other data",
    "Trained on data that are not the authors' files, or not all of them, or that are not stated:"
    " collected anew, at another size, cut. Each row says which. Rows of different data are not"
    " compared, here or elsewhere.",
    ranked=False,
)


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the page: what its suite says of it, and a key that no other suite's has.

    Attributes:
        key: unique; also the stem of its exports.
        suite: name of the suite.
        title, about: for readers.
        by_benchmark: rows are benchmarks and columns are algorithms, for tables of many benchmarks
            and few algorithms.
        unit: what a cell shows.
        ranked: whether averages and ranks over its columns mean anything.
        compared: whether the best of a column means anything.
        sizes_by_task: the paper fixed an image size per task, so that a row holds several.
        online: results went on to learn in the environment, so that they have an offline point and
            a curve.
    """

    key: str
    suite: str
    title: str
    about: str
    by_benchmark: bool = False
    unit: str = "normalized score, times 100"
    ranked: bool = True
    compared: bool = True
    sizes_by_task: bool = False
    online: bool = False


def suites() -> dict[str, str]:
    """Suites in the page's order, and how they are written."""
    return {
        name: found.title for name, found in SUITES.items() if found.benchmarks and found.sections
    }


def sections() -> tuple[Section, ...]:
    """Every table, suite by suite. Those without entries are left out, but for a suite's first."""
    return tuple(_section(name, part) for name in suites() for part in _parts(SUITES[name]))


def section_of(
    result: RunResult, benchmark: suite.Benchmark, environment: Environment, scale: Scale
) -> Section:
    """The table that a number belongs into."""
    found = SUITES[benchmark.id.suite]
    comparable = _comparable(result)
    whole = is_the_benchmarks_data(result, benchmark)
    track = next((part for part in found.sections if part.track == result.protocol.track), None)
    if track is not None:
        budget = result.protocol.environment_steps
        same = track.environment_steps in (None, budget)
        return _place(found, track.key if comparable and whole and same else OTHER)
    if result.protocol.track != "offline" or not comparable:
        return _place(found, OTHER)
    return _place(found, _offline(found, benchmark, environment, scale) if whole else DATA)


def _offline(
    found: suite.Suite, benchmark: suite.Benchmark, environment: Environment, scale: Scale
) -> str:
    """Environments and scales with a table of their own come before the benchmark's family."""
    for part in found.sections:
        if environment in part.environments or scale in part.scales:
            return part.key
    return benchmark.family


def _parts(found: suite.Suite) -> Iterator[suite.Section]:
    yield from found.sections
    yield _OTHER_DATA


def _place(found: suite.Suite, key: str) -> Section:
    part = next((part for part in _parts(found) if part.key == key), found.sections[0])
    return _section(found.name, part)


@functools.cache
def _section(name: str, part: suite.Section) -> Section:
    return Section(
        key=f"{name.lower()}_{part.key}",
        suite=name,
        title=part.title,
        about=part.about,
        by_benchmark=part.by_benchmark,
        unit=part.unit,
        ranked=part.ranked,
        compared=part.key != DATA,
        sizes_by_task=part.sizes_by_task,
        online=part.track == "offline_to_online",
    )


def _comparable(result: RunResult) -> bool:
    protocol = result.protocol
    return protocol.not_comparable is None and protocol.checkpoint != "best_online"
