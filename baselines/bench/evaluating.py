"""A run's evaluations: when they are due, where they are played, and what is kept of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from baselines.bench.algorithm import Agent
from baselines.bench.beside import Beside, restore
from baselines.bench.phases import Schedule
from baselines.bench.playing import play_run
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import Machine, RunSettings
from vd4rl_data.evaluation import Evaluation
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import SuccessScore


@dataclass(frozen=True, slots=True)
class Moment:
    """When an agent is evaluated.

    Attributes:
        step: gradient steps of the run so far.
        seconds: of training so far.
        environment_steps: that the agent has taken for its data so far; ``None`` in a run that
            takes none.
    """

    step: int
    seconds: float
    environment_steps: int | None = None


class Evaluations:
    """Of one run, in order; the curve lies in its folder.

    They are played in place, or one at a time in a process of their own, from a snapshot of the
    checkpoint, while training goes on. A snapshot stays in the folder until its evaluation is in
    the curve: what was lost with a killed process is played again.
    """

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
        self._schedule, self._step = schedule, step
        self._curve = [point for point in folder.curve() if point["step"] <= step]
        self._ended: list[tuple[int, float]] = []
        self._beside = Beside(settings, machine) if machine.evaluates_beside() else None
        self._under_way: Moment | None = None

    @property
    def last_return(self) -> float | None:
        """Mean of the last evaluation, if there was one."""
        return self._curve[-1]["mean_return"] if self._curve else None

    def is_due(self, step: int) -> bool:
        """Whether the agent is to be evaluated after so many gradient steps, and was not yet."""
        done = self._curve[-1]["step"] if self._curve else -1
        if step <= done or (self._under_way is not None and step <= self._under_way.step):
            return False
        if step == self._settings.hyperparameters.steps or self._schedule.begins_online(step):
            return True
        if step == 0 or step % self._settings.protocol.evaluate_every:
            return False
        return self._schedule.phases[self._schedule.number(step - 1)].evaluated

    def go_on(self) -> None:
        """Play the snapshots that an earlier process did not come to.

        Raises:
            CheckpointError: one is damaged.
            WorkerError: an environment's process died.
        """
        known = {point["step"] for point in self._curve}
        for record in self._folder.snapshots():
            moment = Moment(**record)
            if moment.step in known or moment.step > self._step:
                self._folder.drop_snapshot(moment.step)
            elif self._beside is not None:
                self._begin(self._beside, moment)
            else:
                device = self._machine.torch_device()
                agent = restore(self._settings, device, self._folder.snapshot_path(moment.step))
                self._keep(moment, play_run(agent, device, self._settings, self._machine))

    def evaluate(self, agent: Agent, device: torch.device, moment: Moment, *, saved: bool) -> None:
        """Play now, or begin to play beside training; the end of the run is played now.

        Args:
            agent: as it is at this moment.
            device: where it lives.
            moment: of the run.
            saved: whether the checkpoint is of this moment.

        Raises:
            WorkerError: a process died, of this evaluation or of the one before.
        """
        self.wait()
        last = moment.step == self._settings.hyperparameters.steps
        if self._beside is None or last or not saved:
            evaluation = play_run(agent, device, self._settings, self._machine)
            if last:
                self._folder.save_evaluation(evaluation)
            self._keep(moment, evaluation)
            return
        self._folder.keep_snapshot(asdict(moment))
        self._begin(self._beside, moment)

    def ended(self) -> list[tuple[int, float]]:
        """Step and mean return of each evaluation that has ended since this was asked last.

        Raises:
            WorkerError: the process that plays died.
        """
        self._take(wait=False)
        ended, self._ended = self._ended, []
        return ended

    def wait(self) -> None:
        """Until the evaluation that is under way, if there is one, has ended.

        Raises:
            WorkerError: the process that plays died.
        """
        self._take(wait=True)

    def close(self) -> None:
        """End the process that plays; what it was at is played when the run goes on."""
        if self._beside is not None:
            self._beside.close()

    def _begin(self, beside: Beside, moment: Moment) -> None:
        self.wait()
        beside.begin(self._folder.snapshot_path(moment.step))
        self._under_way = moment

    def _take(self, *, wait: bool) -> None:
        moment = self._under_way
        if moment is None or self._beside is None:
            return
        evaluation = self._beside.take(wait=wait)
        if evaluation is not None:
            self._under_way = None
            self._keep(moment, evaluation)

    def _keep(self, moment: Moment, evaluation: Evaluation) -> None:
        """Add a point to the curve, and drop its snapshot."""
        mean = float(np.mean(evaluation.returns))
        point: dict[str, Any] = {
            "step": moment.step,
            "mean_return": mean,
            "returns": evaluation.returns.tolist(),
            "seconds": round(moment.seconds, 3),
        }
        success = self._success(evaluation)
        told = {"environment_steps": moment.environment_steps, "success": success}
        point |= {name: value for name, value in told.items() if value is not None}
        self._curve.append(point)
        self._folder.save_curve(self._curve)
        self._folder.drop_snapshot(moment.step)
        self._ended.append((moment.step, mean))

    def _success(self, evaluation: Evaluation) -> float | None:
        """The mean success, as the dataset's score counts it; ``None`` where it does not."""
        spec = get_dataset_spec(self._settings.dataset)
        if not isinstance(spec.score, SuccessScore):
            return None
        found = [summary.success for summary in evaluation.summaries(spec)]
        known = [success for success in found if success is not None]
        return float(np.mean(known)) if known and len(known) == len(found) else None
