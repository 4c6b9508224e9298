"""Agents as a run's settings mean them."""

from __future__ import annotations

import torch

from baselines.bench.algorithm import Agent, Spaces
from baselines.bench.registry import get_algorithm
from baselines.bench.settings import RunSettings
from vd4rl_data import seeding
from vd4rl_data.seeding import Purpose
from vd4rl_data.spec import DatasetSpec


def make_agent(settings: RunSettings, dataset: DatasetSpec, device: torch.device) -> Agent:
    """An agent with the initial weights that the run's seed means."""
    frame_stack = settings.hyperparameters.frame_stack
    proprioception = sum(size for _, size in dataset.task.state_layout)
    spaces = Spaces(3 * frame_stack, dataset.size, dataset.task.action_size, proprioception)
    generator = torch.Generator().manual_seed(seeding.word(Purpose.AGENT_WEIGHTS, settings.seed))
    algorithm = get_algorithm(settings.algorithm)
    return algorithm.agent(settings.hyperparameters, spaces, device, generator)
