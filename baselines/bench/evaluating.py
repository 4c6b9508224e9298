"""A run's evaluations: when they are due, and what is kept of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from baselines.bench.algorithm import Agent
from baselines.bench.guards import exact_denormals
from baselines.bench.phases import Schedule
from baselines.bench.playing import play
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import Machine, RunSettings
from vd4rl_data.evaluation import Evaluation
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import SuccessScore


class Evaluations:
    """Of one run; the curve lies in its folder."""

    def __init__(
        self,
        settings: RunSettings,
        folder: RunFolder,
        machine: Machine,
        schedule: Schedule,
        step: int,
    ) -> None:
        """Go on after a gradient step; what was evaluated later is forgotten."""
        self._settings, self._folder, self._machine = settings, folder, machine
        self._schedule = schedule
        self._curve = [point for point in folder.curve() if point["step"] <= step]

    @property
    def last_return(self) -> float | None:
        """Mean of the last evaluation, if there was one."""
        return self._curve[-1]["mean_return"] if self._curve else None

    def is_due(self, step: int) -> bool:
        """Whether the agent is to be evaluated after so many gradient steps, and was not yet."""
        done = self._curve[-1]["step"] if self._curve else -1
        if step <= done:
            return False
        if step == self._settings.hyperparameters.steps or self._schedule.begins_online(step):
            return True
        if step == 0 or step % self._settings.protocol.evaluate_every:
            return False
        return self._schedule.phases[self._schedule.number(step - 1)].evaluated

    def evaluate(
        self,
        agent: Agent,
        device: torch.device,
        step: int,
        seconds: float,
        environment_steps: int | None,
    ) -> float:
        """Play, and keep what was found.

        Args:
            agent: as it is after ``step`` gradient steps.
            device: where it lives.
            step: of the run.
            seconds: of training so far.
            environment_steps: that the agent has taken for its data so far; ``None`` in a run that
                takes none.

        Returns:
            The mean return.

        Raises:
            WorkerError: an environment's process died.
        """
        protocol = self._settings.protocol
        with exact_denormals():
            evaluation = play(
                agent,
                device,
                self._settings.dataset,
                episodes=protocol.evaluation_episodes,
                seed=self._settings.seed,
                frame_stack=self._settings.hyperparameters.frame_stack,
                workers=self._machine.evaluation_workers(),
            )
        if step == self._settings.hyperparameters.steps:
            self._folder.save_evaluation(evaluation)
        mean = float(np.mean(evaluation.returns))
        point: dict[str, Any] = {
            "step": step,
            "mean_return": mean,
            "returns": evaluation.returns.tolist(),
            "seconds": round(seconds, 3),
        }
        success = self._success(evaluation)
        told = {"environment_steps": environment_steps, "success": success}
        point |= {name: value for name, value in told.items() if value is not None}
        self._curve.append(point)
        self._folder.save_curve(self._curve)
        return mean

    def _success(self, evaluation: Evaluation) -> float | None:
        """The mean success, as the dataset's score counts it; ``None`` where it does not."""
        spec = get_dataset_spec(self._settings.dataset)
        if not isinstance(spec.score, SuccessScore):
            return None
        found = [summary.success for summary in evaluation.summaries(spec)]
        known = [success for success in found if success is not None]
        return float(np.mean(known)) if known and len(known) == len(found) else None
