"""d3rlpy: its TD3+BC on our episodes, whose frames stay in the file. Prints a normalized score."""

from __future__ import annotations

import dataclasses

import numpy as np
from d3rlpy.algos import TD3PlusBCConfig
from d3rlpy.dataset import (
    BasicTransitionPicker,
    Episode,
    EpisodeBase,
    InfiniteBuffer,
    ReplayBuffer,
    Transition,
)  # fmt: skip
from d3rlpy.logging import NoopAdapterFactory
from d3rlpy.preprocessing import PixelObservationScaler

import vd4rl_data

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"


def as_d3rlpy(episode: vd4rl_data.Episode) -> Episode:
    """N rows are N - 1 transitions in d3rlpy, and N if the last one terminates."""
    more = 0 if episode.terminated else 1
    return Episode(
        observations=episode.observations,
        actions=np.pad(episode.actions, ((0, more), (0, 0))),
        rewards=np.pad(episode.rewards[:, None], ((0, more), (0, 0))),
        terminated=episode.terminated,
    )


class Stacks(BasicTransitionPicker):
    """Three frames, (9, H, W), the first one repeated at the start as in evaluation.

    d3rlpy's own picker of stacks shows black frames there, and after a termination.
    """

    def __call__(self, episode: EpisodeBase, index: int) -> Transition:
        return dataclasses.replace(
            super().__call__(episode, index),
            observation=self._stack(episode, index),
            next_observation=self._stack(episode, index + 1),
        )

    def _stack(self, episode: EpisodeBase, index: int) -> np.ndarray:
        rows = np.arange(index - 2, index + 1).clip(min=0)
        return vd4rl_data.stacked(episode.observations[rows])


def main(updates: int = 200, batch_size: int = 64) -> float:
    data = vd4rl_data.load_dataset(DATASET)
    buffer = ReplayBuffer(
        InfiniteBuffer(), episodes=[as_d3rlpy(episode) for episode in data],
        transition_picker=Stacks(),
    )  # fmt: skip
    algorithm = TD3PlusBCConfig(
        batch_size=batch_size, observation_scaler=PixelObservationScaler()
    ).create(device="cpu:0")
    algorithm.fit(
        buffer, updates, updates, logger_adapter=NoopAdapterFactory(), show_progress=False
    )

    def policy(observations: np.ndarray) -> np.ndarray:
        return algorithm.predict(vd4rl_data.stacked(observations))

    result = vd4rl_data.evaluate(policy, DATASET, episodes=1, seed=0, frame_stack=3)
    return float(result.normalized(DATASET).mean())


if __name__ == "__main__":
    print(main())
