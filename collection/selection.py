"""From a training run to the files to ship: the policies of two tiers, the replay, the curve."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collection.checks import check_least
from collection.errors import InvalidSettingError
from collection.learning_curve import curves_before, draw_learning_curve
from collection.policy_files import DESCRIPTION_SUFFIX, policy_contents, policy_in
from collection.progress import watched_episodes
from collection.replay_files import replay_in
from collection.replay_writing import replay_content
from collection.rollout import Trajectory
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.tiers import REPLAY_ALONE, TIERS, Choice, choose, level_in_name, medium_level
from vd4rl_data.errors import OutputExistsError
from vd4rl_data.registry import DATASETS, get_task_spec
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.suites.policies import LATE_REPLAY, REPLAY, TRAINED_ON


@dataclass(frozen=True, slots=True)
class Selected:
    """What :func:`select_tiers` wrote.

    Attributes:
        choices: the checkpoint of each tier.
        files: policies, replay and picture.
        replay_returns: returns of the first replay's episodes; empty if it was not made.
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
    replay_episodes: int | None = None,
    replace: bool = False,
    show_progress: bool = False,
) -> Selected:
    """Choose medium and expert by rule, and cut the replays.

    The replay is the beginning of training, including the random warm-up: as many whole episodes as
    fit into the transitions of the catalog's ``medium_replay`` row, like the published one. If a
    row of the catalog needs it, there is a late replay too: of the episodes that began after the
    medium checkpoint. With ``replay_episodes`` they are thinned: so many of the episodes of each
    (of those up to the medium checkpoint, if that is chosen), evenly spread, in order.
    A run that took up an earlier one did not begin there, and gives no replays.

    Checkpoints before ``actor_starts`` are never chosen: their policy is the one that the run
    started from.

    Args:
        run: the folder of a training run.
        out: folder to write ``policies/<task>-<tier>.safetensors`` and ``.json``,
            ``replays/<task>.h5``, ``replays/<task>-late.h5`` and
            ``learning_curves/<task>-seed<seed>.png`` into; policies and replays of another level
            than the task's usual one are named by it.
        tiers: which policies to choose; the replays are made along with medium, and the first one
            also alone, for :data:`~collection.tiers.REPLAY_ALONE`.
        level: deterministic return above which a policy is medium; see
            :func:`collection.tiers.medium_level` by default.
        replay_episodes: number of episodes of each thinned replay.
        replace: replace other policies and replays that exist in ``out``.
        show_progress: draw a bar while a replay's episodes are simulated, to find out which of
            their states need not be stored.

    Raises:
        InvalidSettingError: a level was given, but no medium policy is to be chosen; or no replay
            of this kind can be cut of the run.
        TierNotReachedError: the run never reached a tier.
        RunFolderError, CorruptFileError: the run's folder is damaged.
        OutputExistsError: another policy or replay exists in ``out``, and ``replace`` is false.
        NoSpaceError: the disk is full.
    """
    if level is not None and "medium" not in tiers:
        raise InvalidSettingError(
            f"level: applies only to the tier medium, not to {', '.join(tiers)}; got {level:g}. "
            "Leave it out"
        )
    settings, curve = run.settings(), run.curve()
    before = curves_before(settings.task, run.start())
    _check_replay(tiers, replay_episodes, from_its_beginning=not before)
    task = settings.task
    named = level_in_name(task, level)
    learned = [record for record in curve if record["time_steps"] > settings.actor_starts]
    if level is None:
        level = medium_level(task, learned) if "medium" in tiers else math.nan
    choices = tuple(choose(tier, level, learned) for tier in tiers if tier in TIERS)
    training = training_record(run, settings, curve)
    contents: dict[Path, bytes] = {}
    for choice in choices:
        of_level = named if choice.tier == "medium" else None
        path = policy_in(out / "policies", task, choice.tier, of_level)
        contents |= _tier_contents(run, task, choice, training, path)
    medium = next((choice for choice in choices if choice.tier == "medium"), None)
    replayed = not before and (medium is not None or REPLAY_ALONE in tiers)
    cuts = _replays(run, curve, medium, replay_episodes) if replayed else {}
    for behavior, cut in cuts.items():
        path = replay_in(out / "replays", task, named, behavior)
        bar = watched_episodes(path.name, show=show_progress)
        contents[path] = replay_content(task, cut.episodes, {**training, **cut.rule}, watched=bar)
    write_files(contents, replace=replace)
    picture = out / "learning_curves" / f"{task}-seed{settings.seed}.png"
    draw_learning_curve(picture, task, curve, choices, before)
    files = [path for path in contents if path.suffix != DESCRIPTION_SUFFIX]
    replay = cuts[REPLAY].episodes if REPLAY in cuts else ()
    returns = tuple(episode.episode_return for episode in replay)
    return Selected(choices, (*files, picture), returns)


