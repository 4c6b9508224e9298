"""Frozen records that describe a suite, its benchmarks, and the tables of its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vd4rl_data.ids import BenchmarkId
from vd4rl_data.spec import DatasetSpec, Score, TaskSpec


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The unit on which results are compared: datasets that differ only in their image size.

    A row does not imply that the library can load the data.

    Attributes:
        id: the name.
        family: key of the table of its suite that it belongs to.
        sizes: image sizes that its papers use.
        environments: names of the environments in which agents may be evaluated.
        metric: what the score is based on.
        return_range: the smallest and the largest possible episode return.
        score: how an episode is scored; ``None`` if the constants were never published.
        task: the task in which actions are replayed; ``None`` if the library cannot simulate it.
        source: where these figures come from.
        printed_low: another lower end of the score, which a paper's own table used.
        graded: whether returns are sums of graded rewards, so that two are never equal by chance.
    """

    id: BenchmarkId
    family: str
    sizes: tuple[int, ...]
    environments: tuple[str, ...]
    metric: Literal["return", "success"]
    return_range: tuple[float, float]
    score: Score | None
    task: TaskSpec | None
    source: str
    printed_low: float | None = None
    graded: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a suite's results.

    Attributes:
        key: unique within the suite; a benchmark is shown in the table that its family names, and
            what cannot be compared in the table ``other``.
        title, about: headline and explanation for readers.
        by_benchmark: rows are benchmarks and columns are algorithms, for tables of many benchmarks
            and few algorithms.
        unit: what a cell shows.
        ranked: whether averages and ranks over its columns are meaningful.
        sizes_by_task: whether the paper fixed an image size per task, so that a row mixes sizes.
        environments: results evaluated in one of these belong here, whatever their family.
        scales: results printed in one of these scales belong here, whatever their family.
        track: results of this track, other than offline training, belong here.
        environment_steps: the online budget that its results share; other budgets are shown in
            ``other``. ``None`` accepts any: rows of different budgets are then neither ranked nor
            compared.
    """

    key: str
    title: str
    about: str
    by_benchmark: bool = False
    unit: str = "normalized score, times 100"
    ranked: bool = True
    sizes_by_task: bool = False
    environments: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    track: str | None = None
    environment_steps: int | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """All facts of one suite.

    Attributes:
        name: the first part of its ids.
        title: the name as its paper writes it.
        tasks: tasks of this suite alone; tasks that suites share are registered separately.
        datasets: rows of the catalog.
        benchmarks: the benchmarks on which results can be submitted.
        sections: tables of results, in order.
        paper: address of the paper.
        license, citation: SPDX name and BibTeX entry of the data.
        refused: names that readers may expect for its tasks, each with the reason why there is no
            such task.
    """

    name: str
    title: str
    paper: str
    license: str
    citation: str
    tasks: tuple[TaskSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    sections: tuple[Section, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
