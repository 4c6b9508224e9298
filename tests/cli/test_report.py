"""Return statistics beside the published ones."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest
from rich.console import Console

from tests.cli.conftest import SAMPLE
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.report import comparison, mean_z_value, returns_table
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import ReturnStatistics

_ZEROS = dict.fromkeys(("min", "p25", "median", "p75", "max"), 0.0)


def _printed(name: str, statistics: ReturnStatistics, episodes: int, width: int = 80) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=width).print(
        returns_table(get_dataset_spec(name), statistics, episodes)
    )
    return screen.getvalue().splitlines()


def test_z_value_by_hand() -> None:
    ours = ReturnStatistics(mean=13.0, std=3.0, **_ZEROS)
    theirs = ReturnStatistics(mean=10.0, std=8.0, **_ZEROS)
    assert mean_z_value(ours, 9, theirs, 16) == pytest.approx(3 / math.sqrt(1 + 4))
    assert mean_z_value(theirs, 16, ours, 9) == pytest.approx(-3 / math.sqrt(1 + 4))


def test_z_values_of_the_same_distribution_are_standard_normal() -> None:
    rng = np.random.default_rng(0)
    published = ReturnStatistics(mean=0.0, std=1.0, **_ZEROS)
    z_values = []
    for _ in range(400):
        theirs = dataclasses.replace(published, mean=float(rng.normal(0, 1, 50).mean()))
        z_values.append(mean_z_value(return_statistics(rng.normal(0, 1, 25)), 25, theirs, 50))
    assert np.mean(z_values) == pytest.approx(0, abs=0.2)
    assert np.std(z_values) == pytest.approx(1, abs=0.15)


def test_no_spread_no_z_value() -> None:
    same = return_statistics([5.0, 5.0])
    assert mean_z_value(same, 2, same, 2) is None
    with pytest.raises(ValueError, match="1 or more episodes"):
        mean_z_value(same, 0, same, 2)


@pytest.mark.parametrize("name", [n for n, s in DATASETS.items() if s.published_returns])
@pytest.mark.parametrize("width", [50, 80])
def test_the_published_statistics_agree_with_themselves(name: str, width: int) -> None:
    spec = get_dataset_spec(name)
    assert spec.published_returns is not None
    lines = _printed(name, spec.published_returns, spec.num_episodes, width)
    assert max(map(len, lines)) <= width
    assert lines[0].strip() == name
    assert lines[-1].strip() == "+0.0 = +0.00 standard errors: the means agree"
    (mean,) = (line.split() for line in lines if line.startswith(" mean"))
    assert mean == ["mean", *[f"{spec.published_returns.mean:.1f}"] * 2, "+0.0"]


def test_other_returns_differ() -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-expert-64px-v0")
    text = comparison(spec, return_statistics([40.0, 50.0, 60.0]), 3)
    assert text.endswith("standard errors: the means DIFFER")
    assert text.startswith("-919.8 = -")


def test_without_published_returns() -> None:
    lines = _printed(SAMPLE, return_statistics([1.0, 2.0]), 2)
    assert "published" not in "".join(lines[:-1])
    assert lines[-1].strip() == "nothing was published to compare with"
