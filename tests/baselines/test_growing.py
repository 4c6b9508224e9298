"""Online fine-tuning in miniature: the second phase plays episodes and trains on them, too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms import bc  # noqa: E402
from baselines.bench.guards import exact_denormals  # noqa: E402
from baselines.bench.phases import Phase, PhaseContext  # noqa: E402
from baselines.bench.policy import PixelPolicy  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import RunSettings  # noqa: E402
from baselines.bench.training import train  # noqa: E402
from tests.baselines import blob  # noqa: E402
from tests.baselines.conftest import CPU, SMALL  # noqa: E402
from tests.baselines.test_training import same  # noqa: E402
from vd4rl_data import Episode, ReplayBuffer  # noqa: E402
from vd4rl_data.sampling import Mixture, Replaceable  # noqa: E402

NAME = "tests.baselines.test_growing:ALGORITHM"
OFFLINE = 3


class OnlineBC(bc.BC):
    """Clones the dataset; then the dataset and, as much again, what it plays every second step."""

    def phases(self) -> tuple[Phase, ...]:
        (cloning,) = super().phases()
        offline = dataclasses.replace(cloning, name="offline", steps=OFFLINE)
        online = dataclasses.replace(
            cloning, name="online", batches=self.growing, every=((2, self.collect),)
        )
        return offline, online

    def growing(self, context: PhaseContext) -> GrowingBatches:
        self.source = GrowingBatches(self, context)
        return self.source

    def collect(self, step: int) -> None:
        with exact_denormals():
            self.source.add(played(self, step))


class GrowingBatches:
    """Half of a batch from the dataset, half from what was played, once there is some."""

    def __init__(self, agent: OnlineBC, context: PhaseContext) -> None:
        state = context.state
        episodes = 0 if state is None else int(state["episodes"])
        self._buffer = ReplayBuffer(context.folder, episodes=episodes)
        self._offline, self._data = context.dataset, Replaceable(context.dataset)
        if episodes:
            self._data.replace(self._mixture())
        sampled = None if state is None else state["sampled"]
        growing = dataclasses.replace(context, dataset=self._data, state=sampled)
        self._sampled = agent.batches(growing)

    def add(self, episode: Episode) -> None:
        self._buffer.add(episode)
        if len(self._buffer) == 1:
            self._data.replace(self._mixture())

    def _mixture(self) -> Mixture:
        return Mixture([(self._offline, 1), (self._buffer, 1)])

    def __next__(self) -> Any:
        return next(self._sampled)

    def state(self) -> Mapping[str, Any]:
        return {"episodes": len(self._buffer), "sampled": self._sampled.state()}


def played(agent: OnlineBC, seed: int) -> Episode:
    """An episode of the agent's policy."""
    policy = PixelPolicy(agent.policy(), torch.device("cpu"))
    env = gymnasium.make(blob.SPEC.name)
    frames, actions, rewards, over = [env.reset(seed=seed)[0]], [], [], False
    while not over:
        stack = np.stack([frames[max(0, len(frames) - 1 - back)] for back in (2, 1, 0)])
        actions.append(policy(stack[None])[0])
        frame, reward, terminated, truncated, _ = env.step(actions[-1])
        frames.append(frame)
        rewards.append(float(reward))
        over = terminated or truncated
    env.close()
    return Episode(
        observations=np.stack(frames),
        actions=np.stack(actions),
        rewards=np.array(rewards, np.float32),
        discounts=np.ones(len(rewards), np.float32),
        terminated=False,
        truncated=True,
    )


ALGORITHM = dataclasses.replace(bc.ALGORITHM, agent=OnlineBC)


@pytest.mark.parametrize("stop_at", [5, 6, 9])
def test_stopped_while_data_grow_and_gone_on_with(
    settings: RunSettings, blob_root: Path, tmp_path: Path, stop_at: int
) -> None:
    """Episodes that came after the checkpoint are played again, and all is the same bit by bit."""
    hyper = bc.ALGORITHM.settings(**SMALL)
    changed = dataclasses.replace(settings, algorithm=NAME, hyperparameters=hyper)

    def run(name: str, progress: Any = None, seconds: float = 300.0) -> RunFolder:
        machine = dataclasses.replace(CPU, checkpoint_seconds=seconds)
        return train(changed, tmp_path / name, machine, root=blob_root, progress=progress)

    def stop(step: int, text: str) -> None:
        if step >= stop_at and "evaluating" not in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("stopped", stop, seconds=0.0 if stop_at < 9 else 300.0)
    left = ReplayBuffer(RunFolder(tmp_path / "stopped").phase_path("online"))
    assert len(left) == (stop_at - OFFLINE) // 2
    again, whole = run("stopped"), run("whole")
    assert same(again, whole)
    found = [ReplayBuffer(each.phase_path("online")) for each in (again, whole)]
    assert [len(each) for each in found] == [3, 3]
    first, second = (buffer.pool().columns for buffer in found)
    assert np.array_equal(first.actions, second.actions)
