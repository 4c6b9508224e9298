"""A training run as the work of a process, perhaps on another machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collection.sac.kept import Start
from collection.sac.settings import TrainSettings
from vd4rl_data.processes import Engine, Report


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What the process does; see :class:`vd4rl_data.processes.Job`.

    Attributes:
        settings, folder, device, start: as of :func:`collection.sac.train.train`.
        threads: of torch.
    """

    settings: TrainSettings
    folder: Path
    device: str
    start: Start | None
    threads: int

    def open(self) -> TrainSession:
        """Get ready in this process."""
        return TrainSession(self)


class TrainSession:
    """Trains the run; see :class:`vd4rl_data.processes.Session`."""

    def __init__(self, job: TrainJob) -> None:
        """Nothing is held."""
        self._job = job

    def make(self, item: str, report: Report) -> None:
        """Train, or go on from the last checkpoint; reports the steps and the last return."""
        import torch

        from collection.sac.train import train

        del item
        job = self._job
        torch.set_num_threads(job.threads)

        def progress(steps: int, last_return: float) -> None:
            report((steps, last_return))

        train(job.settings, job.folder, job.device, progress, job.start)

    def close(self) -> None:
        """Nothing is held."""


def train_elsewhere(engine: Engine, job: TrainJob, progress: Callable[[int, float], None]) -> None:
    """Train in a process of an engine; if its machine dies, another goes on from the checkpoint.

    Raises:
        Vd4rlError: as :func:`collection.sac.train.train`, or of the engine.
    """
    with engine.open(job) as pool:
        for _ in pool.map([job.settings.task], lambda _, said: progress(*said)):
            pass
