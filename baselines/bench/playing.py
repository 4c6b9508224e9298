"""Agents in environments: evaluation, and moving pictures of an episode."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from baselines.bench.algorithm import Agent
from baselines.bench.guards import exact_denormals
from baselines.bench.policy import PixelPolicy
from baselines.bench.settings import Machine, RunSettings
from baselines.errors import InvalidSettingError
from vd4rl_data.arguments import check_absent
from vd4rl_data.envs.registration import find_env_specs
from vd4rl_data.episode import Episode
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.evaluation import ActionTrace, Evaluation, evaluate
from vd4rl_data.preview import animate
from vd4rl_data.preview.animation import SUFFIXES
from vd4rl_data.spec import ORIGINAL

LANES: Final = 10
"""Episodes that are played at once."""


def play(
    agent: Agent,
    device: torch.device,
    dataset: str,
    *,
    episodes: int,
    seed: int,
    frame_stack: int,
    workers: int,
    lanes: int = LANES,
    progress: bool = False,
    evaluation: str = ORIGINAL,
) -> Evaluation:
    """Evaluate an agent in an evaluation of a dataset, see :func:`vd4rl_data.evaluate`.

    Its policy is asked for anew, without a memory; so many ``lanes``, or all episodes if they are
    fewer, are played in lock-step.

    Raises:
        WorkerError: an environment's process died.
    """
    return evaluate(
        PixelPolicy(agent.policy(), device),
        dataset,
        episodes,
        seed,
        frame_stack=frame_stack,
        workers=workers,
        inference_batch=min(lanes, episodes),
        progress=progress,
        evaluation=evaluation,
    )


def play_run(
    agent: Agent, device: torch.device, settings: RunSettings, machine: Machine
) -> Evaluation:
    """Evaluate a run's agent as its protocol says, within :func:`~baselines.bench.guards.numerics`.

    Raises:
        WorkerError: an environment's process died.
    """
    with exact_denormals():
        return play(
            agent,
            device,
            settings.dataset,
            episodes=settings.protocol.evaluation_episodes,
            seed=settings.seed,
            frame_stack=settings.hyperparameters.frame_stack,
            workers=machine.evaluation_workers(),
        )


def check_film(path: Path) -> None:
    """Check that :func:`film` can write there, before anything is trained or played.

    Raises:
        InvalidSettingError: the path has another suffix.
        OutputExistsError: there is such a file.
        MissingDependencyError: MP4 without ffmpeg.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidSettingError(
            f"video: expected a name that ends in {' or '.join(SUFFIXES)}, got {path}"
        )
    if path.suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise MissingDependencyError(
            'MP4 needs ffmpeg: pip install -e ".[baselines]" (or choose GIF, which needs nothing)'
        )
    check_absent([path], replace=False)


def film(dataset: str, trace: ActionTrace, path: Path, evaluation: str = ORIGINAL) -> None:
    """Play recorded actions again and write the episode as GIF or MP4.

    Raises:
        ValueError: the path has another suffix.
        MissingDependencyError: MP4 without ffmpeg.
    """
    animate(_replayed(dataset, trace, evaluation), path)


def _replayed(dataset: str, trace: ActionTrace, evaluation: str) -> Episode:
    frames: list[NDArray[np.uint8]] = []
    rewards: list[float] = []
    terminated = False
    spec = find_env_specs(dataset, evaluation)[trace.member]
    with contextlib.closing(gymnasium.make(spec)) as env:
        frame, _ = env.reset(seed=trace.seed)
        frames.append(frame)
        for action in trace.actions:
            frame, reward, terminated, _, _ = env.step(action)
            frames.append(frame)
            rewards.append(float(reward))
    observations: Any = np.stack(frames)
    return Episode(
        observations=observations,
        actions=trace.actions,
        rewards=np.array(rewards, np.float32),
        discounts=np.ones(len(rewards), np.float32),
        terminated=terminated,
        truncated=not terminated,
    )
