"""Stable-Baselines3: SAC from pixels, trained on the data, then in the environment.

Prints two normalized scores: before and after the steps in the environment.
"""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.wrappers import FrameStackObservation, TransformObservation
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

import vd4rl_data

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"


def with_stacks(env: gym.Env) -> gym.Env:
    """Images of nine channels, the last three frames; SB3 itself puts channels first."""
    stacks = FrameStackObservation(env, 3, padding_type="reset")
    space = Box(0, 255, (64, 64, 9), np.uint8)
    return TransformObservation(stacks, lambda s: vd4rl_data.stacked(s, channels="last"), space)


def score(model: SAC) -> float:
    def policy(observations: np.ndarray) -> np.ndarray:
        return model.predict(vd4rl_data.stacked(observations), deterministic=True)[0]

    result = vd4rl_data.evaluate(policy, DATASET, episodes=1, seed=0, frame_stack=3)
    return float(result.normalized(DATASET).mean())


def main(updates: int = 200, env_steps: int = 500, batch_size: int = 64) -> tuple[float, float]:
    data = vd4rl_data.load_dataset(DATASET)
    model = SAC(
        "CnnPolicy",
        make_vec_env(DATASET, wrapper_class=with_stacks),
        buffer_size=data.num_transitions + env_steps,
        learning_starts=0,
        batch_size=batch_size,
        seed=0,
    )
    buffer = model.replay_buffer
    assert buffer is not None
    for one in data.transitions(batch_size=1, frame_stack=3, rng=0, epochs=1):
        # What SB3 calls done is the end of the task, never a time limit: our `terminated`.
        buffer.add(
            vd4rl_data.stacked(one.observations), vd4rl_data.stacked(one.next_observations),
            one.actions, one.rewards, one.terminated, [{}],
        )  # fmt: skip
    model.set_logger(Logger(None, []))  # `train` wants one, which `learn` would make
    model.train(updates, batch_size)
    offline = score(model)
    model.learn(env_steps)
    return offline, score(model)


if __name__ == "__main__":
    print(*main())
