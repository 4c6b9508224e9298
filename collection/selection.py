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
from collection.policy_files import DESCRIPTION_SUFFIX, policy_contents
from collection.replay_files import replay_content
from collection.rollout import Trajectory
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.tiers import TIERS, Choice, choose, medium_level
from collection.weight_files import SUFFIX
from vd4rl_data.errors import OutputExistsError
from vd4rl_data.registry import get_task_spec, list_datasets
from vd4rl_data.storage.atomic import atomic_path

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
    run: RunFolder,
    out: Path,
    *,
    tiers: Sequence[str] = TIERS,
    level: float | None = None,
    replace: bool = False,
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
        replace: put policies and replay in the place of others that lie there.

    Raises:
        InvalidSettingError: there is a level, but no medium policy to choose by it.
        TierNotReachedError: the run never got so far.
        RunFolderError, CorruptFileError: the run's folder is damaged.
        OutputExistsError: another policy or replay lies there, and ``replace`` was not asked for.
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
    training = _training(run, settings, curve)
    contents: dict[Path, bytes] = {}
    for choice in choices:
        contents |= _tier_contents(run, task, choice, training, out / "policies")
    size = _replay_size(task)
    replay = [] if "medium" not in tiers else _cut(run, curve, size)
    if replay:
        rule = f"all episodes of the first {size} time steps of training"
        medium = dataclasses.asdict(choices[tiers.index("medium")])
        about = {**training, "rule": rule, "medium": medium}
        contents[out / "replays" / f"{task}.h5"] = replay_content(task, replay, about)
    _write(contents, replace=replace)
    picture = out / "learning_curves" / f"{task}-seed{settings.seed}.png"
    draw_learning_curve(picture, task, curve, choices)
    files = [path for path in contents if path.suffix != DESCRIPTION_SUFFIX]
    returns = tuple(episode.episode_return for episode in replay)
    return Selected(choices, (*files, picture), returns)


def _write(contents: Mapping[Path, bytes], *, replace: bool) -> None:
    """Write what is not there yet, once it is sure that nothing else is in the way."""
    new = [path for path, content in contents.items() if not _holds(path, content)]
    present = [] if replace else [path for path in new if path.exists()]
    if present:
        raise OutputExistsError(
            f"{present[0]} holds something else than this selection; choose another folder (--out),"
            " or put the new files in its place (--replace)"
        )
    for path in new:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(contents[path])


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


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


def _tier_contents(
    run: RunFolder, task: str, choice: Choice, training: Mapping[str, Any], folder: Path
) -> dict[Path, bytes]:
    return policy_contents(
        folder / f"{task}-{choice.tier}{SUFFIX}",
        run.actor(choice.environment_steps),
        task=task,
        tier=choice.tier,
        observations=get_task_spec(task).state_layout,
        training={**training, "checkpoint": dataclasses.asdict(choice)},
    )


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
