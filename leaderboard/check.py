"""Is a result file what it says? Everything that can be found out without training anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leaderboard.benchmarks import benchmarks
from leaderboard.copies import find_copied_traces, find_copies
from leaderboard.evidence import why_no_badge
from leaderboard.known import Known, known_in
from leaderboard.origins import find_data_notes, find_data_problems
from leaderboard.plausibility import find_questions
from leaderboard.receipts import read_receipt
from leaderboard.replay import Replay, replay_traces
from leaderboard.reproduced import find_false_claim
from leaderboard.rules import find_broken_rules, find_notes
from leaderboard.shown_media import find_media_problems
from leaderboard.store import RESULTS, place_of
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import RunResult, parse_result
from vd4rl_data.results.files import read_bounded, read_traces
from vd4rl_data.results.text import MAX_BYTES
from vd4rl_data.results.traces import unpack_actions
from vd4rl_data.suite import Benchmark

_SEED_BADGES: Final = (10, 5)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        path: the file.
        result: what it says; ``None`` if it cannot be read.
        problems: each one is reason enough to refuse the file.
        warnings: what a reviewer should look at.
        replay: outcome of the action traces; ``None`` without any, or where not asked for.
        data: the bytes that were checked.
    """

    path: Path
    result: RunResult | None
    problems: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    replay: Replay | None = None
    data: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the file may enter the store."""
        return not self.problems

    @property
    def badges(self) -> tuple[str, ...]:
        """What the page will say of it."""
        if self.result is None or not self.ok:
            return ()
        return badges_of(self.result, replayed=self.earned)

    @property
    def earned(self) -> bool:
        """Whether the file earned the badge *replayed*, here and now."""
        if self.result is None or self.replay is None or not self.ok:
            return False
        return self.replay.reproduced and why_no_badge(self.result) is None


def check_file(
    path: Path, *, store: Path = RESULTS, replay: bool = True, known: Known | None = None
) -> Report:
    """Check a result file.

    Args:
        path: the file; its action traces are looked for beside it, under its own name.
        store: other entries, which it is compared with; if the file lies in this store, its place
            and its receipt are checked, too.
        replay: play its action traces again.
        known: what is in the store, for callers that check many files of it; read if not given.

    Raises:
        OSError: the file cannot be read.
        MissingDependencyError: there are traces to replay and no simulator is installed.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
        result = parse_result(data, str(path))
    except InvalidResultError as error:
        return Report(path, None, list(error.problems))
    benchmark = benchmarks().get(result.benchmark)
    if benchmark is None:
        unknown = f"benchmark: {result.benchmark!r} is not registered (leaderboard/benchmarks.py)"
        return Report(path, result, [unknown])
    known = known_in(store) if known is None else known
    place = place_of(result)
    problems = list(_problems(result, benchmark, known, place))
    if claim := find_false_claim(store, result, data):
        problems.append(claim)
    if path.resolve().is_relative_to(store.resolve()):
        problems += _misplaced(path, store, data, result)
    warnings = [
        *find_data_notes(result, benchmark, known, place),
        *find_notes(result, benchmark),
    ]
    played = None
    if result.traces is not None and not problems:
        played, found = _play(path, result, replay=replay)
        problems += found
    questions = list(find_questions(result, benchmark, known, place))
    asked, settled = _answered(result, benchmark, questions, played, replay=replay)
    return Report(path, result, [*problems, *asked], [*warnings, *settled], played, data)


def badges_of(result: RunResult, *, replayed: bool) -> tuple[str, ...]:
    """Provenance first, then what speaks for a result."""
    badges = ["replayed"] if replayed else []
    badges.append(result.kind)
    if result.evaluations:
        seeds = min(len(evaluation.runs) for evaluation in result.evaluations)
        badges += [f"{least}+ seeds" for least in _SEED_BADGES if seeds >= least][:1]
    if result.protocol.online_evaluations == 0:
        badges.append("no online tuning")
    if result.protocol.hyperparameters_shared in ("suite", "all"):
        badges.append("one setting")
    return tuple(badges)


def _problems(result: RunResult, benchmark: Benchmark, known: Known, place: Path) -> Iterator[str]:
    yield from find_broken_rules(result, benchmark)
    yield from find_data_problems(result, benchmark, known, place)
    yield from find_media_problems(result, benchmark)
    others = (
        run
        for evaluation in result.evaluations
        for other, runs in known.runs.get((result.benchmark, evaluation.environment), {}).items()
        if other != place
        for run in runs
    )
    learned = result.data is None or result.data.origin != "none"
    yield from find_copies(result, benchmark, others if learned else ())


def _misplaced(path: Path, store: Path, data: bytes, result: RunResult) -> Iterator[str]:
    place = place_of(result)
    if path.resolve() != (store / place).resolve():
        yield f"in the store it belongs at {place.as_posix()}"
    try:
        read_receipt(path, data, result)
    except InvalidResultError as error:
        yield f"receipt: {'; '.join(error.problems)}; remove it, or earn one with check --record"


def _play(path: Path, result: RunResult, *, replay: bool) -> tuple[Replay | None, list[str]]:
    """The outcome of the action traces, and what is wrong with them."""
    try:
        actions = read_traces(path, result)
    except FileNotFoundError as error:
        return None, [f"traces: {error.filename} is missing"]
    except InvalidResultError as error:
        return None, [f"traces: {problem}" for problem in error.problems]
    copied = [f"traces: {line}" for line in find_copied_traces(unpack_actions(result, actions))]
    if copied or not replay:
        return None, copied
    outcome = replay_traces(result, actions)
    differences = () if outcome.drifted else outcome.differences
    return outcome, [f"replay: {line}" for line in differences]


def _answered(
    result: RunResult,
    benchmark: Benchmark,
    questions: list[str],
    played: Replay | None,
    *,
    replay: bool,
) -> tuple[list[str], list[str]]:
    """Questions that stand, which are problems, and notes on what became of the others."""
    notes: list[str] = []
    if played is not None and played.drifted is not None:
        notes.append(f"its actions prove nothing here, and earn no badge: {played.drifted}")
    if played is not None and played.reproduced:
        reason = why_no_badge(result)
        return [], [] if reason is None else [f"the actions give these returns, but {reason}"]
    if not questions:
        return [], notes
    if result.unusual is not None:
        said = f"The submitter says: {result.unusual}"
        return [], [*notes, *(f"{question}. {said}" for question in questions)]
    if result.traces is not None and benchmark.task is not None and not replay:
        return [], [f"{question}. Its actions were not played" for question in questions]
    return questions, notes
