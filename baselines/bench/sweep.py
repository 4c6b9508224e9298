"""Many runs, one after the other or side by side, and what is left of them after an interruption.

The queue is the folders themselves: a run with a result is done, one with a checkpoint goes on, one
that another process holds is left to it. Nothing else has to survive.
"""

from __future__ import annotations

import dataclasses
import functools
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from baselines.bench.checks import check_data, check_run
from baselines.bench.provenance import data_facts
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import Machine, RunSettings
from baselines.bench.sweep_progress import SweepProgress
from baselines.errors import CheckpointError, InvalidSettingError
from vd4rl_data.dataset import load_dataset
from vd4rl_data.errors import DatasetLockedError, Vd4rlError
from vd4rl_data.processes import LocalEngine, Outcome
from vd4rl_data.processes import Report as Send
from vd4rl_data.processes.cluster import EngineOf

State = Literal["done", "failed", "busy"]
"""How a job ended; ``busy``: another process trains into its folder."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a sweep.

    Attributes:
        settings: of the run.
        folder: where it is saved.
    """

    settings: RunSettings
    folder: Path

    @property
    def steps(self) -> int:
        """Gradient steps in all."""
        return self.settings.hyperparameters.steps

    def is_done(self) -> bool:
        """Whether there is nothing left to do; another run in the folder is not this one."""
        folder = RunFolder(self.folder)
        return folder.is_done(self.steps) and folder.settings() == self.settings

    def __str__(self) -> str:
        settings = self.settings
        return f"{settings.algorithm} on {settings.dataset}, seed {settings.seed}"


_LOCAL: Final = functools.partial(LocalEngine, fresh=True)

Report = Callable[[Job, State], None]
"""Called when a job has ended."""


def run_jobs(
    jobs: Sequence[Job],
    machine: Machine,
    *,
    parallel: int = 1,
    engine: EngineOf = _LOCAL,
    root: Path | None = None,
    source: str = "auto",
    report: Report | None = None,
    show_progress: bool = False,
) -> dict[State, list[Job]]:
    """Train all jobs that are not done yet, each in a process of its own.

    A job that fails does not stop the others; its folder says why (``failure.txt``) and keeps its
    last checkpoint. Done again, the same call goes on with what is left, failures included.

    Args:
        jobs: in order.
        machine: what they run on.
        parallel: how many at once.
        engine: where their processes run; each run needs a new one.
        root: look for datasets in this folder alone.
        source: see :func:`vd4rl_data.load_dataset`.
        report: called when a job has ended.
        show_progress: draw a bar over the gradient steps of all jobs.

    Returns:
        The jobs by how they ended; those that were done before count as done.

    Raises:
        InvalidSettingError: a folder holds another run than the job's; all are named, and nothing
            was started.
        DeviceNotFoundError, MissingDependencyError: the machine has not what was asked for.
    """
    if parallel > 1 and machine.evaluate_beside == "auto":  # other runs take the cores
        machine = dataclasses.replace(machine, evaluate_beside="never")
    check_jobs(jobs, machine, root=root, source=source)
    ended: dict[State, list[Job]] = {"done": [], "failed": [], "busy": []}
    waiting = [job for job in jobs if not job.is_done()]
    ended["done"] += [job for job in jobs if job not in waiting]
    numbers = {id(job): number for number, job in enumerate(waiting)}
    with (
        SweepProgress([job.steps for job in jobs], show=show_progress) as progress,
        engine(parallel).open(Training(machine, root, source)) as pool,
    ):
        for job in ended["done"]:
            progress.skip(job.steps)

        def tell(job: Job, step: int) -> None:
            progress.tell(numbers[id(job)], step)

        for outcome in pool.map(_begun(waiting), tell, keep_going=True):
            job, state = outcome.item, _state(outcome)
            ended[state].append(job)
            if report is not None:
                report(job, state)
    return ended


