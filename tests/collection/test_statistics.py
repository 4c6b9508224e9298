"""Return statistics: the arithmetic, and what the commands print."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vd4rl_data
from collection.cli import main
from collection.pipeline import Made
from collection.report import print_differences
from collection.statistics import (
    EpisodeSummary,
    StdDifference,
    compare_stds,
    fidelity_record,
    summarize,
)
from tests.collection.conftest import MEDIUM
from vd4rl_data.registry import get_dataset_spec, get_task_spec
from vd4rl_data.scores import return_statistics
from vd4rl_data.storage import open_dataset, write_dataset

RANDOM = "Test/walker_walk_short-random-16px-v0"
WALKER = get_task_spec("walker_walk")


def test_the_interval_of_a_std_covers_it() -> None:
    """Two samples of one distribution, 2000 times: zero lies in about 95 % of the intervals."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        ours, theirs = rng.gamma(9.0, 1.0, 200), rng.gamma(9.0, 1.0, 100)
        found = compare_stds(list(ours), return_statistics(theirs), 100)
        covered += found.low <= 0 <= found.high
    assert 0.91 < covered / 2000 < 0.98


def test_a_few_episodes_do_not_make_a_std_suspicious() -> None:
    rng = np.random.default_rng(1)
    published = return_statistics(rng.gamma(2.0, 1.0, 200))
    found = [compare_stds(list(rng.gamma(2.0, 1.0, 6)), published, 200) for _ in range(500)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) > 0.85


def test_equal_returns_have_no_interval() -> None:
    equal = return_statistics([2.0, 2.0])
    assert compare_stds([2.0, 2.0], equal, 2) == StdDifference(0.0, 0.0, 0.0)


def test_a_summary_changes_with_any_reward() -> None:
    rewards = np.linspace(0.0, 1.0, 5, dtype=np.float32)
    other = rewards.copy()
    other[3] = np.nextafter(other[3], np.float32(2.0))
    assert summarize(rewards, WALKER) == summarize(rewards.copy(), WALKER)
    assert summarize(rewards, WALKER).rewards_sha256 != summarize(other, WALKER).rewards_sha256
    assert summarize(rewards, WALKER).episode_return == pytest.approx(2.5)


def test_rewards_that_the_task_cannot_pay_are_counted() -> None:
    """Two environment steps of at most 1 each."""
    rewards = np.array([0.0, 2.0, 2.1, -0.1, np.nan, np.inf], dtype=np.float32)
    assert summarize(rewards, WALKER).impossible_rewards == 4
    assert summarize(rewards[:2], WALKER).impossible_rewards == 0


def test_impossible_rewards_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    for rewards, told in (([6.5, 1.0], True), ([2.0, 0.0], False)):
        summary = summarize(np.array(rewards, dtype=np.float32), WALKER)
        print_differences(fidelity_record(spec, [summary] * 3))
        assert ("IMPOSSIBLE: 3 rewards" in capsys.readouterr().out) == told


def test_an_older_record_can_be_read() -> None:
    assert EpisodeSummary(episode_return=1.0, rewards_sha256="0").impossible_rewards == 0


def test_a_record_holds_the_published_row() -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    record = fidelity_record(
        spec, [summarize(np.full(2, r, dtype=np.float32), WALKER) for r in (20, 22)]
    )
    assert record["published"] == {
        "num_episodes": 200,
        "mean": 42.3,
        "std": 8.7,
        "min": 30.0,
        "p25": 34.9,
        "median": 41.3,
        "p75": 46.8,
        "max": 74.6,
    }
    assert record["mean"]["difference"] == pytest.approx(42.0 - 42.3)
    assert record["mean"]["verdict"] == "undecided"
    assert [episode["impossible_rewards"] for episode in record["episodes"]] == [2, 2]
    assert json.loads(json.dumps(record)) == record


@pytest.mark.render
def test_rendered_rewards_are_those_of_a_rollout_without_rendering(
    baseline: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn, simulated = tmp_path / "drawn.json", tmp_path / "simulated.json"
    assert main(["stats", str(baseline.path), "--json", str(drawn)]) == 0
    command = ["rollout-stats", "walker_walk_short", "--episodes", "4", "--json", str(simulated)]
    assert main([*command, "--no-progress"]) == 0
    episodes = json.loads(drawn.read_text())["episodes"]
    assert episodes == json.loads(simulated.read_text())["episodes"]
    stored = open_dataset(baseline.path)
    assert [episode["episode_return"] for episode in episodes] == [
        episode.episode_return for episode in stored.episodes()
    ]
    assert capsys.readouterr().out.count("this data") == 2


@pytest.mark.render
@pytest.mark.parametrize("episodes", [4, 2], ids=["complete", "incomplete"])
@pytest.mark.parametrize("default_root", [True, False])
def test_the_printed_line_opens_the_file(
    default_root: bool,
    episodes: int,
    data_dir: Path,
    baseline: Made,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, whole, spec = (
        data_dir if default_root else tmp_path,
        open_dataset(baseline.path),
        get_dataset_spec(RANDOM),
    )
    (root / "Test").mkdir()
    chosen, lengths = [whole.episode(n) for n in range(episodes)], whole.lengths[:episodes]
    write_dataset(root / f"{RANDOM}.h5", spec, chosen, lengths, whole.manifest.provenance)
    command = ["collect", RANDOM, "--episodes", str(episodes), "--no-progress"]
    assert main(command if default_root else [*command, "--out", str(root)]) == 0
    output = capsys.readouterr().out
    assert "nothing to do" in output
    line = next(line for line in output.splitlines() if line.startswith("open it"))
    assert ("root=" in line, "source=" in line) == (not default_root, episodes < 4)
    opened = eval(line.removeprefix("open it").strip(), {"vd4rl_data": vd4rl_data})
    assert len(opened) == episodes


def test_rollout_stats_stand_beside_the_published_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["rollout-stats", "cheetah_run", "--episodes", "2", "--no-progress"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    for text in ("published", "6.6", "16.3", "UNDECIDED", "95 % interval", "of 2 returns outside"):
        assert text in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "VD4RL/walker_walk-random-64px-v0"], "not on this machine"),
        (["stats", "none.h5"], "no dataset file"),
        (["rollout-stats", "walker_wlk"], "Did you mean 'walker_walk'"),
        (["rollout-stats", "walker_walk", "--behavior", "best"], "expected one of random"),
        (["rollout-stats", "walker_walk", "--episodes", "0"], "episodes: expected at least 1"),
        (["collect", MEDIUM], "Train one"),
        (["render", "none.h5", "--size", "84"], "no dataset file"),
    ],
)
def test_errors_are_one_message_without_a_traceback(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "command", ["collect", "render", "stats", "rollout-stats", "train", "select"]
)
def test_help_names_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], [command, "--help"]):
        with pytest.raises(SystemExit) as leave:
            main(arguments)
        assert leave.value.code == 0
        assert command in capsys.readouterr().out
