"""A real policy, evaluated in the real environment: what earns the badge and what loses it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
import vd4rl_data.envs
from leaderboard.check import check_file
from leaderboard.cli import main
from leaderboard.random_policy import play_randomly
from leaderboard.store import read_store
from tests.leaderboard.documents import write
from vd4rl_data.errors import RenderBackendError
from vd4rl_data.results import (
    Data,
    Protocol,
    make_submission,
)
from vd4rl_data.results.traces import traces_path
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.versions import PACKAGES

pytestmark = pytest.mark.usefixtures("no_type_checks")  # playing is slow under them


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random policy's submission, one seed from rendered episodes, written by the three lines."""
    pytest.importorskip("dm_control")
    dataset = "VD4RL/cheetah_run-random-64px-v0"

    def evaluation(seed: int) -> vd4rl_data.Evaluation:
        rng = np.random.default_rng(seed)

        def policy(observations: np.ndarray) -> np.ndarray:
            return rng.uniform(-1, 1, (len(observations), 6))

        env = vd4rl_data.make_env("cheetah_run", size=8)  # small frames are quick to draw
        return vd4rl_data.evaluate(policy, env, episodes=1, seed=seed, inference_batch=1)

    runs: dict[int, Any] = {}
    with contextlib.closing(Simulation("cheetah_run")) as simulation:
        for seed in (1, 2):  # drawing is slow: two of the three seeds do without
            runs[seed] = play_randomly(simulation, simulation.task, seed, episodes=1)
    try:
        runs = {0: evaluation(0), **runs}
    except RenderBackendError as error:
        pytest.skip(str(error))
    protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")
    folder = tmp_path_factory.mktemp("evaluated")
    made = make_submission("Random", dataset, runs, protocol, data=Data(origin="none"))
    return made.write(folder / "random.json")


def copied(evaluated: Path, folder: Path) -> Path:
    path = folder / evaluated.name
    path.write_bytes(evaluated.read_bytes())
    traces_path(path).write_bytes(traces_path(evaluated).read_bytes())
    return path


@pytest.mark.render
def test_honest_traces_earn_the_badge(evaluated: Path) -> None:
    report = check_file(evaluated)
    assert report.ok, report.problems
    assert report.badges[0] == "replayed"
    assert report.replay is not None
    assert set(report.replay.versions) == set(PACKAGES)


@pytest.mark.render
def test_an_altered_return_loses_it(evaluated: Path, tmp_path: Path) -> None:
    path = copied(evaluated, tmp_path)
    document = json.loads(path.read_text())
    document["evaluations"][0]["runs"][1]["returns"][0] += 0.01
    report = check_file(write(tmp_path, document, path.name))
    assert report.badges == ()
    assert "original, seed 1, episode 0: claims" in report.problems[0]


@pytest.mark.render
def test_an_altered_action_loses_it(evaluated: Path, tmp_path: Path) -> None:
    path = copied(evaluated, tmp_path)
    actions = np.frombuffer(traces_path(path).read_bytes(), "<f4").copy()
    actions[600 * 6] = -actions[600 * 6]
    traces_path(path).write_bytes(actions.tobytes())
    report = check_file(path)
    assert report.badges == ()
    assert "another SHA-256" in report.problems[0]

    document = json.loads(path.read_text())
    document["traces"]["sha256"] = hashlib.sha256(actions.tobytes()).hexdigest()
    report = check_file(write(tmp_path, document, path.name))
    assert report.badges == ()
    assert "original, seed 1, episode 0: claims" in report.problems[0]
    assert "its actions give" in report.problems[0]


@pytest.mark.render
@pytest.mark.parametrize(
    ("value", "words"),
    [(2.0, "expected finite values in"), (float("nan"), "expected finite values in")],
)
def test_actions_out_of_bounds_lose_it(
    evaluated: Path, tmp_path: Path, value: float, words: str
) -> None:
    path = copied(evaluated, tmp_path)
    actions = np.frombuffer(traces_path(path).read_bytes(), "<f4").copy()
    actions[0] = value
    traces_path(path).write_bytes(actions.tobytes())
    document = json.loads(path.read_text())
    document["traces"]["sha256"] = hashlib.sha256(actions.tobytes()).hexdigest()
    report = check_file(write(tmp_path, document, path.name))
    assert words in report.problems[0]


@pytest.mark.render
def test_an_episode_cut_short_loses_it(evaluated: Path, tmp_path: Path) -> None:
    path = copied(evaluated, tmp_path)
    document = json.loads(path.read_text())
    actions = traces_path(path).read_bytes()[: -6 * 4]
    traces_path(path).write_bytes(actions)
    document["evaluations"][0]["runs"][2]["lengths"] = [499]
    document["traces"]["sha256"] = hashlib.sha256(actions).hexdigest()
    report = check_file(write(tmp_path, document, path.name))
    assert "the episode continues after its 499 actions" in report.problems[0]


@pytest.mark.render
def test_add_puts_file_traces_and_receipt_into_the_store(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert main(["add", str(evaluated), "--store", str(store)]) == 0
    (entry,) = read_store(store)
    assert entry.key == "VD4RL/cheetah_run-random-v0/random"
    assert entry.replayed is not None
    assert "replayed" in capsys.readouterr().out
    assert main(["add", str(evaluated), "--store", str(store)]) == 1
    assert "there already" in capsys.readouterr().out
    assert main(["check", "--store", str(store)]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out

    entry.path.write_bytes(entry.path.read_bytes() + b"\n")
    (changed,) = read_store(store)
    assert changed.replayed is None  # the receipt is of other bytes
    assert main(["check", "--no-replay", "--store", str(store)]) == 1
    assert "it is of another result" in capsys.readouterr().out

    (store / "VD4RL" / "page.html").write_text("<script>")
    assert main(["check", "--no-replay", "--store", str(store)]) == 1
    assert "page.html: does not belong" in capsys.readouterr().out
