"""Evaluations in a process of their own, while training goes on."""

from __future__ import annotations

import dataclasses
import queue
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from baselines.bench.algorithm import Agent
from baselines.bench.checkpoint import read_checkpoint
from baselines.bench.guards import numerics
from baselines.bench.making import make_agent
from baselines.bench.playing import play_run
from baselines.bench.settings import Machine, RunSettings
from vd4rl_data.errors import SlowPrecisionWarning, WorkerError
from vd4rl_data.evaluation import Evaluation
from vd4rl_data.processes import Report
from vd4rl_data.processes.worker import Worker, error_of
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.simulators.gl import configure_worker_rendering

_WAIT_SECONDS: Final = 1.0


def restore(settings: RunSettings, device: torch.device, snapshot: Path) -> Agent:
    """The agent of a snapshot.

    Raises:
        CheckpointError: it is damaged.
    """
    advice = "delete it to go on without this evaluation"
    saved = read_checkpoint(snapshot, settings.algorithm, advice)
    agent = make_agent(settings, get_dataset_spec(settings.dataset), device)
    agent.load_state(saved["agent"])
    return agent


@dataclass(frozen=True, slots=True)
class Playing:
    """What the process does; see :class:`vd4rl_data.processes.Job`.

    Attributes:
        settings: of the run.
        machine: with as many threads of torch as training has, as they decide roundings.
    """

    settings: RunSettings
    machine: Machine

    def open(self) -> PlayingSession:
        """Get ready in this process."""
        configure_worker_rendering()
        return PlayingSession(self)


class PlayingSession:
    """Plays the evaluations of snapshots; see :class:`vd4rl_data.processes.Session`."""

    def __init__(self, playing: Playing) -> None:
        """Nothing is held."""
        self._playing = playing

    def make(self, item: Path, report: Report) -> Evaluation:
        """Play the evaluation of the snapshot at a path."""
        del report
        settings, machine = self._playing.settings, self._playing.machine
        device = machine.torch_device()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SlowPrecisionWarning)  # told by training already
            with numerics(device, machine, settings.hyperparameters.precision):
                agent = restore(settings, device, item)
                if machine.compile:
                    agent.compile()
                return play_run(agent, device, settings, machine)

    def close(self) -> None:
        """Nothing is held."""


class Beside:
    """The process, seen from training; it starts with the first evaluation, and does one at a time.

    It ends with the process that trains, however that ends.
    """

    def __init__(self, settings: RunSettings, machine: Machine) -> None:
        """Start nothing yet."""
        self._settings, self._machine = settings, machine
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._worker: Worker | None = None

    def begin(self, snapshot: Path) -> None:
        """Begin the evaluation of a snapshot; the one before was taken."""
        if self._worker is None:
            machine = dataclasses.replace(
                self._machine,
                threads=torch.get_num_threads(),
                workers=self._machine.workers or self._machine.free_cores(),
            )
            self._worker = Worker(Playing(self._settings, machine), self._inbox)
        self._worker.ask(snapshot)

    def take(self, *, wait: bool) -> Evaluation | None:
        """The evaluation that was begun, once it has ended; ``None`` before that.

        Args:
            wait: for its end.

        Raises:
            WorkerError: the process died, or one of its environments.
        """
        assert self._worker is not None
        while True:
            try:
                _, kind, content = self._inbox.get(wait, _WAIT_SECONDS)
            except queue.Empty:
                if wait:
                    continue  # so that Ctrl-C is heard on every system
                return None
            if kind == "gone":
                raise WorkerError(
                    f"the process that played an evaluation died: it {self._worker.last_words()}"
                )
            if kind in ("failed", "error"):
                raise error_of(kind, content)
            if kind == "done":
                evaluation, caught = content
                for category, text in caught:
                    warnings.warn(text, category, stacklevel=2)
                return evaluation

    def close(self) -> None:
        """End the process at once."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None