def write_files(contents: Mapping[Path, bytes], *, replace: bool) -> None:
    """Write the files that do not exist yet, after checking that none would replace another.

    Raises:
        OutputExistsError: a file exists with other content, and ``replace`` is false.
        NoSpaceError: the disk is full.
    """
    new = [path for path, content in contents.items() if not _holds(path, content)]
    present = [] if replace else [path for path in new if path.exists()]
    if present:
        raise OutputExistsError(
            f"{present[0]} exists with other content; choose another folder (--out), or replace the"
            " existing files (--replace)"
        )
    for path in new:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(contents[path])


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def training_record(
    run: RunFolder, settings: TrainSettings, curve: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What every file made from a run records about it, as JSON."""
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
    run: RunFolder, task: str, choice: Choice, training: Mapping[str, Any], path: Path
) -> dict[Path, bytes]:
    return policy_contents(
        path,
        run.actor(choice.environment_steps),
        task=task,
        tier=choice.tier,
        observations=get_task_spec(task).state_layout,
        training={**training, "checkpoint": dataclasses.asdict(choice)},
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """Episodes of a run for a replay, and what its file tells of how they were cut."""

    episodes: Sequence[Trajectory]
    rule: Mapping[str, Any]


def _check_replay(tiers: Sequence[str], episodes: int | None, *, from_its_beginning: bool) -> None:
    if REPLAY_ALONE in tiers and not from_its_beginning:
        raise InvalidSettingError(
            f"{REPLAY_ALONE}: expected a run from its beginning, got one that took up another; give"
            " that one's folder"
        )
    if episodes is None:
        return
    check_least("replay_episodes", episodes, 1)
    if not {"medium", REPLAY_ALONE} & {*tiers} or not from_its_beginning:
        raise InvalidSettingError(
            "replay_episodes: applies only to a run from its beginning, with the tier medium or"
            f" {REPLAY_ALONE}; got {episodes}. Leave it out"
        )


def _replays(
    run: RunFolder,
    curve: Sequence[Mapping[str, Any]],
    medium: Choice | None,
    thinned: int | None,
) -> dict[str, _Cut]:
    """The replays that the catalog needs of this run's task, by behavior."""
    found = dict[str, _Cut]()
    chosen = {} if medium is None else {"medium": dataclasses.asdict(medium)}
    spans = _spans(run.settings().task, curve, medium, thinned=thinned is not None)
    for behavior, span in spans.items():
        if thinned is None:
            episodes = list(_whole_episodes(run, span))
            rule: Mapping[str, Any] = {"rule": f"all episodes {span.words}"}
        else:
            episodes, rule = _thinned(run, span, thinned)
        found[behavior] = _Cut(episodes, {**rule, **chosen})
    return {behavior: cut for behavior, cut in found.items() if cut.episodes}


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of training.

    Attributes:
        words: which episodes are of it, after "all episodes".
        size: its greatest length, in time steps.
        checkpoints: environment steps of the checkpoints that its episodes ended before.
        first: time step at which its first episode begins, or later.
    """

    words: str
    size: int
    checkpoints: Sequence[int]
    first: int = 0


def _spans(
    task: str, curve: Sequence[Mapping[str, Any]], medium: Choice | None, *, thinned: bool
) -> dict[str, _Span]:
    """What each replay that the catalog has a row for is cut of; a late one needs a medium."""
    checkpoints, trained = _checkpoints(curve), int(curve[-1]["time_steps"])
    sizes = {behavior: _replay_size(task, behavior) for behavior in (REPLAY, LATE_REPLAY)}
    size = min(sizes[REPLAY], trained) if thinned else sizes[REPLAY]
    spans = {REPLAY: _Span(f"of the first {size:,} time steps of training", size, checkpoints)}
    if medium is not None:
        reached = checkpoints.index(medium.environment_steps)
        if thinned:
            words = "up to the medium checkpoint"
            spans[REPLAY] = _Span(words, trained, checkpoints[: reached + 1])
        first = int(curve[reached]["time_steps"])
        size = min(sizes[LATE_REPLAY], trained - first) if thinned else sizes[LATE_REPLAY]
        words = f"of the first {size:,} time steps after the medium checkpoint"
        spans[LATE_REPLAY] = _Span(words, size, checkpoints, first)
    return {behavior: span for behavior, span in spans.items() if sizes[behavior]}


def _thinned(run: RunFolder, span: _Span, count: int) -> tuple[list[Trajectory], Mapping[str, Any]]:
    """So many of the episodes of a part of training, evenly spread."""
    total = sum(1 for _ in _whole_episodes(run, span))
    if count > total:
        raise InvalidSettingError(
            f"replay_episodes: expected at most {total}, the episodes {span.words}, got {count}"
        )
    numbers = [number * total // count for number in range(count)]
    wanted = frozenset(numbers)
    episodes = [
        trajectory
        for number, trajectory in enumerate(_whole_episodes(run, span))
        if number in wanted
    ]
    rule = f"{count} of the {total} episodes {span.words}, evenly spread, in order"
    return episodes, {"rule": rule, "thinned": {"of": total, "episodes": numbers}}


def _whole_episodes(run: RunFolder, span: _Span) -> Iterator[Trajectory]:
    """The whole episodes of a part of training."""
    total = 0
    for finished in run.episodes(span.checkpoints):
        if finished.first_row < span.first:
            continue
        total += len(finished.trajectory.actions)
        if total > span.size:
            return
        yield finished.trajectory


def _checkpoints(curve: Sequence[Mapping[str, Any]]) -> list[int]:
    return [record["environment_steps"] for record in curve]


def _replay_size(task: str, behavior: str) -> int:
    """Number of transitions of the catalog's row; 0 if it has no such row."""
    rows = (spec for spec in DATASETS.values() if spec.behavior == behavior)
    sizes = [
        spec.num_transitions
        for spec in rows
        if TRAINED_ON.get(spec.task.name, spec.task.name) == task
    ]
    return max(sizes, default=0)
