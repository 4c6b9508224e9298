"""The histogram counts right, and marks means where they are."""

from __future__ import annotations

import numpy as np
import pytest

from vd4rl_data.preview import return_histogram
from vd4rl_data.preview.bins import bin_edges, nice_step
from vd4rl_data.preview.histogram import SIZE, _Axes
from vd4rl_data.preview.typography import BAND, BAR, INK, MARK
from vd4rl_data.spec import ReturnStatistics

_PLOT = slice(145, 660)  # rows between the legend and the axis


def _published(mean: float, std: float) -> ReturnStatistics:
    return ReturnStatistics(mean, std, mean, mean, mean, mean, mean)


def _columns(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.flatnonzero((picture[_PLOT] == color).all(axis=-1).any(axis=0))


def _value_at(column: float, low: float, high: float) -> float:
    axes = _Axes(low, high, 1)
    return low + (column - axes.left) / (axes.right - axes.left) * (high - low)


@pytest.mark.parametrize("seed", range(3))
def test_bars_are_as_high_as_their_counts(seed: int) -> None:
    returns = np.random.default_rng(seed).gamma(2.0, 50.0, 300)
    picture = np.asarray(return_histogram(returns))
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    edges = bin_edges(returns)
    counts = np.histogram(returns, edges)[0]
    assert counts.sum() == 300
    axes = _Axes(float(edges[0]), float(edges[-1]), int(counts.max()))
    is_bar = (picture == BAR).all(axis=-1)
    for count, start, stop in zip(counts, edges, edges[1:], strict=False):
        middle = (axes.x(float(start)) + axes.x(float(stop))) // 2
        middle += 4 if not is_bar[:, middle].any() and count else 0  # the line of the mean
        height = is_bar[_PLOT, middle].sum() + (count > 0) * (axes.bottom - _PLOT.stop)
        assert height == pytest.approx(axes.bottom - axes.y(int(count)), abs=2)


@pytest.mark.parametrize(("mean", "std"), [(42.3, 8.7), (300.0, 20.0), (-50.0, 5.0)])
def test_the_published_mean_is_marked(mean: float, std: float) -> None:
    returns = np.random.default_rng(0).normal(40, 8, 200)
    picture = np.asarray(return_histogram(returns, published=_published(mean, std)))
    edges = bin_edges(returns)
    air = 0.04 * (max(edges[-1], mean) - min(edges[0], mean))
    low, high = min(edges[0], mean - air), max(edges[-1], mean + air)
    marked = _columns(picture, MARK)
    assert len(marked) == 3
    assert _value_at(marked.mean(), low, high) == pytest.approx(mean, abs=0.004 * (high - low))
    ours = _columns(picture, INK)
    assert _value_at(ours.mean(), low, high) == pytest.approx(
        returns.mean(), abs=0.004 * (high - low)
    )
    band = _columns(picture, BAND)
    assert _value_at(band.min(), low, high) == pytest.approx(
        max(mean - std, low), abs=0.02 * (high - low)
    )


def test_without_published_returns_nothing_is_marked() -> None:
    picture = np.asarray(return_histogram([1.0, 2.0, 5.0]))
    assert not (picture == MARK).all(axis=-1).any()
    assert not (picture == BAND).all(axis=-1).any()


@pytest.mark.parametrize(
    "returns",
    [[0.0], [5.0], [-3.25, -3.25], [1e-6, 2e-6], [0.0, 1e6], [969.8] * 200, [1.0, 1.0 + 1e-12]],
)
def test_any_returns_can_be_drawn(returns: list[float]) -> None:
    picture = np.asarray(return_histogram(returns, published=_published(42.3, 8.7)))
    edges = bin_edges(np.asarray(returns))
    assert np.histogram(returns, edges)[0].sum() == len(returns)
    assert (picture == BAR).all(axis=-1).any()


def test_no_returns() -> None:
    with pytest.raises(ValueError, match="got none"):
        return_histogram([])


@pytest.mark.parametrize("span", [0.003, 1.0, 7.0, 99.9, 100.0, 12345.0])
@pytest.mark.parametrize("count", [1, 6, 24])
def test_steps_are_round_and_few(span: float, count: int) -> None:
    step = nice_step(span, count)
    assert span / step <= count * (1 + 1e-6)
    assert span / step > count / 2.6
    mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(mantissa - digit) for digit in (1, 2, 2.5, 5)) < 1e-6


def test_the_title_is_drawn() -> None:
    one, other = (np.asarray(return_histogram([1.0, 2.0], title=title)) for title in ("one", "two"))
    assert (one[:70] != other[:70]).any()
    assert (one[100:] == other[100:]).all()
