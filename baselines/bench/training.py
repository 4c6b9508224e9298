"""The training loop: phase after phase; every now and then log, save, evaluate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.bench.checkpoint import batches_of, check_phases, phases_of
from baselines.bench.checks import SEEDING, check_data, check_run
from baselines.bench.evaluating import Evaluations, Moment
from baselines.bench.guards import memory_errors, numerics
from baselines.bench.making import make_agent
from baselines.bench.metrics import MetricsLog
from baselines.bench.phases import PhaseContext, Schedule
from baselines.bench.provenance import data_facts, session_facts
from baselines.bench.result import make_result
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import MACHINE, Machine, RunSettings
from baselines.bench.stepping import Stepper
from baselines.errors import NonFiniteLossError
from vd4rl_data import seeding
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.errors import DatasetLockedError
from vd4rl_data.seeding import Purpose
from vd4rl_data.storage.atomic import write_lock

Progress = Callable[[int, str], None]
"""Called with the gradient steps so far and a few words about them."""


def train(
    settings: RunSettings,
    folder: Path,
    machine: Machine = MACHINE,
    *,
    root: Path | None = None,
    source: str = "auto",
    progress: Progress | None = None,
) -> RunFolder:
    """Train an agent, or go on where the last checkpoint was, and write its result.

    On one CPU, with the same versions and number of threads, the same settings give the same bits,
    however often the run was interrupted.

    Args:
        settings: of the run.
        folder: where it is saved.
        machine: what it runs on.
        root: look for the dataset in this folder alone.
        source: see :func:`vd4rl_data.load_dataset`.
        progress: called after each line of the log.

    Whatever refuses the run is found before anything is written, and a run that has got as far as
    asked for is left alone.

    Raises:
        InvalidSettingError, CheckpointError: the folder holds another run, a longer one, one on
            other data, or a damaged one.
        DeviceNotFoundError, MissingDependencyError: the machine has not what was asked for.
        DatasetNotFoundError: the dataset is not here.
        DatasetLockedError: another process trains into the folder.
        NonFiniteLossError: training diverged; the last checkpoint is from before.
        DeviceMemoryError: memory ran out.
        WorkerError, NoSpaceError: a process that played episodes died; the disk is full.
    """
    run, precision = RunFolder(folder), settings.hyperparameters.precision
    mark = run.checkpoint_mark()
    saved = check_run(settings, run, machine)
    episodes = settings.protocol.max_episodes
    dataset = load_dataset(settings.dataset, source=source, root=root, max_episodes=episodes)
    if saved is not None:
        check_data(settings, run, data_facts(dataset))
    if run.is_done(settings.hyperparameters.steps):
        return run
    device = machine.torch_device()
    with memory_errors(), numerics(device, machine, precision):
        trainer = Trainer(settings, run, dataset, machine, saved)
        with write_lock(folder / "run"):
            if run.checkpoint_mark() != mark:
                raise DatasetLockedError(
                    f"{folder}: another process went on with this run; give the command again"
                )
            run.claim(settings)
            run.clear_failure()
            trainer.run_and_close(progress)
            make_result([run]).write(run.result_path, replace=True)
    return run


class Trainer:
    """One run in progress.

    Attributes:
        step: gradient steps so far.
        agent: what is trained.
    """

    def __init__(
        self,
        settings: RunSettings,
        folder: RunFolder,
        dataset: Dataset,
        machine: Machine,
        saved: dict[str, Any] | None,
    ) -> None:
        """Start a run, or restore it from a checkpoint that was checked; nothing is written yet."""
        self._settings, self._folder, self._dataset = settings, folder, dataset
        self._machine, self._hyper = machine, settings.hyperparameters
        device = self._device = machine.torch_device()
        self.step = 0 if saved is None else int(saved["step"])
        self._seconds = 0.0 if saved is None else float(saved["seconds"])
        self.agent = make_agent(settings, dataset.spec, device)
        self._schedule = Schedule(self.agent.phases(), self._hyper.steps)
        noise = seeding.word(Purpose.AGENT_NOISE, settings.seed)
        self._noise = torch.Generator(device).manual_seed(noise)
        if saved is not None:
            check_phases(saved, self._schedule)
            self.agent.load_state(saved["agent"])
            self._noise.set_state(saved["noise"])
        if machine.compile:
            self.agent.compile()
        self._number = self._schedule.number(self.step)
        self._stepper = self._make_stepper(saved)
        self._evaluations = Evaluations(settings, folder, machine, self._schedule, self.step)
        self._saved_step, self._saved_at = self.step, time.monotonic()
        self._data = data_facts(dataset)
        self._log: MetricsLog

    def run_and_close(self, progress: Progress | None = None) -> None:
        """Train to the end and close the logs; an error gets a note of where to go on from."""
        self._folder.note(self.step, session_facts(self._device), self._data)
        self._log = MetricsLog(self._folder, self.step, tensorboard=self._machine.tensorboard)
        try:
            self.run(progress)
        except BaseException as error:
            error.add_note(self.whereabouts())
            raise
        finally:
            self._evaluations.close()
            self._log.close()

    def run(self, progress: Progress | None = None) -> None:
        """Train to the end."""
        report: Progress = progress or (lambda _, __: None)
        steps, protocol = self._hyper.steps, self._settings.protocol
        report(self.step, self._words())
        self._evaluations.go_on()
        if self._evaluations.is_due(self.step):
            self._evaluate(report, saved=False)
        started = time.perf_counter()
        while self.step < steps:
            self._advance()
            if self.step % protocol.log_every == 0 or self._schedule.is_end(self.step):
                values = self._take_means()
                self._seconds, started = self._clock(started)
                values["seconds"] = round(self._seconds, 3)
                self._log.train(self.step, values, self._phase_name())
                self._log_returns()
                report(self.step, self._words())
            if self._evaluations.is_due(self.step):
                self._seconds, started = self._clock(started)
                self._save()
                self._evaluate(report, saved=True)
                started = time.perf_counter()
            elif time.monotonic() - self._saved_at >= self._machine.checkpoint_seconds:
                self._seconds, started = self._clock(started)
                self._save()
                started = time.perf_counter()
        self._evaluations.wait()
        self._log_returns()

    def whereabouts(self) -> str:
        """Where the run can go on from, in words."""
        return (
            f"stopped after gradient step {self.step:,}; {self._folder.path} keeps step "
            f"{self._saved_step:,}, and the same command goes on from there"
        )

    def _take_means(self) -> dict[str, float]:
        """Means of all metrics since the last line of the log.

        Raises:
            NonFiniteLossError: one of them is none.
        """
        count = self._stepper.count
        values = self._stepper.take_means()
        for name, value in values.items():
            if not math.isfinite(value):
                raise NonFiniteLossError(
                    f"{name} became {value} within the last {count} gradient steps; a lower "
                    "learning rate or precision float32 may help"
                )
        return values

    def _clock(self, started: float) -> tuple[float, float]:
        """Seconds of training so far, and now."""
        now = time.perf_counter()
        return self._seconds + now - started, now

    def _save(self) -> None:
        """Write a checkpoint.

        Raises:
            NonFiniteLossError: there is nothing worth keeping; the last one stays.
        """
        if not self._stepper.is_finite():
            raise NonFiniteLossError(
                f"weights or losses are no longer finite at gradient step {self.step:,}; a lower "
                "learning rate or precision float32 may help"
            )
        self._folder.save_checkpoint(
            {
                "algorithm": self._settings.algorithm,
                "device": self._device.type,
                "seeding": SEEDING,
                "step": self.step,
                "seconds": self._seconds,
                "agent": self.agent.state(),
                "phases": self._schedule.passed(self.step),
                **self._stepper.state(),
            }
        )
        self._saved_step, self._saved_at = self.step, time.monotonic()

    def _evaluate(self, report: Progress, *, saved: bool) -> None:
        report(self.step, self._words("evaluating"))
        taken = (self._stepper.environment_steps or 0) if self._schedule.plays else None
        moment = Moment(self.step, self._seconds, taken)
        self._evaluations.evaluate(self.agent, self._device, moment, saved=saved)
        self._log_returns()
        report(self.step, self._words())

    def _log_returns(self) -> None:
        """Show the evaluations that have ended since the last time."""
        for step, mean in self._evaluations.ended():
            self._log.evaluation(step, {"mean_return": mean})

    def _words(self, doing: str = "") -> str:
        """The phase, where there are several, and what is going on or the last return."""
        last = self._evaluations.last_return
        if not doing and last is not None:
            doing = f"return {last:.1f}"
        return ", ".join(filter(None, (self._phase_name(), doing)))

    def _phase_name(self) -> str | None:
        """The phase, where there are several."""
        return self._stepper.phase.name if len(self._schedule.phases) > 1 else None

    def _advance(self) -> None:
        """One gradient step; a phase begins where the one before has ended."""
        number = self._schedule.number(self.step)
        if number != self._number:
            del self._stepper  # with what it keeps on the device
            self._number = number
            self._stepper = self._make_stepper(None)
        self._stepper.advance(self.step - self._schedule.starts[number])
        self.step += 1

    def _make_stepper(self, saved: dict[str, Any] | None) -> Stepper:
        """The current phase, at its beginning or where it was saved in."""
        phase = self._schedule.phases[self._number]
        goes_on = saved is not None and phases_of(saved)[-1:] == [
            (phase.name, self._schedule.starts[self._number])
        ]
        context = PhaseContext(
            dataset=self._dataset,
            generator=_batch_generator(self._settings.seed, self._number),
            device=self._device,
            storage=self._machine.storage,
            folder=self._folder.phase_path(phase.name),
            environment=self._settings.dataset,
            seed=self._settings.seed,
            state=batches_of(saved) if saved is not None and goes_on else None,
        )
        graph = self._machine.cuda_graph
        stepper = Stepper(self.agent, phase, phase.batches(context), self._noise, cuda_graph=graph)
        if saved is not None and goes_on:
            stepper.load_sums(saved)
        return stepper


def _batch_generator(seed: int, number: int) -> np.random.Generator:
    """Decides the batches of a phase; each has a stream of its own."""
    if number == 0:
        return seeding.generator(Purpose.AGENT_BATCHES, seed)
    return seeding.member_of(seeding.stream(Purpose.AGENT_BATCHES, seed), number)
