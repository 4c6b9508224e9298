"""From a training run to the few small files that another run takes up."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path
from typing import Final

import torch

from collection.errors import RunFolderError
from collection.policy_files import policy_contents
from collection.sac.kept import ACTOR, CRITICS, KEPT, STATISTICS
from collection.sac.normalization import StateStatistics
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.sac.weights import layers_of, new_learner
from collection.selection import training_record, write_files
from collection.weight_files import layer_bytes
from vd4rl_data.registry import get_task_spec

_NOT_KEPT: Final = (
    "updates_per_step",
    "batch_size",
    "precision",
    "learning_rate",
    "environments",
)
"""Settings that a run which takes up another does not have from it."""


def keep(run: RunFolder, out: Path, *, replace: bool = False) -> tuple[Path, ...]:
    """Write what a run can be taken up from, as of its last checkpoint.

    Args:
        run: the folder of a training run.
        out: folder to write the files of :mod:`collection.sac.kept` into.
        replace: replace other files that exist there.

    Returns:
        The files, 0.7 MB each for three hidden layers of 256.

    Raises:
        RunFolderError: the run has no checkpoint yet, or its folder is damaged.
        OutputExistsError: other files exist in ``out``, and ``replace`` is false.
        NoSpaceError: the disk is full.
    """
    settings, state = run.settings(), run.load_state()
    if state is None:
        raise RunFolderError(
            f"{run.path}: expected a training run with a checkpoint, got none; train for longer, or"
            " give another folder"
        )
    last = state["curve"][-1]
    actor = run.actor(last["environment_steps"])
    task = get_task_spec(settings.task)
    learner = new_learner(settings, actor.state_size, task.action_size, torch.device("cpu"))
    learner.load_state_dict(state["learner"])
    networks, statistics = layers_of(learner.critics), state.get(STATISTICS)
    if statistics is not None:
        networks = [StateStatistics.from_plain(statistics).folded(layers) for layers in networks]
    critics = [layer_bytes(critic) for critic in networks]
    kept = {
        **{name: last[name] for name in ("environment_steps", "time_steps", "updates", "episodes")},
        "evaluation_mean": last["evaluation_mean"],
        "temperature": float(learner.log_alpha.exp()),
        "reward_power": settings.reward_power_at(last["environment_steps"]),
        "critics": [hashlib.sha256(content).hexdigest() for content in critics],
        **({} if statistics is None else {STATISTICS: statistics}),
    }
    contents = {out / name: content for name, content in zip(CRITICS, critics, strict=True)}
    contents |= policy_contents(
        out / ACTOR,
        actor,
        task=settings.task,
        tier=KEPT,
        observations=task.state_layout,
        training={**training_record(run, settings, state["curve"]), KEPT: kept},
    )
    write_files(contents, replace=replace)
    return tuple(contents)


def take_up_command(run: RunFolder, folder: Path) -> str:
    """The command that goes on from what :func:`keep` wrote, as fast as the run itself went on.

    It names the settings that are not the command's own and do not come with the kept files, and
    the steps that the run had left.
    """
    settings = run.settings()
    usual = TrainSettings(task=settings.task)
    words = ["python", "-m", "collection", "train", settings.task, "--take-up", str(folder)]
    left = settings.steps - run.reached()
    if left > 0:
        words += ["--steps", f"{left:_}"]
    for name in _NOT_KEPT:
        value = getattr(settings, name)
        if value != getattr(usual, name):
            number = f"{value:g}" if isinstance(value, float) else str(value)
            words += [f"--{name.replace('_', '-')}", number]
    return shlex.join(words)
