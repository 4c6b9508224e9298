"""The command line: ``python -m collection COMMAND``. Each command is a frozen dataclass."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import tyro

from collection import sources
from collection.behaviors import BehaviorOptions
from collection.collect import collect, parts_to_collect, plan_collection
from collection.fidelity import dataset_record, judge_record, rollout_record
from collection.report import print_differences, print_made, print_returns, write_json
from collection.rerender import Wanted, rerender
from collection.training_cli import Clone, Keep, Select, Train
from vd4rl_data.flags import blames_the_user, flags_of, told
from vd4rl_data.look_words import id_with_look
from vd4rl_data.paths import data_dir
from vd4rl_data.processes import available_workers
from vd4rl_data.processes.cluster import HERE, EngineOptions
from vd4rl_data.registry import get_dataset_spec

_RENAMED: Final = {"replace": "--overwrite", "root": "--out"}

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as in shells."""

Count = Annotated[int, tyro.conf.arg(metavar="N")]
OptionalCount = Annotated[int | None, tyro.conf.arg(metavar="N")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
PolicySource = Annotated[str | None, tyro.conf.arg(metavar="FILE|DIR|hf://...")]
JsonFile = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]


@dataclass(frozen=True, slots=True)
class Collect:
    """Make a dataset: roll out its behavior policy, render, write the file.

    The same settings, versions and renderer give the same bytes. To continue a run that was stopped
    or killed, give the same command again.
    """

    id: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ID")]
    """Dataset id, e.g. VD4RL/walker_walk-random-64px-v0. For medium_expert, both parts are made."""
    look: Annotated[str | None, tyro.conf.arg(metavar="WORDS")] = None
    """Look words to add to the id, e.g. distracting_easy_leaves_50 or video_street."""
    episodes: OptionalCount = None
    """Number of episodes; all of the dataset by default. A smaller number gives the first ones."""
    workers: OptionalCount = None
    """Number of worker processes; by default one per core, at most 16, or as many as a cluster has
    room for."""
    where: tyro.conf.OmitArgPrefixes[EngineOptions] = HERE
    """Where they run."""
    parts_url: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """Folder of an object store, e.g. s3://bucket/folder, that finished episodes go through; by
    default workers write them into the data folder, which all of them must see."""
    out: Folder = None
    """Data folder to write into; $VD4RL_DATA_DIR by default."""
    seed: OptionalCount = None
    """Seed of all episodes, 0 by default; does not apply to replays."""
    deterministic: bool = False
    """Take a trained policy's mean action; by default, as in the published data, a sample."""
    source: PolicySource = None
    """Policy (.safetensors) or replay (.h5) to use in place of the shipped one; or a folder of them
    that select wrote, or hf://USER/NAME@COMMIT, a repository of them."""
    states: bool = False
    """Keep the episodes without pixels, to be rendered later; draws nothing."""
    overwrite: bool = False
    """Make the file again even if it exists."""
    no_progress: bool = False
    """Draw no progress bars."""

    def run(self) -> None:
        """Run the command."""
        root, workers = self.out or data_dir(), self.where.workers(self.workers)
        engine = self.where.engine_of()
        options = _options(self)
        wanted = self.id if self.look is None else id_with_look(self.id, self.look)
        names = parts_to_collect(wanted, options)
        for name in names:  # an error in any part is raised before the first one is made
            plan_collection(name, root, episodes=self.episodes, options=options, states=self.states)
        for name in names:
            made = collect(
                name,
                root,
                episodes=self.episodes,
                workers=workers,
                engine=engine,
                parts_url=self.parts_url,
                options=options,
                states=self.states,
                overwrite=self.overwrite,
                show_progress=not self.no_progress,
            )
            print_made(get_dataset_spec(name), made, root)


@dataclass(frozen=True, slots=True)
class Render:
    """Render a dataset from physics states: those of collect --states, or of a file with pixels.

    Actions, rewards and states stay as they are. States give the file that collecting gives. To
    continue a run that was stopped or killed, give the same command again.
    """

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """Dataset file to take the physics states from."""
    size: OptionalCount = None
    """Height and width of the new frames, in pixels; as in the file's id by default."""
    look: Annotated[str | None, tyro.conf.arg(metavar="WORDS")] = None
    """Look, in the words of ids, or "none"; as in the file's id by default."""
    body: Annotated[str | None, tyro.conf.arg(metavar="WORD")] = None
    """Body, in the word of ids, or "none"; as in the file's id by default. States of another body
    are refused."""
    workers: OptionalCount = None
    """Number of worker processes; by default one per core, at most 16, or as many as a cluster has
    room for."""
    where: tyro.conf.OmitArgPrefixes[EngineOptions] = HERE
    """Where they run."""
    parts_url: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """Folder of an object store, e.g. s3://bucket/folder, that finished episodes go through; by
    default workers write them into the data folder, which all of them must see."""
    out: Folder = None
    """Data folder to write into; $VD4RL_DATA_DIR by default."""
    overwrite: bool = False
    """Make the file again even if it exists."""
    no_progress: bool = False
    """Draw no progress bars."""

    def run(self) -> None:
        """Run the command."""
        root = self.out or data_dir()
        made = rerender(
            self.file,
            root,
            Wanted(self.size, self.look, self.body),
            workers=self.where.workers(self.workers),
            engine=self.where.engine_of(),
            parts_url=self.parts_url,
            overwrite=self.overwrite,
            show_progress=not self.no_progress,
        )
        print_made(get_dataset_spec(made.manifest.dataset_id), made, root)


