"""Evidence that stands twice: the same episodes sold as those of several training seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

import numpy as np
from jaxtyping import Float64

from leaderboard.benchmarks import is_continuous
from vd4rl_data.results import EnvironmentRuns, RunResult
from vd4rl_data.results.traces import EpisodeTrace
from vd4rl_data.suite import Benchmark

CHANCE: Final = 1e-6
"""Two runs are near-copies if chance makes so small differences less often than this."""

_SEVERAL: Final = 4  # different returns; fewer may coincide where rewards are sparse
_SAME: Final = 1e-6
_FEWEST: Final = 4  # episodes; of fewer, chance cannot be told from intention
_NEAR: Final = (0.1, 0.03, 0.01, 0.003, 0.001)
_EXACT_DIGITS: Final = 4  # more digits than these are not rounded: chance never repeats them
_SAME_ACTIONS: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The returns of one run.

    Attributes:
        where: names it in messages.
        returns: float64 (E,), sorted.
    """

    where: str
    returns: Float64[np.ndarray, " E"]


def evidence_of(evaluation: EnvironmentRuns, prefix: str = "") -> list[Evidence]:
    """Every run of an evaluation; the prefix names its entry in messages."""
    return [
        Evidence(
            f"{prefix}{evaluation.environment}, seed {run.seed}",
            np.sort(np.array(run.returns, dtype=np.float64)),
        )
        for run in evaluation.runs
    ]


def find_copies(
    result: RunResult, benchmark: Benchmark, others: Iterable[Evidence] = ()
) -> Iterator[str]:
    """Runs that are copies of each other, or of runs of other entries.

    Returns that are all zero are no evidence of anything. Where rewards are sparse, returns may
    well coincide: there, only runs of several different returns can be found to be the same.

    Args:
        result: whose runs.
        benchmark: its row.
        others: runs of other entries.
    """
    least = 1 if is_continuous(benchmark) else _SEVERAL
    others = _telling(others, least)
    runs = [
        run for evaluation in result.evaluations for run in _telling(evidence_of(evaluation), least)
    ]
    pairs = [*combinations(runs, 2), *product(runs, others)]
    for one, two in pairs:
        chance = CHANCE / len(pairs) if is_continuous(benchmark) else 0.0
        if words := _alike(one, two, chance):
            yield (
                f"{one.where} and {two.where} {words}: the same episodes stand twice; every seed"
                " needs a training run and episodes of its own"
            )
    if is_continuous(benchmark):
        yield from _repeated(runs, others)
        yield from _drawn_anew(runs)


def _telling(runs: Iterable[Evidence], least: int) -> list[Evidence]:
    """Runs with so many different returns that are not zero."""
    return [run for run in runs if len(np.unique(run.returns[run.returns != 0])) >= least]


def find_copied_traces(traces: Iterable[EpisodeTrace]) -> Iterator[str]:
    """Episodes with the same reset seed and the same, or nearly the same, actions."""
    by_seed: dict[int, list[EpisodeTrace]] = {}
    for trace in traces:
        by_seed.setdefault(trace.episode_seed, []).append(trace)
    for same in by_seed.values():
        for one, two in combinations(same, 2):
            if one.actions.shape == two.actions.shape and (
                float(np.median(np.abs(one.actions - two.actions))) <= _SAME_ACTIONS
            ):
                yield (
                    f"{_place(one)} and {_place(two)}: the same actions after the same reset: one"
                    " episode stands twice"
                )


def _place(trace: EpisodeTrace) -> str:
    return f"{trace.environment}, seed {trace.run_seed}, episode {trace.episode}"


def _alike(one: Evidence, two: Evidence, chance: float) -> str | None:
    """How two runs resemble each other more than chance allows; ``None`` if they do not."""
    x, y = one.returns, two.returns
    if len(x) != len(y):
        return None
    if (np.abs(x - y) <= _SAME * np.abs(x)).all():
        return "have the very same returns"
    x, y = x[x != 0], y[y != 0]  # zero is where many episodes end
    if len(x) == len(y) >= _FEWEST and near_copy_chance(x, y) < chance:
        return "have returns so close that one must be a copy of the other"
    return None


