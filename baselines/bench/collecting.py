"""Episodes that an agent plays for its own data."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch

from baselines.bench.guards import exact_denormals
from baselines.bench.policy import PixelPolicy, Policy
from vd4rl_data.envs.registration import find_env_specs
from vd4rl_data.episode import Episode


class Player:
    """Plays in the environment of a dataset, one episode at a time."""

    def __init__(self, dataset: str) -> None:
        """Args:
        dataset: id of the dataset in whose environment is played.
        """
        self._env: gymnasium.Env[Any, Any] = gymnasium.make(find_env_specs(dataset)[0])

    def play(self, policy: Policy, device: torch.device, seed: int) -> Episode:
        """One episode, without proprioception.

        Args:
            policy: with nothing remembered; of single frames.
            device: where it lives.
            seed: that the environment is reset with.

        Raises:
            InvalidActionError: an action is not finite, or outside [-1, 1].
        """
        acts = PixelPolicy(policy, device)
        actions, rewards, over, ended = [], [], False, False
        with exact_denormals():
            frames = [self._env.reset(seed=seed)[0]]
            while not over:
                actions.append(acts(frames[-1][None, None])[0])
                frame, reward, ended, late, _ = self._env.step(actions[-1])
                frames.append(frame)
                rewards.append(float(reward))
                over = ended or late
        discounts = np.ones(len(rewards), np.float32)
        discounts[-1] = 0.0 if ended else 1.0
        return Episode(
            observations=np.stack(frames),
            actions=np.stack(actions),
            rewards=np.array(rewards, np.float32),
            discounts=discounts,
            terminated=bool(ended),
            truncated=not ended,
        )

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
