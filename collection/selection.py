"""From a training run to what is shipped: the policies of two tiers, the replay, the curve."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collection.errors import InvalidSettingError
from collection.learning_curve import draw_learning_curve
from collection.policy_files import write_policy
from collection.replay_files import write_replay
from collection.rollout import Trajectory
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.tiers import TIERS, Choice, choose, medium_level
from vd4rl_data.registry import list_datasets
from vd4rl_data.simulators import Simulation

REPLAY: Final = "medium_replay"


@dataclass(frozen=True, slots=True)
class Selected:
    """What :func:`select_tiers` wrote.

    Attributes:
        choices: the checkpoint of each tier.
        files: policies, replay and picture.
        replay_returns: of the replay's episodes; empty where no dataset asks for one.
    """

    choices: tuple[Choice, ...]
    files: tuple[Path, ...]
    replay_returns: tuple[float, ...]


def select_tiers(
    run: RunFolder, out: Path, *, tiers: Sequence[str] = TIERS, level: float | None = None
) -> Selected:
    """Choose medium and expert by rule, and cut the replay.

    The replay is the beginning of the training, the random warm-up included: as many transitions as
    the catalog's ``medium_replay`` row has, cut at an episode's end. So was the published one.

    Checkpoints from before the actor moved (``actor_starts``) are not chosen: they are the policy
    that the run began with.

    Args:
        run: the folder of a training run.
        out: written: ``policies/<task>-<tier>.safetensors`` and ``.json``, ``replays/<task>.h5``
            and ``learning_curves/<task>-seed<seed>.png``.
        tiers: which policies to choose; the replay comes with medium.
        level: deterministic return above which a policy is medium; the task's own by default.

    Raises:
        InvalidSettingError: there is a level, but no medium policy to choose by it.
        TierNotReachedError: the run never got so far.
        NoSpaceError: the disk is full.
    """
    if level is not None and "medium" not in tiers:
        raise InvalidSettingError(
            f"level: decides which policy is medium, and means nothing to {', '.join(tiers)}; got "
            f"{level:g}. Leave it out"
        )
    settings, curve = run.settings(), run.curve()
    task = settings.task
    if level is None:
        level = medium_level(task) if "medium" in tiers else math.nan
    learned = [record for record in curve if record["time_steps"] > settings.actor_starts]
    choices = tuple(choose(tier, level, learned) for tier in tiers)
    training, layout = _training(run, settings, curve), _state_layout(task)
    files = [
        _write_tier(run, task, choice, layout, training, out / "policies") for choice in choices
    ]
    size = _replay_size(task)
    replay = [] if "medium" not in tiers else _cut(run, curve, size)
    if replay:
        files.append(out / "replays" / f"{task}.h5")
        rule = f"all episodes of the first {size} time steps of training"
        medium = dataclasses.asdict(choices[tiers.index("medium")])
        write_replay(files[-1], task, replay, {**training, "rule": rule, "medium": medium})
    files.append(out / "learning_curves" / f"{task}-seed{settings.seed}.png")
    draw_learning_curve(files[-1], task, curve, choices)
    returns = tuple(episode.episode_return for episode in replay)
    return Selected(choices, tuple(files), returns)


def _training(
    run: RunFolder, settings: TrainSettings, curve: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What every file that comes of a run says about it."""
    start = run.start()
    return {
        "algorithm": "SAC",
        "settings": dataclasses.asdict(settings),
        **({} if start is None else {"start": dict(start)}),
        "machine": dict(run.machine()),
        "seconds": curve[-1]["seconds"],
        "curve": [
            {key: record[key] for key in ("environment_steps", "evaluation_mean")}
            for record in curve
        ],
    }


def _write_tier(
    run: RunFolder,
    task: str,
    choice: Choice,
    layout: tuple[tuple[str, int], ...],
    training: Mapping[str, Any],
    folder: Path,
) -> Path:
    path = folder / f"{task}-{choice.tier}.safetensors"
    write_policy(
        path,
        run.actor(choice.environment_steps),
        task=task,
        tier=choice.tier,
        observations=layout,
        training={**training, "checkpoint": dataclasses.asdict(choice)},
    )
    return path


def _state_layout(task: str) -> tuple[tuple[str, int], ...]:
    simulation = Simulation(task)
    simulation.reset(0)
    layout = simulation.state_layout
    simulation.close()
    return layout


def _replay_size(task: str) -> int:
    """Transitions of the catalog's row; 0 where there is none."""
    sizes = [spec.num_transitions for spec in list_datasets(task=task, behavior=REPLAY)]
    return max(sizes, default=0)


def _cut(run: RunFolder, curve: Sequence[Mapping[str, Any]], size: int) -> list[Trajectory]:
    taken: list[Trajectory] = []
    total = 0
    for finished in run.episodes([record["environment_steps"] for record in curve]):
        total += len(finished.trajectory.actions)
        if total > size:
            break
        taken.append(finished.trajectory)
    return taken
