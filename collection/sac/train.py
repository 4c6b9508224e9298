"""The training loop: simulate, store, update; at each checkpoint, evaluate and save."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from collection.actor import Actor
from collection.errors import InvalidSettingError
from collection.sac.capture import CapturedUpdate
from collection.sac.evaluation import Evaluator
from collection.sac.kept import STATISTICS, KeptTraining, Start
from collection.sac.memory import ReplayMemory
from collection.sac.normalization import StateStatistics
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.sac.simulations import FinishedEpisode, Simulations
from collection.sac.update import Batch
from collection.sac.weights import initialize, load, new_learner
from vd4rl_data import seeding
from vd4rl_data.errors import DatasetLockedError
from vd4rl_data.processor import warn_about_bfloat16
from vd4rl_data.pytorch.batches import checked_device
from vd4rl_data.registry import get_task_spec
from vd4rl_data.seeding import Purpose
from vd4rl_data.storage.atomic import write_lock

Progress = Callable[[int, float], None]
"""Called with the environment steps so far and the mean return of the last evaluation."""


def train(
    settings: TrainSettings,
    folder: Path,
    device: str = "cpu",
    progress: Progress | None = None,
    start: Start | None = None,
) -> RunFolder:
    """Train a policy, or continue a run from its last checkpoint.

    On one machine and device, with the same versions and number of threads, the same settings give
    the same checkpoints, however often the run was interrupted.

    Every reason to refuse the run is checked before anything is written.

    Args:
        settings: settings of the run.
        folder: folder to save the run in.
        device: torch's name of the device that computes the updates.
        progress: called at the start and after each episode.
        start: the policy or the kept training to start from, whose SHA-256 is
            ``settings.initial_policy``.

    Raises:
        InvalidSettingError: the folder holds a run with other settings or a longer one, the policy
            to start from is not the one in the settings or has other sizes, or there is no such
            device.
        RunFolderError, CorruptFileError: a file in the folder is damaged.
        DatasetLockedError: another process is training in the folder.
        NoSpaceError: the disk is full; the run can continue from its last checkpoint.
    """
    run, where = RunFolder(folder), find_device(device)
    run.check_settings(settings)
    mark = run.state_mark()
    with contextlib.closing(Trainer(settings, run, where, start)) as trainer:
        if settings.precision == "bfloat16" and where.type == "cpu":
            warn_about_bfloat16()
        with write_lock(folder / "run"):
            if run.state_mark() != mark:
                raise DatasetLockedError(
                    f"{folder}: another process has continued this run; give the command again"
                )
            run.claim(settings)
            run.note_machine(get_task_spec(settings.task), where)
            if start is not None and mark is None:
                run.note_start(start)
            trainer.run(progress)
    return run


def find_device(name: str) -> torch.device:
    """The torch device with this name.

    Raises:
        InvalidSettingError: there is no such device, or this machine does not have it.
    """
    try:
        device = checked_device(name)
    except ValueError as error:
        raise InvalidSettingError(str(error)) from error
    if device.type not in ("cpu", "cuda"):
        raise InvalidSettingError(f"device: expected cpu or cuda, got {name!r}")
    return device


class Trainer:
    """One run in progress."""

    def __init__(
        self,
        settings: TrainSettings,
        folder: RunFolder,
        device: torch.device,
        start: Start | None = None,
    ) -> None:
        """Start a run, or restore it from its folder; only :meth:`run` writes into the folder."""
        self._settings, self._folder, self._device = settings, folder, device
        self._task = get_task_spec(settings.task)
        self._time_steps = self._updates = 0
        self._owed = 0.0
        self._curve: list[dict[str, Any]] = []
        self._recent: list[FinishedEpisode] = []
        self._seconds = 0.0
        self._apply: Callable[[Batch, Tensor], None] | None = None
        self._statistics: StateStatistics | None = None
        keys = (settings.seed, settings.task)
        self._streams = {
            purpose: seeding.generator(purpose, *keys)
            for purpose in (Purpose.POLICY_EXPLORATION, Purpose.POLICY_BATCHES)
        }
        noise = seeding.word(Purpose.POLICY_NOISE, *keys)
        self._noise = torch.Generator(device).manual_seed(noise)
        saved = folder.load_state()
        self._simulations = Simulations(
            settings.task, settings.environments, settings.seed, Purpose.POLICY_EPISODE
        )
        self._evaluator = Evaluator(settings.task, settings.evaluation_episodes, settings.seed)
        if saved is None:
            self._episodes = start.episodes if isinstance(start, KeptTraining) else 0
            self._simulations.start(self._episodes)
        else:
            self._simulations.start(int(saved["episodes"]), int(saved["time_steps"]))
        state_size = self._simulations.states.shape[1]
        # Episodes still running at the last step are played to completion.
        capacity = -(-settings.steps // self._task.action_repeat)
        capacity += settings.environments * self._task.time_steps
        if saved is not None:
            capacity = max(capacity, int(saved["time_steps"]))
        self._memory = ReplayMemory(capacity, state_size, self._task.action_size, device)
        self._learner = new_learner(settings, state_size, self._task.action_size, device)
        if saved is None:
            self._begin(start)
        else:
            self._restore(saved)

    def _begin(self, start: Start | None) -> None:
        settings = self._settings
        weights = seeding.word(Purpose.POLICY_WEIGHTS, settings.seed, settings.task)
        initialize(self._learner, weights, settings.initial_temperature)
        found = None if start is None else start.sha256
        if found != settings.initial_policy:
            raise InvalidSettingError(
                f"initial_policy: expected the start with SHA-256 {settings.initial_policy}, got "
                f"{found}"
            )
        if start is not None:
            load(self._learner, start, settings)
        if settings.normalize_states:
            kept = start.statistics if isinstance(start, KeptTraining) else None
            self._statistics = kept or StateStatistics.none(self._simulations.states.shape[1])

    @property
    def environment_steps(self) -> int:
        """Environment steps taken so far."""
        return self._time_steps * self._task.action_repeat

    def run(self, progress: Progress | None = None) -> None:
        """Train until the last step, and until the episodes running then have ended, so that none
        is lost; ``progress`` is first called with where the run stands.
        """
        if progress is not None:
            progress(self.environment_steps, self._last_return())
        while not self._is_over():
            started = time.perf_counter()
            self._step()
            self._seconds += time.perf_counter() - started
            if not self._simulations.all_fresh:
                continue
            if self._is_due():
                self._checkpoint()
            if progress is not None:
                progress(self.environment_steps, self._last_return())

    def _is_over(self) -> bool:
        beyond = self.environment_steps - self._settings.steps
        longest = self._settings.environments * self._task.horizon
        return beyond >= longest or (beyond >= 0 and self._simulations.all_fresh)

    def close(self) -> None:
        """Free the simulations."""
        self._simulations.close()
        self._evaluator.close()

    def _step(self) -> None:
        steps = self._simulations.step(self._act())
        self._memory.add(
            steps.states, steps.actions, steps.rewards, steps.next_states, steps.terminated
        )
        if self._statistics is not None:
            self._statistics = self._statistics.added(steps.states)
        self._recent += steps.finished
        self._time_steps += len(steps.states)
        if self._time_steps < self._settings.learning_starts:
            return
        self._owed += self._settings.updates_per_step * len(steps.states)
        while self._owed >= 1:
            self._owed -= 1
            self._update()

    def _act(self) -> NDArray[np.float32]:
        rng, states = self._streams[Purpose.POLICY_EXPLORATION], self._simulations.states
        if self._time_steps < self._settings.random_steps:
            shape = (len(states), self._task.action_size)
            return rng.uniform(-1.0, 1.0, shape).astype(np.float32)
        return self._actor().sample(states, rng)

    def _update(self) -> None:
        size = self._settings.batch_size
        batch = self._memory.sample(size, self._streams[Purpose.POLICY_BATCHES])
        shape = (2 * size, self._task.action_size)
        noise = torch.randn(shape, generator=self._noise, device=self._device)
        rate = self._settings.learning_rate_at(self.environment_steps)
        waits = self._time_steps < self._settings.actor_starts
        self._learner.set_learning_rates(rate, 0.0 if waits else rate)
        self._learner.set_reward_power(self._settings.reward_power_at(self.environment_steps))
        if self._statistics is not None:
            known = self._statistics
            self._learner.set_statistics(*map(torch.from_numpy, (known.mean, known.deviation)))
        if self._apply is None:
            on_cuda = self._device.type == "cuda"
            learner = self._learner
            self._apply = CapturedUpdate(learner, batch, noise) if on_cuda else learner.update
        torch.set_flush_denormal(True)  # denormal weights would slow everything down
        try:
            self._apply(batch, noise)
        finally:
            torch.set_flush_denormal(False)  # it would change the simulation, in the same thread
        self._updates += 1

    def _actor(self) -> Actor:
        """The current policy; on a CPU its arrays share the learner's memory."""
        layers = self._learner.actor.layers
        actor = Actor(
            tuple(layer.weight[0].cpu().numpy() for layer in layers),
            tuple(layer.bias[0, 0].cpu().numpy() for layer in layers),
        )
        return actor if self._statistics is None else self._statistics.folded(actor)

    def _is_due(self) -> bool:
        last = self._curve[-1]["environment_steps"] if self._curve else 0
        reached = self.environment_steps
        every = self._settings.checkpoint_steps
        return reached // every > last // every or (
            reached >= self._settings.steps and reached > last
        )

    def _last_return(self) -> float:
        return float(self._curve[-1]["evaluation_mean"]) if self._curve else float("nan")

    def _checkpoint(self) -> None:
        actor = self._actor()
        returns = self._evaluator.returns(actor)
        self._episodes += len(self._recent)
        self._curve.append(self._record(returns))
        self._folder.save(
            self.environment_steps, actor, self._recent, self._curve, self._resume_state()
        )
        self._recent = []

    def _record(self, returns: list[float]) -> dict[str, Any]:
        """One record of the learning curve."""
        training = [item.trajectory.episode_return for item in self._recent]
        temperature, critics, actor = self._learner.losses.tolist()
        return {
            "environment_steps": self.environment_steps,
            "time_steps": self._time_steps,
            "updates": self._updates,
            "episodes": self._episodes,
            "evaluation_mean": float(np.mean(returns)),
            "evaluation_returns": returns,
            "training_returns": training,
            "alpha": float(self._learner.log_alpha.exp()),
            "losses": {"temperature": temperature, "critics": critics, "actor": actor},
            "seconds": round(self._seconds, 3),
        }

    def _resume_state(self) -> dict[str, Any]:
        return {
            "learner": self._learner.state_dict(),
            "noise": self._noise.get_state(),
            "streams": {
                purpose.name: rng.bit_generator.state for purpose, rng in self._streams.items()
            },
            "time_steps": self._time_steps,
            "updates": self._updates,
            "episodes": self._episodes,
            "owed": self._owed,
            "seconds": self._seconds,
            **({} if self._statistics is None else {STATISTICS: self._statistics.plain()}),
        }

    def _restore(self, saved: Any) -> None:
        self._learner.load_state_dict(saved["learner"])
        self._noise.set_state(saved["noise"])
        for purpose, rng in self._streams.items():
            rng.bit_generator.state = saved["streams"][purpose.name]
        self._time_steps, self._updates = saved["time_steps"], saved["updates"]
        self._episodes, self._owed = saved["episodes"], saved["owed"]
        self._seconds, self._curve = saved["seconds"], list(saved["curve"])
        if STATISTICS in saved:
            self._statistics = StateStatistics.from_plain(saved[STATISTICS])
        steps = [record["environment_steps"] for record in self._curve]
        self._memory.restore(list(self._folder.episodes(steps)), self._settings.environments)
