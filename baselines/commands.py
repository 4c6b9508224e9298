"""The commands ``sweep``, ``evaluate`` and ``report``."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tqdm import tqdm

from baselines.bench.making import make_agent
from baselines.bench.playing import check_film, film, play
from baselines.bench.presets import preset_settings
from baselines.bench.report import STORE, collect_groups, make_table
from baselines.bench.report_files import write_report
from baselines.bench.result import make_result
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import MACHINE, Machine, Preset, RunSettings
from baselines.bench.sweep import Job, State, run_jobs
from baselines.errors import CheckpointError, InvalidSettingError
from baselines.train_command import run_path
from vd4rl_data.paths import data_dir
from vd4rl_data.processes.cluster import HERE, EngineOptions
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import ORIGINAL

Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]
Count = Annotated[int, tyro.conf.arg(metavar="N")]
OptionalCount = Annotated[int | None, tyro.conf.arg(metavar="N")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Train algorithms × datasets × seeds. Given again, the command goes on with what is left."""

    algorithms: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")]
    """bc, drq_bc, cql, offline_dv2, semopo, lompo, combo, moto."""
    datasets: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ID ...")]
    """Dataset ids."""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ...")] = (0,)
    """Seeds."""
    preset: Preset = "paper"
    """Where hyperparameters come from."""
    steps: OptionalCount = None
    """Gradient steps, in place of the preset's."""
    evaluate_every: OptionalCount = None
    """Gradient steps between evaluations, in place of the preset's."""
    evaluation_episodes: OptionalCount = None
    """Episodes of an evaluation, in place of the preset's."""
    max_episodes: OptionalCount = None
    """Train on a random subset of so many episodes."""
    out: Folder = None
    """Folder of all runs; $VD4RL_DATA_DIR/runs by default."""
    data_dir: Folder = None
    """Look for datasets in this folder alone."""
    source: str = "auto"
    """auto: complete datasets; local: whatever is here; or hf://USER/NAME."""
    parallel: OptionalCount = None
    """Runs at once, each in a process of its own; by default one, or all that fit a cluster."""
    where: tyro.conf.OmitArgPrefixes[EngineOptions] = HERE
    """Where these processes run."""
    no_progress: bool = False
    """Draw no progress bar."""
    machine: tyro.conf.OmitArgPrefixes[Machine] = MACHINE
    """What they run on."""

    def run(self) -> int:
        """Run the command; 1 if a run failed."""
        here = self.where.engine == "local" and self.parallel is None
        parallel = 1 if here else self.where.workers(self.parallel)
        if parallel < 1:
            raise InvalidSettingError(f"parallel: expected at least 1, got {parallel}")
        jobs = self.jobs()
        left = sum(not job.is_done() for job in jobs)
        print(f"{len(jobs)} runs, {left} to do")
        ended = run_jobs(
            jobs,
            self.machine,
            parallel=parallel,
            engine=self.where.engine_of(fresh=True, repeatable=False),
            root=self.data_dir,
            source=self.source,
            report=_print_job,
            show_progress=not self.no_progress,
        )
        print(", ".join(f"{len(some)} {state}" for state, some in ended.items()))
        return int(bool(ended["failed"]))

    def jobs(self) -> list[Job]:
        """All runs, seed by seed, so that an early look has every algorithm and dataset once."""
        return [
            self._job(algorithm, dataset, seed)
            for seed in self.seeds
            for dataset in self.datasets
            for algorithm in self.algorithms
        ]

    def _job(self, algorithm: str, dataset: str, seed: int) -> Job:
        hyper, protocol = preset_settings(algorithm, dataset, self.preset)
        if self.steps is not None:
            hyper = dataclasses.replace(hyper, steps=self.steps)
        asked = {
            "evaluate_every": self.evaluate_every,
            "evaluation_episodes": self.evaluation_episodes,
            "max_episodes": self.max_episodes,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        settings = RunSettings(
            algorithm=algorithm,
            dataset=dataset,
            seed=seed,
            preset=self.preset,
            hyperparameters=hyper,
            protocol=dataclasses.replace(protocol, **given),
        )
        return Job(settings, run_path(self.out or data_dir() / "runs", settings))


def _print_job(job: Job, state: State) -> None:
    run = RunFolder(job.folder)
    if state == "done":
        last = run.curve()[-1]
        text = f"return {last['mean_return']:.1f} after {last['seconds']:,.0f} s of training"
    elif state == "busy":
        text = "another process is training it"
    else:
        text = run.failure() or "no reason given"
    tqdm.write(f"{state:<7} {job}: {text}", file=sys.stdout)  # above the bar


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Play episodes with the agent of a run's last checkpoint."""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder that train wrote."""
    episodes: Count = 10
    """How many."""
    seed: OptionalCount = None
    """Of the episodes; the run's own by default."""
    evaluation: Annotated[str, tyro.conf.arg(metavar="NAME")] = ORIGINAL
    """Where, of the dataset's evaluations, e.g. distracted_test."""
    add: bool = False
    """Keep it with the finished run, and put it into the run's result."""
    video: File = None
    """Film the first one: a .gif, or a .mp4."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU if there is one."""
    workers: OptionalCount = None
    """Processes that play; one per core by default, at most 10."""
    no_progress: bool = False
    """Draw no progress bar."""

    def run(self) -> int:
        """Run the command."""
        self._check()
        machine = Machine(device=self.device, workers=self.workers)
        device = machine.torch_device()
        folder = RunFolder(self.run_folder)
        settings = folder.settings()
        known = get_dataset_spec(settings.dataset).evaluations
        if self.evaluation not in known:
            raise InvalidSettingError(
                f"evaluation: expected one of {', '.join(known)} ({settings.dataset}), got"
                f" {self.evaluation!r}"
            )
        if self.add:
            self._check_added(folder, settings)
        saved = folder.load_checkpoint(settings.algorithm)
        if saved is None:
            raise CheckpointError(f"{folder.path} has no checkpoint yet")
        agent = make_agent(settings, get_dataset_spec(settings.dataset), device)
        agent.load_state(saved["agent"])
        evaluation = play(
            agent,
            device,
            settings.dataset,
            episodes=self.episodes,
            seed=settings.seed if self.seed is None else self.seed,
            frame_stack=settings.hyperparameters.frame_stack,
            workers=machine.evaluation_workers(),
            progress=not self.no_progress,
            evaluation=self.evaluation,
        )
        print(f"return    {np.mean(evaluation.returns):.1f} after {saved['step']:,} gradient steps")
        print(f"episodes  {' '.join(f'{value:.1f}' for value in evaluation.returns)}")
        if self.video is not None:
            film(settings.dataset, evaluation.traces[0], self.video, self.evaluation)
            print(f"video     {self.video}")
        if self.add:
            folder.save_evaluation(evaluation, self.evaluation)
            make_result([folder]).write(folder.result_path, replace=True)
            print(f"result    {folder.result_path}")
        return 0

    def _check_added(self, folder: RunFolder, settings: RunSettings) -> None:
        """What a result holds is of one protocol."""
        episodes = settings.protocol.evaluation_episodes
        if self.evaluation == ORIGINAL:
            raise InvalidSettingError("add: the result has the evaluation 'original' already")
        if self.episodes != episodes or self.seed not in (None, settings.seed):
            raise InvalidSettingError(
                f"add: expected as many episodes as the run's own evaluation, {episodes}, and its"
                f" seed, got {self.episodes}, and seed {self.seed}"
            )
        if not folder.is_done(settings.hyperparameters.steps):
            raise InvalidSettingError(f"add: {folder.path}: the run is not finished")

    def _check(self) -> None:
        if self.episodes < 1:
            raise InvalidSettingError(f"episodes: expected at least 1, got {self.episodes}")
        if self.seed is not None and self.seed < 0:
            raise InvalidSettingError(f"seed: expected at least 0, got {self.seed}")
        if self.video is not None:
            check_film(self.video)


@dataclass(frozen=True, slots=True)
class Report:
    """A table of finished runs beside published numbers, learning curves, and result files."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """Folder with runs, at any depth."""
    out: Folder = None
    """Where table, pictures and results go; DIR/report by default."""
    published: Annotated[Path, tyro.conf.arg(metavar="DIR")] = STORE
    """Result files with published numbers."""

    def run(self) -> int:
        """Run the command."""
        groups = collect_groups(self.folder, self.published)
        if not groups:
            raise CheckpointError(f"{self.folder} holds no finished run")
        print(make_table(groups), end="")
        for path in write_report(groups, self.out or self.folder / "report"):
            print(f"wrote     {path}")
        return 0
