"""What a suite is, with what results on it are compared on and shown in: frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vd4rl_data.ids import BenchmarkId
from vd4rl_data.spec import DatasetSpec, Score, TaskSpec


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What results are compared on: datasets that differ in nothing but their size.

    A row says nothing about whether the library can load the data.

    Attributes:
        id: the name.
        family: which table of its suite it belongs to.
        sizes: image sizes that its papers use.
        environments: names of the environments in which agents may be evaluated.
        metric: what the score is made of.
        return_range: the least and the largest possible episode return.
        score: ``None`` where constants were never published.
        task: what replays are played in; ``None`` where the library cannot simulate it.
        source: of these figures.
        printed_low: another lower end of the score that a paper's own table used.
        graded: whether returns are sums of graded rewards, so that chance never repeats one.
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
        key: unique within the suite; benchmarks stand in the table that their family names, and in
            ``other`` what cannot be compared.
        title, about: for readers.
        by_benchmark: rows are benchmarks and columns are algorithms, for tables of many benchmarks
            and few algorithms.
        unit: what a cell shows.
        ranked: whether averages and ranks over its columns mean anything.
        sizes_by_task: the paper fixed an image size per task, so that a row holds several.
        environments: the table of what was evaluated in one of these, whatever its family.
        scales: the table of what was printed in one of these scales, whatever its family.
        track: the table of results of another track than offline training.
        environment_steps: the online budget that its results share; others stand in ``other``.
            ``None`` takes any: rows of different budgets are then neither ranked nor compared.
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
        title: as its paper writes it.
        tasks: of this suite alone; tasks that suites share are registered by themselves.
        datasets: rows of the catalog.
        benchmarks: what results can be given for.
        sections: tables of results, in order.
        paper: address.
        license, citation: SPDX name and BibTeX entry of the data.
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
