"""Return statistics beside the published ones."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from tests.cli.conftest import SAMPLE
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.report import comparison, returns_table
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import ReturnStatistics


def _printed(name: str, statistics: ReturnStatistics, episodes: int, width: int = 80) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=width).print(
        returns_table(get_dataset_spec(name), statistics, episodes)
    )
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("name", [n for n, s in DATASETS.items() if s.published_returns])
@pytest.mark.parametrize("width", [50, 80])
def test_the_published_statistics_agree_with_themselves(name: str, width: int) -> None:
    spec = get_dataset_spec(name)
    assert spec.published_returns is not None
    lines = _printed(name, spec.published_returns, spec.num_episodes, width)
    assert max(map(len, lines)) <= width
    assert lines[0].strip() == name
    caption = " ".join(" ".join(lines[-3:]).split())
    assert re.search(r"\+0\.0 \(95 % interval -\S+ to \+\S+\) the means agree within \S+$", caption)
    (mean,) = (line.split() for line in lines if line.startswith(" mean"))
    assert mean == ["mean", *[f"{spec.published_returns.mean:.1f}"] * 2, "+0.0"]


def test_other_returns_differ() -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-expert-64px-v0")
    text = comparison(spec, return_statistics([40.0, 50.0, 60.0]), 3)
    assert text.endswith("): the means DIFFER by more than 6.2")
    assert text.startswith("-919.8 (95 % interval -9")


def test_a_difference_that_is_not_significant_is_no_agreement() -> None:
    """Once, 587 against 42 was "+1.81 standard errors: the means agree"."""
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    text = comparison(spec, return_statistics([888.0, 286.0]), 2)
    assert text.startswith("+544.7 (95 % interval -3,")
    assert text.endswith("): UNDECIDED whether the means agree within 4.3")


def test_returns_that_the_task_cannot_pay_are_told() -> None:
    """Once, a walker's return of 3,238 passed."""
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    text = comparison(spec, return_statistics([40.0, 3238.0]), 2)
    assert text == (
        "IMPOSSIBLE: returns from 40.0 to 3,238.0, but an episode of walker_walk gives 0 to 1,000"
    )
    below = comparison(get_dataset_spec(SAMPLE), return_statistics([-1.0, 3.0]), 2)
    assert below.startswith("IMPOSSIBLE: returns from -1.0 to 3.0")


def test_one_episode_says_nothing_of_a_mean() -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    text = comparison(spec, return_statistics([42.0]), 1)
    assert text == "-0.3: a single episode does not allow a comparison"


def test_without_published_returns() -> None:
    lines = _printed(SAMPLE, return_statistics([1.0, 2.0]), 2)
    assert "published" not in "".join(lines[:-1])
    assert lines[-1].strip() == "no published returns to compare with"
