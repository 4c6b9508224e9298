"""Statistics: against scipy, against rliable where it runs, and against arithmetic by hand."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import stats

from leaderboard import statistics
from leaderboard.statistics import (
    METRICS,
    average_ranks,
    intervals,
    performance_profile,
    probability_of_improvement,
    resample,
)

SCORES = np.random.default_rng(0).uniform(0.1, 1.1, (5, 15))
THEIRS = np.random.default_rng(1).uniform(0.0, 1.0, (4, 15))


def test_interquartile_mean_is_scipys_trimmed_mean() -> None:
    for runs, tasks in ((5, 15), (3, 4), (1, 1), (2, 2), (10, 7)):
        scores = np.random.default_rng(runs).normal(size=(runs, tasks))
        wanted = stats.trim_mean(scores, 0.25, axis=None)
        assert statistics.interquartile_mean(scores) == pytest.approx(wanted, abs=1e-12)


def test_metrics_by_hand() -> None:
    scores = np.array([[0.0, 2.0, 0.5], [1.0, 2.0, 0.5]])
    assert METRICS["mean"](scores) == pytest.approx(1.0)
    assert METRICS["median"](scores) == 0.5
    assert METRICS["optimality_gap"](scores) == pytest.approx(1 - (0 + 1 + 0.5 + 1 + 1 + 0.5) / 6)
    assert METRICS["iqm"](scores) == pytest.approx((0.5 + 0.5 + 1.0 + 2.0) / 4)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_replicates_are_those_of_each(name: str) -> None:
    replicates = resample(SCORES, repetitions=7)
    together = METRICS[name](replicates)
    assert together == pytest.approx([float(METRICS[name](one)) for one in replicates])


def test_runs_are_drawn_within_their_benchmark() -> None:
    scores = np.arange(12.0).reshape(3, 4)
    replicates = resample(scores, repetitions=500)
    for task in range(4):
        assert set(replicates[:, :, task].ravel()) == set(scores[:, task])
    assert not np.array_equal(replicates[0], replicates[1])


def test_intervals_cover_and_shrink_with_more_runs() -> None:
    few = intervals(SCORES)
    many = intervals(np.tile(SCORES, (8, 1)))
    for name in METRICS:
        assert few[name].low <= few[name].value <= few[name].high
        assert many[name].high - many[name].low < few[name].high - few[name].low


def test_the_mean_interval_is_scipys() -> None:
    columns = tuple(SCORES.T)

    def mean_of_means(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.mean([sample.mean(axis=axis) for sample in samples], axis=0)

    wanted = stats.bootstrap(
        columns, mean_of_means, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    ours = intervals(SCORES, repetitions=4000)["mean"]
    assert (ours.low, ours.high) == pytest.approx((wanted.low, wanted.high), abs=0.006)


def test_one_seed_repeats_and_two_differ() -> None:
    assert intervals(SCORES) == intervals(SCORES.copy())
    assert intervals(SCORES, seed=1)["iqm"] != intervals(SCORES, seed=2)["iqm"]


def test_digits_are_stable() -> None:
    """Rounded as the page rounds them, the numbers are the same everywhere."""
    shown = [
        f"{name} {one.value:.4f} {one.low:.4f} {one.high:.4f}"
        for name, one in intervals(SCORES).items()
    ]
    one = probability_of_improvement(SCORES, THEIRS)
    shown.append(f"{one.value:.4f} {one.low:.4f} {one.high:.4f}")
    digest = hashlib.sha256("\n".join(shown).encode()).hexdigest()
    assert digest == "44c3ed72dbfe73f8d423a126b6c7ff00ae0a7716b3ec2716a182c3fd0f6776f6", shown


def test_probability_of_improvement_by_hand() -> None:
    better, worse = np.full((3, 2), 1.0), np.zeros((4, 2))
    assert probability_of_improvement(better, worse).value == 1.0
    assert probability_of_improvement(worse, better).value == 0.0
    assert probability_of_improvement(worse, worse).value == 0.5
    ours = probability_of_improvement(SCORES, THEIRS)
    wanted = np.mean(
        [
            stats.mannwhitneyu(SCORES[:, i], THEIRS[:, i]).statistic / (len(SCORES) * len(THEIRS))
            for i in range(SCORES.shape[1])
        ]
    )
    assert ours.value == pytest.approx(wanted)
    assert ours.low < ours.value < ours.high
    swapped = probability_of_improvement(THEIRS, SCORES)
    assert swapped.value == pytest.approx(1 - ours.value)


def test_different_benchmarks_are_not_compared() -> None:
    with pytest.raises(ValueError, match="15 and 3"):
        probability_of_improvement(SCORES, THEIRS[:, :3])


def test_profiles_fall_and_stay_in_their_band() -> None:
    thresholds = np.linspace(0, 1.2, 25)
    point, low, high = performance_profile(SCORES, thresholds)
    assert (np.diff(point) <= 0).all()
    assert (low <= point).all()
    assert (point <= high).all()
    assert (point[0], point[-1]) == (1.0, 0.0)
    assert point[10] == pytest.approx((thresholds[10] < SCORES).mean())


def test_average_ranks_share_ties() -> None:
    means = np.array([[3.0, 1.0], [2.0, 1.0], [2.0, 5.0]])
    assert average_ranks(means).tolist() == [1.75, 2.5, 1.75]
    wanted = stats.rankdata(-SCORES, axis=0).mean(axis=1)
    assert average_ranks(SCORES) == pytest.approx(wanted)


def test_against_rliable() -> None:
    """Where it installs: point estimates are equal, intervals within bootstrap noise."""
    library = pytest.importorskip("rliable.library", exc_type=Exception)
    metrics = pytest.importorskip("rliable.metrics", exc_type=Exception)
    functions = {
        "iqm": metrics.aggregate_iqm,
        "mean": metrics.aggregate_mean,
        "median": metrics.aggregate_median,
        "optimality_gap": metrics.aggregate_optimality_gap,
    }
    ours = intervals(SCORES)
    for name, function in functions.items():
        np.random.seed(0)  # noqa: NPY002 - it ignores the random state it is given
        points, bounds = library.get_interval_estimates(
            {"ours": SCORES}, lambda scores, f=function: np.array([f(scores)]), reps=2000
        )
        assert ours[name].value == pytest.approx(float(points["ours"][0]))
        found = [float(bound[0]) for bound in bounds["ours"]]
        assert (ours[name].low, ours[name].high) == pytest.approx(found, abs=0.02)
