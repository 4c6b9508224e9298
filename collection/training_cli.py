"""Commands that train behavior policies: ``train``, ``keep``, ``select`` and ``clone``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import tyro

from collection.checks import check_least
from collection.errors import InvalidSettingError
from collection.policy_files import read_policy
from collection.sac.kept import KeptTraining, Start, read_kept
from collection.sac.settings import Precision
from collection.tiers import TIERS
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.paths import data_dir
from vd4rl_data.processes.cluster import HERE, EngineOptions
from vd4rl_data.progress import StepBar

Count = Annotated[int, tyro.conf.arg(metavar="N")]
OptionalCount = Annotated[int | None, tyro.conf.arg(metavar="N")]
Number = Annotated[float, tyro.conf.arg(metavar="X")]
OptionalNumber = Annotated[float | None, tyro.conf.arg(metavar="X")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]

_REFILL: Final = 20_000
"""Time steps that a kept actor plays before learning goes on."""


@dataclass(frozen=True, slots=True)
class Train:
    """Train a behavior policy: soft actor-critic on the proprioceptive state.

    Checkpoints, evaluations and the whole replay are saved every 10,000 environment steps. To
    continue a run that was stopped or killed from its last checkpoint, give the same command again;
    to train for longer, give more steps. All other settings are in collection/sac/settings.py.
    """

    task: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TASK")]
    """Task, e.g. walker_walk."""
    steps: Count = 1_000_000
    """Total environment steps; episodes still running at the end are played to completion."""
    seed: Count = 0
    """Seed of all randomness in the run."""
    out: Folder = None
    """Folder of the run; $VD4RL_DATA_DIR/training/TASK-seedN by default."""
    device: str = "cpu"
    """Device that computes the updates: cpu, cuda, cuda:1, ..."""
    threads: Count = 1
    """Number of torch threads; the layers are too small to gain from many."""
    precision: Precision = "float32"
    """Precision of the matrix products in hidden layers. On a CPU, bfloat16 is faster only with
    amx_bf16 or avx512_bf16 (in /proc/cpuinfo), and with neither of them several times slower."""
    updates_per_step: Number = 0.5
    """Number of updates per time step; may be a fraction."""
    learning_rate: Number = 3e-4
    """Learning rate of all three Adam optimizers."""
    initial_temperature: OptionalNumber = None
    """Initial value of the learned temperature: 1, or the kept one; choose a lower one if rewards
    are rare."""
    start_from: Annotated[Path | None, tyro.conf.arg(metavar="POLICY")] = None
    """Policy (.safetensors) to start from, e.g. one for an easier task of the same robot."""
    take_up: Folder = None
    """Folder that keep wrote, to go on from its actor, critics and temperature. The actor first
    fills the replay; steps count from here on."""
    random_steps: OptionalCount = None
    """Number of time steps with uniform random actions at the start: 5,000, or none with
    --take-up."""
    learning_starts: OptionalCount = None
    """Number of time steps before the first update: 1,000, or 20,000 with --take-up."""
    actor_starts: Count = 0
    """Number of time steps before the actor starts to learn; the critics start earlier."""
    anneal_from: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Environment step from which the learning rate falls, reaching zero at the last step."""
    environments: Count = 1
    """Number of simulations that are stepped together."""
    hidden: Annotated[tuple[int, ...] | None, tyro.conf.arg(metavar="N ...")] = None
    """Widths of the hidden layers of actor and critics: 256 256 256, or the kept ones."""
    critic_hidden: Annotated[tuple[int, ...] | None, tyro.conf.arg(metavar="N ...")] = None
    """Widths of the critics' hidden layers, if they are not those of the actor, or the kept ones;
    with others than the kept ones, critics begin anew, and the actor has to wait for them
    (--actor-starts). Policy files hold the actor alone."""
    batch_size: OptionalCount = None
    """Number of transitions per update: 256, unless given."""
    critic_layer_norm: bool = False
    """Normalize in the critics' hidden layers. A kept run is gone on with as it was."""
    normalize_states: bool = False
    """Let the networks see states with mean 0 and deviation 1. A kept run is gone on with as it
    was."""
    where: tyro.conf.OmitArgPrefixes[EngineOptions] = HERE
    """Where it runs."""
    reward_scale: OptionalNumber = None
    """What rewards are multiplied with for the critics: 1, or as in the kept run. Choose a larger
    one if rewards are far below 0.01 for long."""
    reward_power: OptionalNumber = None
    """Exponent of the rewards' size that the critics learn from: 1, or as in the kept run. One
    below 1 helps where rewards are tiny until the task is nearly solved."""
    raise_power: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="FROM TO")] = None
    """Environment steps between which that exponent rises to 1."""
    no_progress: bool = False
    """Draw no progress bar."""

    def run(self) -> None:
        """Run the command."""
        torch = _torch()

        from collection.learning_curve import curves_before, draw_learning_curve
        from collection.sac.job import TrainJob, train_elsewhere
        from collection.sac.run_folder import RunFolder
        from collection.sac.settings import TrainSettings
        from collection.sac.train import train

        check_least("threads", self.threads, 1)
        torch.set_num_threads(self.threads)
        start = self._start()
        settings = TrainSettings(
            task=self.task,
            steps=self.steps,
            seed=self.seed,
            precision=self.precision,
            updates_per_step=self.updates_per_step,
            learning_rate=self.learning_rate,
            environments=self.environments,
            actor_starts=self.actor_starts,
            initial_policy=None if start is None else start.sha256,
            anneal_from=self.anneal_from,
            raise_power=self.raise_power,
            **self._beginning(start),
        )
        folder = self.out or data_dir() / "training" / f"{self.task}-seed{self.seed}"
        with StepBar(self.steps, title=self.task, show=not self.no_progress) as bar:
            reached = list[int]()

            def report(steps: int, last_return: float) -> None:
                reached.append(steps)
                bar.move_to(steps, f"return {last_return:.0f}")

            if self.where.engine == "local":
                train(settings, folder, self.device, report, start)
            else:
                job = TrainJob(settings, folder.absolute(), self.device, start, self.threads)
                train_elsewhere(self.where.engine_of(repeatable=False)(1), job, report)
        run = RunFolder(folder)
        trained = reached[-1] > reached[0]
        curve = run.curve()
        picture = folder / "learning_curve.png"
        if trained or not picture.is_file():
            before = curves_before(self.task, run.start())
            draw_learning_curve(picture, self.task, curve, before=before)
        last = curve[-1]
        print(f"returns   {last['evaluation_mean']:.1f} at {last['environment_steps']:,} steps")
        print(f"updates   {last['updates']:,} in {last['seconds']:,.0f} s")
        print(f"curve     {picture}")
        print(f"next      python -m collection select {folder}")

    def _start(self) -> Start | None:
        """What the run starts from; ``None`` for random weights."""
        if self.take_up is None:
            return None if self.start_from is None else read_policy(self.start_from)
        if self.start_from is not None:
            raise InvalidSettingError(
                "--take-up goes on from a kept actor and critics, --start-from from an actor alone;"
                " give one of them"
            )
        return read_kept(self.take_up)

    def _beginning(self, start: Start | None) -> dict[str, Any]:
        """The settings that follow from the start, unless they were given."""
        given = {
            "initial_temperature": self.initial_temperature,
            "random_steps": self.random_steps,
            "learning_starts": self.learning_starts,
            "hidden": self.hidden,
            "critic_hidden": self.critic_hidden,
            "batch_size": self.batch_size,
            "critic_layer_norm": self.critic_layer_norm or None,
            "normalize_states": self.normalize_states or None,
            "reward_scale": self.reward_scale,
            "reward_power": self.reward_power,
        }
        usual = {}
        if isinstance(start, KeptTraining):
            usual = {
                "initial_temperature": start.temperature,
                "random_steps": 0,
                "learning_starts": _REFILL,
                "hidden": start.hidden,
                "critic_hidden": start.critic_hidden,
                "critic_layer_norm": start.critic_layer_norm,
                "normalize_states": start.statistics is not None,
                "reward_scale": start.reward_scale,
                "reward_power": start.reward_power,
            }
        return usual | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Select:
    """Choose the medium and the expert policy of a training run by rule, and cut the replay."""

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder that the train command wrote."""
    out: Folder = None
    """Folder to write policies, replay and picture into; RUN/tiers by default."""
    tiers: tuple[Literal["medium", "expert", "replay"], ...] = TIERS
    """Which policies to choose; the replay is made along with medium, or alone (replay)."""
    level: Annotated[float | None, tyro.conf.arg(metavar="X")] = None
    """Deterministic return above which a policy is medium; the task's own by default."""
    replay_episodes: OptionalCount = None
    """Take so many episodes of each replay, evenly spread over training up to medium and after it,
    or with replay alone over all that fill the catalog's row: a small replay of all of it."""
    replace: bool = False
    """Replace other policies and replays that exist in the folder."""

    no_progress: bool = False
    """Draw no progress bar."""

    def run(self) -> None:
        """Run the command."""
        _torch()
        from collection.sac.run_folder import RunFolder
        from collection.selection import select_tiers

        run = RunFolder(self.run_folder)
        selected = select_tiers(
            run,
            self.out or self.run_folder / "tiers",
            tiers=self.tiers,
            level=self.level,
            replay_episodes=self.replay_episodes,
            replace=self.replace,
            show_progress=not self.no_progress,
        )
        for choice in selected.choices:
            print(
                f"{choice.tier:<8}  {choice.evaluation_mean:.1f} at "
                f"{choice.environment_steps:,} steps: {choice.rule['rule']}"
            )
        if selected.replay_returns:
            returns = selected.replay_returns
            low, high = min(returns), max(returns)
            spread = "" if self.replay_episodes is None else " spread over training"
            print(f"replay    {len(returns)} episodes{spread}, returns {low:.1f} to {high:.1f}")
        for file in selected.files:
            print(f"wrote     {file}, {file.stat().st_size / 1e6:.1f} MB")


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep what a training run can be taken up from, as a few small files: actor, critics,
    temperature and the curve so far, without the replay.

    To go on from them: python -m collection train TASK --take-up DIR
    """

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder that the train command wrote."""
    out: Folder = None
    """Folder to write into; RUN/kept by default."""
    replace: bool = False
    """Replace other files that exist in the folder."""

    def run(self) -> None:
        """Run the command."""
        _torch()
        from collection.keeping import keep, take_up_command
        from collection.sac.run_folder import RunFolder

        folder = self.out or self.run_folder / "kept"
        run = RunFolder(self.run_folder)
        for file in keep(run, folder, replace=self.replace):
            print(f"wrote     {file}")
        print(f"next      {take_up_command(run, folder)}")