def check_jobs(jobs: Sequence[Job], machine: Machine, *, root: Path | None, source: str) -> None:
    """Refuse a sweep whose jobs do not fit what lies in their folders, before any is started.

    What is damaged, and a dataset that is not here, is left to the job: it fails by itself. For
    runs that are done nothing is fetched: their data are compared with what is here.

    Raises:
        InvalidSettingError: with every job that does not fit: it has other settings, or was begun,
            or even finished, on other data.
        DeviceNotFoundError, MissingDependencyError: the machine has not what was asked for.
    """

    @functools.cache
    def data(dataset: str, episodes: int | None, finished: bool) -> dict[str, Any] | None:
        try:
            if finished:
                return _facts_here(dataset, episodes, source, root)
            found = load_dataset(dataset, source=source, root=root, max_episodes=episodes)
            return data_facts(found)
        except (Vd4rlError, OSError):
            return None

    refused: list[str] = []
    for job in jobs:
        try:
            _check_job(job, machine, data)
        except InvalidSettingError as error:
            refused.append(f"{job}: {error}")
    if refused:
        raise InvalidSettingError("nothing was started: " + "\n".join(refused))


def _facts_here(
    dataset: str, episodes: int | None, source: str, root: Path | None
) -> dict[str, Any] | None:
    """Facts of the dataset that is asked for if it is here; nothing is fetched."""
    if source not in ("auto", "local"):
        return None
    found = load_dataset(dataset, source="local", root=root)
    if source == "auto" and not found.complete:
        return None  # another is meant
    if episodes is None:
        return data_facts(found)
    return data_facts(load_dataset(dataset, source="local", root=root, max_episodes=episodes))


def _check_job(
    job: Job, machine: Machine, data: Callable[[str, int | None, bool], dict[str, Any] | None]
) -> None:
    run, settings = RunFolder(job.folder), job.settings
    try:
        if check_run(settings, run, machine) is None:
            return
    except CheckpointError:
        return
    here = data(settings.dataset, settings.protocol.max_episodes, job.is_done())
    if here is not None:
        check_data(settings, run, here)


def _begun(jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, as processes take them: why one failed earlier is forgotten as it begins."""
    for job in jobs:
        RunFolder(job.folder).clear_failure()
        yield job


def _state(outcome: Outcome) -> State:
    """How a job ended; its folder says why a process did not come back."""
    job: Job = outcome.item
    if outcome.error is None:
        return outcome.result
    job.folder.mkdir(parents=True, exist_ok=True)
    RunFolder(job.folder).fail(str(outcome.error))
    return "failed"


@dataclass(frozen=True, slots=True)
class Training:
    """What the processes of a sweep do; see :class:`vd4rl_data.processes.Job`.

    Attributes:
        machine: what runs are trained on.
        root, source: where datasets come from, see :func:`vd4rl_data.load_dataset`.
    """

    machine: Machine
    root: Path | None
    source: str

    def open(self) -> TrainingSession:
        """Get ready in this process."""
        return TrainingSession(self)


class TrainingSession:
    """Trains one run; see :class:`vd4rl_data.processes.Session`."""

    def __init__(self, training: Training) -> None:
        """Nothing is held."""
        self._training = training

    def make(self, item: Job, report: Send) -> State:
        """Train, or note why not; the gradient steps so far are reported."""
        from baselines.bench.training import train

        training = self._training
        try:
            train(
                item.settings,
                item.folder,
                training.machine,
                root=training.root,
                source=training.source,
                progress=lambda step, _: report(step),
            )
        except DatasetLockedError:
            return "busy"
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            foreseen = isinstance(error, Vd4rlError | OSError | MemoryError)
            lines = [str(error), *getattr(error, "__notes__", ())]
            item.folder.mkdir(parents=True, exist_ok=True)
            RunFolder(item.folder).fail("\n".join(lines) if foreseen else traceback.format_exc())
            return "failed"
        return "done"

    def close(self) -> None:
        """Nothing is held."""
