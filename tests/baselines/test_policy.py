"""Policies that remember and read proprioception, in several episodes at once."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.bench.playing import play  # noqa: E402
from baselines.bench.policy import View  # noqa: E402
from tests.baselines import blob, phased  # noqa: E402
from vd4rl_data.evaluation.evaluate import episode_seed  # noqa: E402

CPU, SEED, EPISODES, STACK = torch.device("cpu"), 3, 5, 2


class Agent(phased.PhasedAgent):
    """Acts as the policy that it is given."""

    def __init__(self, policy: type[Any]) -> None:
        spaces = Spaces(3 * STACK, blob.SIZE, blob.TASK.action_size)
        generator = torch.Generator().manual_seed(1)
        super().__init__(phased.PhasedSettings(), spaces, CPU, generator)
        with torch.no_grad():
            self.slow_actor.weight.mul_(20.0)  # what is remembered shows in the actions
        self._policy = policy

    def policy(self) -> Any:
        return self._policy(self)


class Forgetful(phased.PhasedPolicy):
    wants_state = False

    def __call__(self, view: View) -> Any:
        assert view.state is None
        return torch.tanh(self._agent.slow_actor(self._agent.encode(view.observations)))


class Remembering(phased.PhasedPolicy):
    wants_state = False

    def __call__(self, view: View) -> Any:
        zeros = torch.zeros(len(view.first), blob.TASK.action_size)
        return super().__call__(View(view.observations, view.first, zeros))


class Confused(phased.PhasedPolicy):
    """Takes every episode for the same one."""

    def __call__(self, view: View) -> Any:
        return super().__call__(View(view.observations, torch.zeros_like(view.first), view.state))


def played(agent: Agent, lanes: int) -> np.ndarray[Any, Any]:
    found = play(
        agent,
        CPU,
        blob.SPEC.name,
        episodes=EPISODES,
        seed=SEED,
        frame_stack=STACK,
        workers=1,
        lanes=lanes,
    )
    return found.returns


def one_by_one(agent: Agent) -> list[float]:
    """The same episodes, each with a policy that is asked for as it begins."""
    returns: list[float] = []
    with contextlib.closing(gymnasium.make(blob.SPEC.name)) as env:
        for episode in range(EPISODES):
            policy = agent.policy()
            frame, info = env.reset(seed=episode_seed(SEED, episode))
            frames, total, over, first = [frame] * STACK, 0.0, False, True
            while not over:
                view = View(
                    torch.from_numpy(np.concatenate(frames, axis=-1)).permute(2, 0, 1)[None],
                    torch.tensor([first]),
                    torch.from_numpy(info["state"])[None] if policy.wants_state else None,
                )
                with torch.no_grad():
                    action = policy(view)[0].numpy()
                frame, reward, terminated, truncated, info = env.step(action)
                frames, first = [*frames[1:], frame], False
                total += float(reward)
                over = terminated or truncated
            returns.append(total)
    return returns


@pytest.mark.parametrize("lanes", [1, 2, 10])
@pytest.mark.parametrize("policy", [Forgetful, Remembering, phased.PhasedPolicy])
@pytest.mark.usefixtures("blob_root")
def test_in_lock_step_as_one_by_one(policy: type[Any], lanes: int) -> None:
    agent = Agent(policy)
    assert played(agent, lanes) == pytest.approx(one_by_one(agent), rel=1e-5)


@pytest.mark.usefixtures("blob_root")
def test_what_is_seen_makes_a_difference() -> None:
    """Memory, proprioception and where episodes begin; else the test above would show nothing."""
    policies = (Forgetful, Remembering, phased.PhasedPolicy, Confused)
    found = [played(Agent(policy), 2) for policy in policies]
    for number, returns in enumerate(found):
        for other in found[:number]:
            assert not np.allclose(returns, other, rtol=1e-3)


def test_a_trained_agent_is_played_again(blob_root: Path, tmp_path: Path, capsys: Any) -> None:
    """The command line knows an algorithm that is named where it stands, memory and all."""
    from baselines.cli import main

    place = ["--data-dir", str(blob_root), "--out", str(tmp_path / "run")]
    options = ["--device", "cpu", "--workers", "1", "--no-tensorboard", "--no-progress"]
    episodes = ["--evaluation-episodes", "3"]
    names = ["--algorithm", phased.NAME, "--dataset", blob.SPEC.name]
    assert main(["train", *names, *place, *options, *episodes]) == 0
    trained = capsys.readouterr().out.splitlines()[0].split()[1]
    again = ["--episodes", "3", "--device", "cpu", "--workers", "1", "--no-progress"]
    assert main(["evaluate", str(tmp_path / "run"), *again]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[1] == trained