@dataclass(frozen=True, slots=True)
class Clone:
    """Learn the policy of some episodes of a replay, for a level whose own policy was not kept."""

    replay: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="REPLAY")]
    """Replay (.h5) that select wrote, or that comes with the repository."""
    first: Count
    """Number of the first episode."""
    last: Count
    """Number of the last episode."""
    level: Number
    """Return that the policy stands for; its file is named by it."""
    steps: Count = 5_000
    """Number of gradient steps."""
    seed: Count = 0
    """Seed of weights and batches."""
    out: Folder = None
    """Folder to write policies into; the folder above the replay's by default."""
    replace: bool = False
    """Replace another policy that exists in the folder."""

    def run(self) -> None:
        """Run the command."""
        torch = _torch()
        from collection.cloning import clone_into

        torch.set_num_threads(1)
        path = clone_into(
            self.out or self.replay.parent.parent,
            self.replay,
            (self.first, self.last),
            level=self.level,
            steps=self.steps,
            seed=self.seed,
            replace=self.replace,
            told=lambda step, loss: print(f"step {step:,}: loss {loss:.2f}"),
        )
        print(f"wrote     {path}")
        print(f"next      python -m collection judge {path}")


def _torch() -> Any:
    try:
        importlib.import_module("matplotlib")  # draws the learning curve
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            f'{error.name} is not installed; training needs: pip install -e ".[training]"'
        ) from error
    return torch
