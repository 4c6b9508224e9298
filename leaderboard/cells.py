"""Results → numbers that can stand in a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from leaderboard.benchmarks import benchmarks, normalized
from leaderboard.online import OnlineScore, online_scores
from leaderboard.origins import Dataset, data_marks
from leaderboard.sections import Section, section_of
from leaderboard.store import Entry
from vd4rl_data.results import EnvironmentRuns, PublishedNumber, Run, RunResult
from vd4rl_data.results.episodes import follows_protocol, mean_return
from vd4rl_data.results.model import Environment
from vd4rl_data.seeding import EVALUATION_PROTOCOL
from vd4rl_data.suite import Benchmark

PAPER_SCALE = 100.0
"""Papers print a hundred times the normalized score."""

CHOSEN: Final = "chosen episodes"
CHOSEN_MEANS: Final = "Evaluated in episodes that the submitter chose, not in those of the protocol"
"""A mark beside a name, and its meaning."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What an entry contributes to one table.

    Attributes:
        entry: where it is from.
        section: the table.
        benchmark, environment: the column.
        value: in the table's unit.
        spread: one standard deviation over seeds, in the same unit; ``None`` where unknown.
        seeds: how many runs; ``None`` where a paper does not say.
        run_scores: the score of each run, 0 to 1; empty for printed numbers.
        paper: who printed it; empty for raw returns.
        printed: the number as printed, with its scale; empty for raw returns.
        marks: what a reader must know before comparing it, e.g. what data it was trained on.
        online: scores from the offline point to the end, ``value`` being the last one; empty for
            printed numbers and for what stays offline.
    """

    entry: Entry
    section: Section
    benchmark: Benchmark
    environment: Environment
    value: float
    spread: float | None
    seeds: int | None
    run_scores: tuple[float, ...]
    paper: str = ""
    printed: str = ""
    marks: tuple[str, ...] = ()
    online: tuple[OnlineScore, ...] = ()


def cells_of(entry: Entry, disputed: frozenset[Dataset] = frozenset()) -> Iterator[Cell]:
    """Every number of an entry that is ranked: one per environment.

    Args:
        entry: whose.
        disputed: datasets whose content the store's entries disagree about.
    """
    benchmark = benchmarks()[entry.result.benchmark]
    marks = (*data_marks(entry.result, benchmark, disputed), *protocol_marks(entry.result))
    for evaluation in entry.result.evaluations:
        yield _raw_cell(entry, benchmark, evaluation, marks)
    seen: set[Environment] = set()
    for number in entry.result.published:
        if number.environment not in seen:
            seen.add(number.environment)
            yield _printed_cell(entry, benchmark, number)


def protocol_marks(result: RunResult) -> tuple[str, ...]:
    """What of the evaluation is not by the newest protocol; printed numbers follow none.

    Its version where it is an older one, and whether the submitter chose the episodes.
    """
    version = result.protocol.version
    runs = [run for evaluation in result.evaluations for run in evaluation.runs]
    seeded = (run for run in runs if run.episode_seeds is not None)
    chosen = any(not follows_protocol(run, version) for run in seeded)
    older = bool(runs) and version != EVALUATION_PROTOCOL
    return (*([f"protocol {version}"] if older else []), *([CHOSEN] if chosen else []))


def run_score(run: Run, benchmark: Benchmark) -> float | None:
    """The score of a run, 0 to 1; ``None`` where the benchmark has no score."""
    if benchmark.metric == "success":
        return fmean(run.successes or ())
    return normalized(benchmark, mean_return(run), "return")


def _raw_cell(
    entry: Entry, benchmark: Benchmark, evaluation: EnvironmentRuns, marks: tuple[str, ...]
) -> Cell:
    section = section_of(entry.result, benchmark, evaluation.environment, "return")
    scores = [run_score(run, benchmark) for run in evaluation.runs]
    known = tuple(score for score in scores if score is not None)
    shown = [score * PAPER_SCALE for score in known]
    if not known:
        shown = [mean_return(run) for run in evaluation.runs]
    return Cell(
        entry=entry,
        section=section,
        benchmark=benchmark,
        environment=evaluation.environment,
        value=fmean(shown),
        spread=stdev(shown) if len(shown) > 1 else None,
        seeds=len(evaluation.runs),
        run_scores=known,
        marks=marks,
        online=online_scores(evaluation.runs, benchmark, PAPER_SCALE),
    )


def _printed_cell(entry: Entry, benchmark: Benchmark, number: PublishedNumber) -> Cell:
    section = section_of(entry.result, benchmark, number.environment, number.scale)
    value, spread = number.mean, number.spread
    score = normalized(benchmark, number.mean, number.scale)
    if score is not None:
        value = score * PAPER_SCALE
        above = normalized(benchmark, number.mean + (spread or 0.0), number.scale)
        spread = None if spread is None or above is None else (above - score) * PAPER_SCALE
    printed = f"{number.mean:g}" + ("" if number.spread is None else f" ± {number.spread:g}")
    return Cell(
        entry=entry,
        section=section,
        benchmark=benchmark,
        environment=number.environment,
        value=value,
        spread=spread,
        seeds=number.seeds,
        run_scores=(),
        paper=number.source.paper,
        printed=printed,
    )