def near_copy_chance(x: Float64[np.ndarray, " E"], y: Float64[np.ndarray, " E"]) -> float:
    """How often independent samples of one distribution, sorted, come as close; an upper bound.

    An order statistic of one sample lies within a fraction t of the distance between neighbors of
    the other with a probability of at most about t, whatever the distribution. So the number of
    those that do is held against a binomial; copies that were moved or stretched as a whole are
    laid upon each other first, which takes one or two of the E pieces of evidence.
    """
    distance = _distances(x)
    resolution = _resolution(np.r_[x, y])
    chances = [1.0]
    for used, laid in enumerate(_laid_upon(x, y)):
        close = (np.abs(y - laid) + resolution) / distance
        if np.count_nonzero(close <= max(_NEAR)) > used + 2:  # fewer never say enough
            chances += [_tail(int((close <= t).sum()), len(x), used, t) for t in _NEAR]
    return min(1.0, 3 * len(_NEAR) * min(chances))


def _laid_upon(
    x: Float64[np.ndarray, " E"], y: Float64[np.ndarray, " E"]
) -> Iterator[Float64[np.ndarray, " E"]]:
    """X as it is, moved, and stretched, to lie upon y."""
    yield x
    yield x + np.median(y - x)
    centered = x - x.mean()
    spread = float(centered @ centered)
    slope = float(centered @ y) / spread if spread > 0 else 1.0
    yield slope * centered + y.mean()


def _drawn_anew(runs: Sequence[Evidence]) -> Iterator[str]:
    """Runs that together lie too close to one of them: its episodes, drawn again with some noise.

    Of independent runs, a return falls within a fraction t of the distance between neighbors of
    another run with a probability of at most about 2t, whatever the distribution.
    """
    for one in runs:
        x = one.returns[one.returns != 0]
        y = np.concatenate([[], *(two.returns[two.returns != 0] for two in runs if two is not one)])
        if len(x) < _FEWEST or not len(y):
            continue
        close = (np.abs(y[:, None] - x) + _resolution(np.r_[x, y])) / _distances(x)
        counts = [(int((close.min(axis=1) <= t).sum()), t) for t in _NEAR]
        chance = min(_tail(count, len(y), 0, 2 * t) for count, t in counts)
        if chance * len(_NEAR) * len(runs) < CHANCE:
            yield (
                f"{one.where}: the returns of the other seeds lie so close to its own that they"
                " must be copies of them: the same episodes stand twice; every seed needs a"
                " training run and episodes of its own"
            )
            return


def _distances(x: Float64[np.ndarray, " E"]) -> Float64[np.ndarray, " E"]:
    """From each value of a sorted sample to its nearest neighbor, or the usual one if smaller."""
    gaps = np.diff(x)
    usual = np.sort(gaps)[(len(gaps) - 1) // 2]
    nearest = np.minimum(np.r_[np.inf, gaps], np.r_[gaps, np.inf])
    return np.maximum(np.minimum(nearest, usual), 1e-300)


def _resolution(values: Float64[np.ndarray, " N"]) -> float:
    """The last digit that returns are rounded to; 0 where they are not."""
    for digits in range(_EXACT_DIGITS + 1):
        if np.array_equal(values, np.round(values, digits)):
            return 10.0**-digits
    return 0.0


def _tail(count: int, number: int, used: int, probability: float) -> float:
    """P(at least this many of so many), without the ``used`` ones."""
    n, least = number - used, count - used
    if least <= 0:
        return 1.0
    return sum(
        math.comb(n, k) * probability**k * (1 - probability) ** (n - k) for k in range(least, n + 1)
    )


def _repeated(runs: Sequence[Evidence], others: Sequence[Evidence]) -> Iterator[str]:
    """Single returns that stand twice to the last digit, in a result or in it and another."""
    own = Counter(_exact(runs))
    foreign = set(_exact(others))
    twice = [value for value, times in own.items() if times > 1]
    if twice:
        yield (
            f"{len(twice)} returns stand more than once to the last digit, {twice[0]!r} for one:"
            " every episode may be counted once"
        )
    shared = [value for value in own if value in foreign]
    if shared:
        whose = next(run.where for run in others if shared[0] in run.returns)
        yield f"{len(shared)} returns are those of another entry, {shared[0]!r} for one: {whose}"


def _exact(runs: Iterable[Evidence]) -> list[float]:
    """Returns with more digits than anybody rounds to."""
    return [
        value
        for run in runs
        for value in run.returns.tolist()
        if round(value, _EXACT_DIGITS) != value
    ]
