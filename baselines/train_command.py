"""The command ``train``, whose options are the fields of frozen dataclasses."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

import tyro

from baselines.bench.online import environment_steps, offline_curve
from baselines.bench.playing import check_film, film
from baselines.bench.presets import preset_settings
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import MACHINE, PRESETS, Machine, Preset, Protocol, RunSettings
from baselines.bench.training import train
from vd4rl_data.paths import data_dir
from vd4rl_data.progress import StepBar
from vd4rl_data.registry import get_dataset_spec

H = TypeVar("H")

Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]

_SHOWN_ALGORITHM: Final = "drq_bc"
_SHOWN_DATASET: Final = "VD4RL/walker_walk-medium_expert-84px-v0"
"""Whose presets ``--help`` shows when the command line names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Train(Generic[H]):
    """Train an agent on a dataset and evaluate it; the result is a file for the leaderboard.

    A run that was stopped or killed goes on from its last checkpoint when the same command is given
    again. Hyperparameters, their defaults and their sources are those of --algorithm, --preset and
    --dataset: give these together with --help.
    """

    algorithm: Annotated[str, tyro.conf.arg(metavar="NAME")]
    """bc, drq_bc, cql, offline_dv2, semopo, lompo, combo, moto, dreamer_v2, or your own as
    module:object."""
    dataset: Annotated[str, tyro.conf.arg(metavar="ID")]
    """Dataset id, e.g. VD4RL/walker_walk-medium_expert-84px-v0."""
    seed: int = 0
    """Seed of everything random."""
    preset: Preset = "paper"
    """Hyperparameters of the paper, of the published code, or just enough to see it run."""
    out: Folder = None
    """Folder of the run; $VD4RL_DATA_DIR/runs/... by default."""
    data_dir: Folder = None
    """Look for the dataset in this folder alone."""
    source: str = "auto"
    """auto: the complete dataset; local: whatever is here; or hf://USER/NAME."""
    video: File = None
    """Film the first evaluation episode of the trained agent: a .gif, or a .mp4."""
    no_progress: bool = False
    """Draw no progress bar."""
    hyperparameters: tyro.conf.OmitArgPrefixes[H]
    """Of the algorithm. Sources: [P] the paper, appendix D; [C] the settings that its published
    code ships; [D] the defaults of DrQ-v2, which the paper keeps where it is silent."""
    protocol: tyro.conf.OmitArgPrefixes[Protocol]
    """Evaluation and logging."""
    machine: tyro.conf.OmitArgPrefixes[Machine] = MACHINE
    """What it runs on."""

    def run(self) -> int:
        """Run the command."""
        settings = RunSettings(
            algorithm=self.algorithm,
            dataset=self.dataset,
            seed=self.seed,
            preset=self.preset,
            hyperparameters=self.hyperparameters,
            protocol=self.protocol,
        )
        if self.video is not None:
            check_film(self.video)
        folder = self.out or run_path(data_dir() / "runs", settings)
        steps = settings.hyperparameters.steps
        with StepBar(steps, title=self.algorithm, show=not self.no_progress) as bar:
            run = train(
                settings,
                folder,
                self.machine,
                root=self.data_dir,
                source=self.source,
                progress=bar.move_to,
            )
        print_run(run)
        if self.video is not None:
            evaluation = run.load_evaluation()
            assert evaluation is not None
            film(self.dataset, evaluation.traces[0], self.video)
            print(f"video     {self.video}")
        return 0


def print_run(run: RunFolder) -> None:
    """Say what a finished run got."""
    last = run.curve()[-1]
    returns = last["returns"]
    print(
        f"return    {last['mean_return']:.1f} ({min(returns):.1f} to {max(returns):.1f}, "
        f"{len(returns)} episodes) after {last['step']:,} gradient steps"
    )
    played = environment_steps(run.curve())
    if played:
        offline = offline_curve(run.curve())[-1]
        print(
            f"offline   {offline['mean_return']:.1f} after {offline['step']:,} gradient steps, "
            f"before {played:,} environment steps"
        )
    print(f"trained   {last['seconds']:,.0f} s on {run.facts()['device']}")
    print(f"result    {run.result_path}")


def run_path(root: Path, settings: RunSettings) -> Path:
    """Where a run lies in a folder of many."""
    spec = get_dataset_spec(settings.dataset)
    suite, _, name = spec.name.partition("/")
    preset = "" if settings.preset == "paper" else f"-{settings.preset}"
    algorithm = settings.algorithm.replace(":", ".")
    return root / f"{algorithm}{preset}" / suite / name / f"seed{settings.seed}"


def train_command(arguments: Sequence[str]) -> Any:
    """The command with the options of the algorithm that the command line names.

    Raises:
        UnknownAlgorithmError, UnknownDatasetError, InvalidIdError: with the nearest known name.
    """
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--algorithm", "--dataset", "--preset"):
        peek.add_argument(name)
    try:
        named, _ = peek.parse_known_args(arguments)
    except argparse.ArgumentError:  # an option without its value: tyro says so better
        named = argparse.Namespace(algorithm=None, dataset=None, preset=None)
    preset: Preset = named.preset if named.preset in PRESETS else PRESETS[0]
    algorithm = named.algorithm or _SHOWN_ALGORITHM
    hyper, protocol = preset_settings(algorithm, named.dataset or _SHOWN_DATASET, preset)
    defaults: Any = Train(
        algorithm=tyro.MISSING,
        dataset=tyro.MISSING,
        hyperparameters=hyper,
        protocol=protocol,
    )
    options: Any = Train
    command: Any = options[type(hyper)]
    return Annotated[command, tyro.conf.subcommand("train", default=defaults)]
