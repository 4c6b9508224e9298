"""Return statistics: the arithmetic, and what the commands print."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vd4rl_data
from collection.cli import main
from collection.pipeline import Made
from collection.statistics import fidelity_record, mean_deviation, std_deviation, summarize
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.scores import return_statistics
from vd4rl_data.storage import open_dataset, write_dataset

RANDOM = "Test/walker_walk_short-random-16px-v0"


def test_z_of_mean_and_std_are_standard_normal_under_the_null() -> None:
    """Two samples of one distribution, 2000 times: z has mean 0 and variance 1."""
    rng = np.random.default_rng(0)
    mean_z, std_z = [], []
    for _ in range(2000):
        ours, theirs = rng.gamma(9.0, 1.0, 200), rng.gamma(9.0, 1.0, 100)
        published = return_statistics(theirs)
        mean_z.append(mean_deviation(return_statistics(ours), 200, published, 100).z)
        std_z.append(std_deviation(list(ours), published, 100).z)
    for z in (mean_z, std_z):
        assert abs(np.mean(z)) < 0.15
        assert 0.9 < np.std(z) < 1.15


def test_standard_errors_by_hand() -> None:
    ours, theirs = return_statistics([1.0, 3.0]), return_statistics([4.0, 8.0])
    deviation = mean_deviation(ours, 2, theirs, 2)
    assert deviation.difference == -4.0
    assert deviation.standard_error == pytest.approx(np.sqrt(1 / 2 + 4 / 2))
    assert deviation.z == pytest.approx(-4.0 / np.sqrt(2.5))


def test_a_few_episodes_do_not_make_a_std_suspicious() -> None:
    rng = np.random.default_rng(1)
    published = return_statistics(rng.gamma(2.0, 1.0, 200))
    z = [std_deviation(list(rng.gamma(2.0, 1.0, 6)), published, 200).z for _ in range(500)]
    assert np.mean(np.abs(z) > 3.0) < 0.05


def test_equal_returns_have_no_z() -> None:
    equal = return_statistics([2.0, 2.0])
    assert mean_deviation(equal, 2, equal, 2).z is None
    assert std_deviation([2.0, 2.0], equal, 2).z is None


def test_a_summary_changes_with_any_reward() -> None:
    rewards = np.linspace(0.0, 1.0, 5, dtype=np.float32)
    other = rewards.copy()
    other[3] = np.nextafter(other[3], np.float32(2.0))
    assert summarize(rewards) == summarize(rewards.copy())
    assert summarize(rewards).rewards_sha256 != summarize(other).rewards_sha256
    assert summarize(rewards).episode_return == pytest.approx(2.5)


def test_a_record_holds_the_published_row() -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    record = fidelity_record(spec, [summarize(np.full(2, r, dtype=np.float32)) for r in (20, 22)])
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
    for text in ("published", "6.6", "16.3", "z = ", "standard error"):
        assert text in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "VD4RL/walker_walk-random-64px-v0"], "not on this machine"),
        (["stats", "none.h5"], "no dataset file"),
        (["rollout-stats", "walker_wlk"], "Did you mean 'walker_walk'"),
        (["rollout-stats", "walker_walk", "--behavior", "best"], "expected one of random"),
        (["rollout-stats", "walker_walk", "--episodes", "0"], "episodes: expected at least 1"),
        (["collect", "VD4RL/humanoid_walk-medium-64px-v0"], "Train one"),
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
