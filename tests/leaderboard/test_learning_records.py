"""The learning runs that the pages report: real, replayable, and as they say."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import pytest

from leaderboard.replay import replay_traces
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.results import RunResult, read_result
from vd4rl_data.results.files import read_traces

pytestmark = pytest.mark.usefixtures("no_type_checks", "disc")  # playing is slow under the former

DOCS = Path(__file__).parents[2] / "docs"
PATHS = sorted((DOCS / "learning").glob("*.json"))
TOY = "offline_dv2-disc_push-random"
BOTH, OFFLINE, ONLINE = (
    f"{name}-disc_push-random" for name in ("moto", "moto_offline", "moto_online")
)
OFF_POLICY = ("lompo-disc_push-random", "combo-disc_push-random")
FEW = {4: False, 2: True}
"""Episodes of small datasets of MOTO; whether fine-tuning is ahead of the dataset alone by more
than two standard errors."""
ALONE = "moto_online-disc_push-random-8episodes"
WAVES = "disc_push-random-waves"
CLONED = "bc-walker_walk-medium_expert"
VALUED = "drq_bc-walker_walk-medium_expert"


def _returns(result: RunResult) -> tuple[float, ...]:
    """Of all seeds."""
    (evaluation,) = result.evaluations
    return tuple(each for run in evaluation.runs for each in run.returns)


def _mean(name: str) -> float:
    return statistics.fmean(_returns(read_result(DOCS / "learning" / f"{name}.json")))


def _seed_means(name: str) -> list[float]:
    (evaluation,) = read_result(DOCS / "learning" / f"{name}.json").evaluations
    return [statistics.fmean(run.returns) for run in evaluation.runs]


def _ahead(first: str, second: str) -> tuple[float, float]:
    """How far the mean over seeds lies above another's, and the standard error of that."""
    ours, theirs = _seed_means(first), _seed_means(second)
    assert len(ours) == len(theirs) >= 3
    error = math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / len(ours))
    return statistics.fmean(ours) - statistics.fmean(theirs), error


def _last_evaluations(name: str) -> float:
    (evaluation,) = read_result(DOCS / "learning" / f"{name}.json").evaluations
    (run,) = evaluation.runs
    return statistics.fmean(point.mean_return for point in run.curve[-3:])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_label_says_what_departs_from_the_paper(path: Path) -> None:
    result = read_result(path)
    label = result.algorithm.label or ""
    for name in {"steps", "batch_size", "learning_rate", "precision"} & set(result.hyperparameters):
        if name == "precision" and result.hyperparameters[name] == "tf32":
            continue  # the preset's
        assert f"{name}={result.hyperparameters[name]}" in label


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_actions_give_its_returns_again(path: Path) -> None:
    result = read_result(path)
    outcome = replay_traces(result, read_traces(path, result))
    assert outcome.reproduced, outcome.differences
    assert outcome.episodes == len(_returns(result)) >= 10


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_page_has_its_numbers(path: Path) -> None:
    result = read_result(path)
    text = "".join((DOCS / f"{page}.md").read_text() for page in ("baselines", "world_models"))
    row = next(line for line in text.splitlines() if f"(learning/{path.name})" in line)
    returns = _returns(result)
    for figure in (
        f"{statistics.fmean(returns):.0f}",
        f"{statistics.median(returns):.0f}",
        f"{result.hyperparameters['steps']:,}",
    ):
        assert f"| {figure} |" in row


def test_cloning_twenty_episodes_is_clearly_better_than_chance() -> None:
    random = get_dataset_spec("VD4RL/walker_walk-random-64px-v0").published_returns
    assert random is not None
    assert _mean("bc-walker_walk-expert-20episodes") > 5 * random.max


def test_values_help_where_the_data_are_mixed() -> None:
    """As in the paper's Table 1: DrQ+BC above BC, over the last thirty episodes."""
    assert _last_evaluations(VALUED) > _last_evaluations(CLONED)


def test_pre_training_saves_most_of_what_learning_online_takes() -> None:
    """With as many environment and gradient steps; the page says what fine-tuning did not add."""
    records = [read_result(DOCS / "learning" / f"{name}.json") for name in (BOTH, ONLINE, OFFLINE)]
    both, online, offline = records
    assert both.protocol.environment_steps == online.protocol.environment_steps == 750
    assert offline.protocol.track == "offline"
    assert len({record.hyperparameters["steps"] for record in records}) == 1
    assert _mean(BOTH) > _mean(ONLINE) + 30
    ((run,),) = (evaluation.runs for evaluation in both.evaluations)
    assert run.online_curve[-1].mean_return > run.online_curve[0].mean_return


@pytest.mark.parametrize(("episodes", "shown"), FEW.items())
def test_where_data_are_few_the_page_says_what_pre_training_and_fine_tuning_add(
    episodes: int, shown: bool
) -> None:
    """Three seeds, as many gradient steps, and as many environment steps of those that play."""
    names = [f"{name}-disc_push-random-{episodes}episodes" for name in ("moto", "moto_offline")]
    both, offline, online = (
        read_result(DOCS / "learning" / f"{name}.json") for name in (*names, ALONE)
    )
    assert {each.hyperparameters["steps"] for each in (both, offline, online)} == {450}
    assert both.protocol.environment_steps == online.protocol.environment_steps == 400
    assert offline.protocol.track == "offline"
    assert both.data is not None
    assert both.data.transitions == 50 * episodes
    over_offline, over_online = (_ahead(names[0], name) for name in (names[1], ALONE))
    text = (DOCS / "world_models.md").read_text()
    for difference, error in (over_offline, over_online):
        assert f"{difference:.1f} ± {error:.1f}" in text
    assert over_online[0] > 2 * over_online[1]
    assert (over_offline[0] > 2 * over_offline[1]) == shown


def test_semopo_is_ahead_of_offline_dv2_before_waves() -> None:
    """Three seeds, as many gradient steps, the same sizes; random actions get 11."""
    names = [f"{name}-{WAVES}" for name in ("semopo", "offline_dv2")]
    ours, theirs = (read_result(DOCS / "learning" / f"{name}.json") for name in names)
    shared = set(theirs.hyperparameters)
    assert {name: ours.hyperparameters[name] for name in shared} == theirs.hyperparameters
    difference, error = _ahead(*names)
    assert difference > 2 * error
    assert f"{difference:.1f} ± {error:.1f}" in (DOCS / "world_models.md").read_text()


@pytest.mark.parametrize(("name", "least"), [(TOY, 40), *zip(OFF_POLICY, (38, 40), strict=True)])
def test_a_policy_learned_in_a_model_is_far_better_than_its_data(name: str, least: float) -> None:
    """Random actions get 11 on the toy, an expert 47."""
    assert _mean(name) >= least


@pytest.mark.parametrize("name", [TOY, OFF_POLICY[0]])
def test_what_a_model_knows_and_what_it_is_unsure_of(name: str) -> None:
    """What Offline DV2's model foresees best is an expert that rests; LOMPO's penalty, which is of
    the state that was drawn, rises from the data to the expert's and to noise.
    """
    figures = json.loads((DOCS / "learning" / f"{name}.figures").read_text())
    random, expert, noise = (figures[name] for name in figures)
    assert random["reward_r2"] > 0.7
    assert random["mean_penalty"] < 0.85 * noise["mean_penalty"]
    assert expert["mean_penalty"] < 0.9 * noise["mean_penalty"]
    assert (expert["mean_penalty"] > random["mean_penalty"]) == (name != TOY)
    text = (DOCS / "world_models.md").read_text()
    for each in (random, expert, noise):
        assert f"{each['mean_penalty']:.3f}" in text
