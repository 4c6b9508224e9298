"""What the fields of a result must say about each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from vd4rl_data.errors import InvalidIdError
from vd4rl_data.ids import parse_benchmark
from vd4rl_data.results.episodes import mean_return
from vd4rl_data.results.model import Data, EnvironmentRuns, Run, RunResult
from vd4rl_data.results.online import find_online_contradictions, is_close

HOW_TO_SAY_DATA: Final = (
    "make_submission(..., data=dataset), with what load_dataset returned, reads origin and content"
    " hash from the dataset's manifest; `vd4rl info ID` shows both"
)
"""How to give :class:`vd4rl_data.results.Data`, for messages."""

_FEW_DIGITS: Final = 8
_EQUAL_DIGITS: Final = re.compile(r"(.)\1{13}")
_NOTHING: Final = hashlib.sha256().hexdigest()


def find_contradictions(result: RunResult) -> list[str]:
    """Check a result against itself; an empty list is a consistent one."""
    return [
        *_identity(result),
        *_published(result),
        *_data(result.data),
        *_raw(result),
        *find_online_contradictions(result),
        *_traces(result),
    ]


def _identity(result: RunResult) -> Iterator[str]:
    try:
        parse_benchmark(result.benchmark)
    except InvalidIdError as error:
        yield f"benchmark: {error}"
    if bool(result.evaluations) == bool(result.published):
        yield "expected either evaluations (raw returns) or published (printed numbers), not both"
    if (result.kind == "published") != bool(result.published):
        yield f"kind: {result.kind!r} does not fit; 'published' is for printed numbers, and only it"


def is_placeholder(sha256: str) -> bool:
    """Whether 64 digits are those of no data: a repeated text, or few or equal ones, as in 0...01.

    One hash in 10^15 has so few different digits, or so many equal ones in a row.
    """
    repeated = sha256 in (sha256 + sha256)[1:-1]
    few = len(set(sha256)) <= _FEW_DIGITS or _EQUAL_DIGITS.search(sha256) is not None
    return repeated or few or sha256 == _NOTHING


def _data(data: Data | None) -> Iterator[str]:
    if data is None:
        return
    if data.content_sha256 is not None and data.part_sha256s:
        yield "data: content_sha256 or part_sha256s (of a composite dataset), not both"
    if data.origin == "none" and data.hashes:
        yield "data: origin 'none' is for what learns from no data; it has no content hash"
    for sha256 in filter(is_placeholder, data.hashes):
        yield f"data: {sha256[:8]}... is no hash of data but a placeholder; {HOW_TO_SAY_DATA}"


def _published(result: RunResult) -> Iterator[str]:
    if result.published and (result.traces or result.compute):
        yield "published numbers come without traces and compute: nothing of the kind was run here"
    for i, number in enumerate(result.published):
        if (number.spread is None) != (number.spread_kind is None):
            yield f"published[{i}]: spread and spread_kind come together"


def _raw(result: RunResult) -> Iterator[str]:
    if not result.evaluations:
        return
    if result.image_size is None:
        yield "image_size: raw returns need it"
    protocol = result.protocol
    for name in ("seeds", "episodes", "online_evaluations"):
        if getattr(protocol, name) is None:
            yield f"protocol.{name}: raw returns need it"
    for name in ("checkpoint", "hyperparameters_shared"):
        if getattr(protocol, name) == "unstated":
            yield f"protocol.{name}: 'unstated' is for papers"
    if protocol.checkpoint == "best_online" and protocol.online_evaluations == 0:
        yield "protocol: a checkpoint chosen online needs online_evaluations above 0"
    names = [evaluation.environment for evaluation in result.evaluations]
    if len(set(names)) != len(names):
        yield "evaluations: each environment may appear only once"
    for i, evaluation in enumerate(result.evaluations):
        yield from _runs(result, evaluation, f"evaluations[{i}]")


def _runs(result: RunResult, evaluation: EnvironmentRuns, where: str) -> Iterator[str]:
    seeds = [run.seed for run in evaluation.runs]
    if len(set(seeds)) != len(seeds):
        yield f"{where}: the seeds of its runs are not distinct: {seeds}"
    if len(seeds) != (result.protocol.seeds or len(seeds)):
        yield f"{where}: protocol.seeds says {result.protocol.seeds}, there are {len(seeds)} runs"
    for j, run in enumerate(evaluation.runs):
        yield from _run(result, run, f"{where}.runs[{j}]")


def _run(result: RunResult, run: Run, where: str) -> Iterator[str]:
    episodes = len(run.returns)
    if episodes != (result.protocol.episodes or episodes):
        yield (
            f"{where}: protocol.episodes says {result.protocol.episodes},"
            f" there are {episodes} returns"
        )
    columns: dict[str, Sequence[float] | None] = {
        "successes": run.successes,
        "episode_seeds": run.episode_seeds,
        "lengths": run.lengths,
    }
    for name, values in columns.items():
        if values is not None and len(values) != episodes:
            yield f"{where}.{name}: expected {episodes}, one per return, got {len(values)}"
    if (run.episode_seeds is None) != (run.lengths is None):
        yield f"{where}: episode_seeds and lengths come together"
    yield from _curve(result, run, where)


def _curve(result: RunResult, run: Run, where: str) -> Iterator[str]:
    steps = [point.step for point in run.curve]
    if steps != sorted(set(steps)):
        yield f"{where}.curve: steps must increase"
    if not run.curve or result.protocol.checkpoint == "best_online":
        return
    last, final = run.curve[-1].mean_return, mean_return(run)
    what = "the mean of the final returns"
    if run.online_curve:
        final, what = run.online_curve[0].mean_return, "the offline point of the online curve"
    if result.protocol.checkpoint == "last" and not is_close(last, final):
        yield f"{where}.curve: ends at {last:g}, but {what} is {final:g}"
    train_steps = result.protocol.train_steps
    if train_steps is not None and steps[-1] > train_steps:
        yield f"{where}.curve: goes on after protocol.train_steps ({train_steps})"


def _traces(result: RunResult) -> Iterator[str]:
    runs = [run for evaluation in result.evaluations for run in evaluation.runs]
    traced = [run for run in runs if run.lengths is not None]
    if result.traces is None and traced:
        yield "traces: lengths are of no use without a trace file; leave both out"
    if result.traces is not None and not traced:
        yield "traces: no run states the lengths of its episodes"