@dataclass(frozen=True, slots=True)
class Stats:
    """Show the episode returns of a dataset beside the published ones."""

    dataset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FILE|ID")]
    """Dataset file, or the id of a dataset on this machine."""
    json: JsonFile = None
    """Also write the statistics and the return of each episode to this file, as JSON."""

    def run(self) -> None:
        """Run the command."""
        spec, episodes, record = dataset_record(self.dataset)
        print_returns(spec, episodes)
        print_differences(record)
        if self.json is not None:
            write_json(self.json, record)


@dataclass(frozen=True, slots=True)
class RolloutStats:
    """Show the episode returns of a behavior policy beside the published ones, without rendering.

    The episodes are the ones that collect makes with the same seed.
    """

    task: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TASK")]
    """Task, e.g. walker_walk."""
    behavior: str = "random"
    """Behavior, as in dataset ids, e.g. medium."""
    episodes: Count = 200
    """Number of episodes."""
    workers: OptionalCount = None
    """Number of worker processes; one per core by default, at most 16."""
    seed: OptionalCount = None
    """Seed of all episodes, 0 by default; does not apply to replays."""
    deterministic: bool = False
    """Take a trained policy's mean action; by default, as in the published data, a sample."""
    source: PolicySource = None
    """Policy (.safetensors) or replay (.h5) to use in place of the shipped one; or a folder of them
    that select wrote, or hf://USER/NAME@COMMIT, a repository of them."""
    json: JsonFile = None
    """Also write the statistics and the return of each episode to this file, as JSON."""
    no_progress: bool = False
    """Draw no progress bar."""

    def run(self) -> None:
        """Run the command."""
        spec, episodes, record = rollout_record(
            self.task,
            behavior=self.behavior,
            episodes=self.episodes,
            workers=_workers(self.workers),
            options=_options(self),
            show_progress=not self.no_progress,
        )
        print_returns(spec, episodes)
        print_differences(record)
        if self.json is not None:
            write_json(self.json, record)


@dataclass(frozen=True, slots=True)
class Judge:
    """Play episodes of a policy, without rendering, and show their returns beside published ones.

    The episodes are the ones that collect makes with this policy and seed.
    """

    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """Policy (.safetensors), with its description (.json) beside it."""
    task: str | None = None
    """Task to play, e.g. of another body; by default the one that the policy was trained on."""
    dataset: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None
    """Dataset to compare with; by default the first of the policy's task, tier and level."""
    episodes: Count = 100
    """Number of episodes."""
    workers: OptionalCount = None
    """Number of worker processes; one per core by default, at most 16."""
    seed: Count = 0
    """Seed of all episodes."""
    json: JsonFile = None
    """Also write the statistics and the return of each episode to this file, as JSON."""
    no_progress: bool = False
    """Draw no progress bar."""

    def run(self) -> None:
        """Run the command."""
        spec, episodes, record = judge_record(
            self.policy,
            task=self.task,
            dataset=self.dataset,
            episodes=self.episodes,
            workers=_workers(self.workers),
            seed=self.seed,
            show_progress=not self.no_progress,
        )
        print_returns(spec, episodes)
        print_differences(record)
        if self.json is not None:
            write_json(self.json, record)


Command = (
    Annotated[Collect, tyro.conf.subcommand("collect")]
    | Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Stats, tyro.conf.subcommand("stats")]
    | Annotated[RolloutStats, tyro.conf.subcommand("rollout-stats")]
    | Annotated[Judge, tyro.conf.subcommand("judge")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Select, tyro.conf.subcommand("select")]
    | Annotated[Keep, tyro.conf.subcommand("keep")]
    | Annotated[Clone, tyro.conf.subcommand("clone")]
)
"""The commands that tyro offers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an error, 130 after Ctrl-C."""
    command: Collect | Render | Stats | RolloutStats | Judge | Train | Select | Keep | Clone
    command = tyro.cli(
        Command,  # pyright: ignore[reportArgumentType] - an annotated union, which tyro understands
        prog="python -m collection",
        description="Make datasets for offline reinforcement learning from pixels.",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    try:
        command.run()
    except KeyboardInterrupt as interrupt:
        print(told(interrupt, ()), file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        flags = flags_of(command)
        if not blames_the_user(error, flags):
            raise
        print(f"error: {told(error, flags, _RENAMED)}", file=sys.stderr)
        return 1
    return 0


def _options(command: Collect | RolloutStats) -> BehaviorOptions:
    source = None if command.source is None else sources.parse(command.source)
    return BehaviorOptions(source, command.deterministic or None, command.seed)


def _workers(asked: int | None) -> int:
    return available_workers() if asked is None else asked
