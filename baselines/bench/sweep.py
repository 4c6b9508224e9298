"""Many runs, one after the other or side by side, and what is left of them after an interruption.

The queue is the folders themselves: a run with a result is done, one with a checkpoint goes on, one
that another process holds is left to it. Nothing else has to survive.
"""

from __future__ import annotations

import contextlib
import functools
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final, Literal

from baselines.bench.checks import check_data, check_run
from baselines.bench.provenance import data_facts
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import Machine, RunSettings
from baselines.bench.sweep_progress import CONTEXT, Positions, SweepProgress, tell
from baselines.errors import CheckpointError, InvalidSettingError
from vd4rl_data.dataset import load_dataset
from vd4rl_data.errors import DatasetLockedError, Vd4rlError

State = Literal["done", "failed", "busy"]
"""How a job ended; ``busy``: another process trains into its folder."""

_BUSY: Final = 3
_FAILED: Final = 1
_STOP_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 1.0


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


Report = Callable[[Job, State], None]
"""Called when a job has ended."""


def run_jobs(
    jobs: Sequence[Job],
    machine: Machine,
    *,
    parallel: int = 1,
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
    check_jobs(jobs, machine, root=root, source=source)
    ended: dict[State, list[Job]] = {"done": [], "failed": [], "busy": []}
    waiting = [job for job in jobs if not job.is_done()]
    ended["done"] += [job for job in jobs if job not in waiting]
    with (
        SweepProgress([job.steps for job in jobs], show=show_progress) as progress,
        contextlib.closing(_ended(waiting, (machine, root, source), parallel, progress)) as endings,
    ):
        for job in ended["done"]:
            progress.skip(job.steps)
        for job, exit_code in endings:
            state = _state(job, exit_code)
            ended[state].append(job)
            if report is not None:
                report(job, state)
    return ended


def check_jobs(jobs: Sequence[Job], machine: Machine, *, root: Path | None, source: str) -> None:
    """Refuse a sweep whose jobs do not fit what lies in their folders, before any is started.

    What is damaged, and a dataset that is not here, is left to the job: it fails by itself.

    Raises:
        InvalidSettingError: with every job that does not fit.
        DeviceNotFoundError, MissingDependencyError: the machine has not what was asked for.
    """

    @functools.cache
    def data(dataset: str, episodes: int | None) -> dict[str, Any]:
        return data_facts(load_dataset(dataset, source=source, root=root, max_episodes=episodes))

    refused: list[str] = []
    for job in jobs:
        try:
            _check_job(job, machine, data)
        except InvalidSettingError as error:
            refused.append(f"{job}: {error}")
    if refused:
        raise InvalidSettingError("nothing was started: " + "\n".join(refused))


def _check_job(job: Job, machine: Machine, data: Callable[[str, int | None], Any]) -> None:
    run, settings = RunFolder(job.folder), job.settings
    try:
        begun = check_run(settings, run, machine) is not None
    except CheckpointError:
        return
    if not begun or job.is_done():
        return
    try:
        here = data(settings.dataset, settings.protocol.max_episodes)
    except (Vd4rlError, OSError):
        return
    check_data(settings, run, here)


def _ended(
    jobs: Sequence[Job], arguments: tuple[Any, ...], parallel: int, progress: SweepProgress
) -> Generator[tuple[Job, int | None]]:
    """Start jobs, some at once, and yield each with its exit code when it has ended."""
    waiting, running = list(enumerate(jobs)), dict[Any, tuple[Any, Job]]()
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                number, job = waiting.pop(0)
                RunFolder(job.folder).clear_failure()
                told = (progress.positions, number)
                process = CONTEXT.Process(target=_work, args=(job, *arguments, *told))
                process.start()
                running[process.sentinel] = (process, job)
            ready = wait(list(running), _LOOK_SECONDS)
            progress.refresh()
            for sentinel in ready:
                process, job = running.pop(sentinel)
                process.join()
                yield job, process.exitcode
    finally:
        for process, _ in running.values():
            _stop(process)


def _state(job: Job, exit_code: int | None) -> State:
    folder = RunFolder(job.folder)
    if exit_code == _BUSY:
        return "busy"
    if exit_code == 0 and job.is_done():
        return "done"
    if exit_code != _FAILED or folder.failure() is None:
        job.folder.mkdir(parents=True, exist_ok=True)
        folder.fail(
            f"the process died with exit code {exit_code} (negative: killed by that signal; -9 is "
            "often a lack of memory)"
        )
    return "failed"


def _stop(process: Any) -> None:
    process.terminate()
    process.join(_STOP_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _work(
    job: Job,
    machine: Machine,
    root: Path | None,
    source: str,
    positions: Positions,
    number: int,
) -> None:
    """A job's process: train, or note why not."""
    from baselines.bench.training import train

    try:
        train(
            job.settings,
            job.folder,
            machine,
            root=root,
            source=source,
            progress=lambda step, _: tell(positions, number, step),
        )
    except DatasetLockedError:
        raise SystemExit(_BUSY) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        foreseen = isinstance(error, Vd4rlError | OSError | MemoryError)
        lines = [str(error), *getattr(error, "__notes__", ())]
        job.folder.mkdir(parents=True, exist_ok=True)
        RunFolder(job.folder).fail("\n".join(lines) if foreseen else traceback.format_exc())
        raise SystemExit(_FAILED) from None
