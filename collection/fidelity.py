"""Return statistics of a dataset, or of episodes simulated without rendering, and the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collection.behaviors import BehaviorOptions, find_behavior
from collection.checks import check_least
from collection.errors import InvalidSettingError
from collection.jobs import RolloutJob
from collection.players import Behavior, PolicyBehavior
from collection.policy_files import PolicyFile, check_fits, read_policy
from collection.progress import EpisodeProgress
from collection.report import returns_of
from collection.statistics import EpisodeSummary, fidelity_record
from collection.tiers import level_in_name
from collection.versions import installed_versions
from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.processes import LocalEngine
from vd4rl_data.registry import get_dataset_spec, get_task_spec, list_datasets
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage import open_dataset

Result = tuple[DatasetSpec | None, list[EpisodeSummary], dict[str, Any]]
"""The catalog row or ``None``, a summary of each episode, and the record that --json writes."""


def dataset_record(dataset: str) -> Result:
    """Summarize the returns of a dataset, given as a file or as the id of one on this machine.

    Raises:
        DatasetNotFoundError: this machine has no file of this id.
        FileNotFoundError: there is no such file.
        Vd4rlError: the id is unknown, or the file is damaged.
    """
    path = Path(dataset)
    if path.suffix != ".h5":
        path = _find(get_dataset_spec(dataset))
    stored = open_dataset(path)
    manifest = stored.manifest
    stored.close()
    spec = get_dataset_spec(manifest.dataset_id)
    episodes = returns_of(path)
    source = manifest.provenance
    record = {
        "content_sha256": manifest.content_sha256,
        "origin": manifest.origin,
        "recipe": dict(source.recipe),
        "renderer": source.renderer,
        "versions": dict(source.versions),
        **fidelity_record(spec, episodes),
    }
    return spec, episodes, record


def rollout_record(
    task: str,
    *,
    behavior: str = "random",
    episodes: int = 200,
    workers: int = 1,
    options: BehaviorOptions = BehaviorOptions(),  # noqa: B008 - frozen
    show_progress: bool = True,
) -> Result:
    """Simulate episodes of a behavior without rendering them, and summarize their returns.

    Raises:
        UnknownTaskError: there is no such task.
        NotCollectableError: there is no such behavior, or none is shipped for the task.
        InvalidSettingError: a number is out of range, or an option does not apply to the behavior.
        WorkerError: a worker process died.
    """
    task_spec = get_task_spec(task)
    player = find_behavior(task_spec, behavior, options)
    command = ("rollout-stats", task, "--behavior", behavior, "--episodes", str(episodes))
    summaries = _simulate(task_spec, player, episodes, workers, show_progress=show_progress)
    spec = _compared_with(task_spec, behavior, None)
    command = (*command, *player.arguments)
    return spec, summaries, _record(task_spec, behavior, player, command, spec, summaries)


def judge_record(
    path: Path,
    *,
    task: str | None = None,
    dataset: str | None = None,
    episodes: int = 100,
    workers: int = 1,
    seed: int = 0,
    show_progress: bool = True,
) -> Result:
    """Simulate episodes of a policy without rendering them, and compare their returns.

    They are the episodes that ``collect`` makes with this policy and seed.

    Args:
        path: the policy.
        task: the task to play; by default the one that it was trained on. Another body of the same
            robot has the same state and the same actions.
        dataset: id of the dataset to compare with; by default the first that the policy is for.
        episodes: number of episodes.
        workers: number of worker processes.
        seed: seed of all episodes.
        show_progress: draw a progress bar.

    Raises:
        UnknownTaskError, UnknownDatasetError, InvalidIdError: there is no such task or dataset.
        PolicyFileError: the policy cannot be read, or does not fit the task.
        InvalidSettingError: a number is out of range, or the dataset is of another task.
        WorkerError: a worker process died.
    """
    policy = read_policy(path)
    task_spec = get_task_spec(policy.task if task is None else task)
    if dataset is None:
        spec = _compared_with(task_spec, policy.tier, level_of(policy))
    else:
        spec = get_dataset_spec(dataset)
        _check_shows(spec, task_spec)
    check_fits(policy, task_spec)
    check_least("seed", seed, 0)
    player = PolicyBehavior(policy, seed=seed)
    command = ("judge", path.name, "--episodes", str(episodes), "--seed", str(seed))
    if task is not None:
        command = (*command, "--task", task)
    if dataset is not None:
        command = (*command, "--dataset", dataset)
    summaries = _simulate(task_spec, player, episodes, workers, show_progress=show_progress)
    return spec, summaries, _record(task_spec, policy.tier, player, command, spec, summaries)


def level_of(policy: PolicyFile) -> float | None:
    """Return above which a policy was chosen as medium; ``None`` if that is the usual one."""
    rule = policy.training.get("checkpoint", {}).get("rule", {})
    return level_in_name(policy.task, rule.get("level"))


def _simulate(
    task: TaskSpec, player: Behavior, episodes: int, workers: int, *, show_progress: bool
) -> list[EpisodeSummary]:
    check_least("episodes", episodes, 1)
    check_least("workers", workers, 1)
    player.lengths(task, episodes)
    made: dict[int, EpisodeSummary] = {}
    with (
        LocalEngine(min(workers, episodes)).open(RolloutJob(task, player)) as pool,
        EpisodeProgress("simulating", episodes, show=show_progress) as progress,
    ):
        for outcome in pool.map(range(episodes)):
            made[outcome.item] = outcome.result
            progress.update(len(made))
    return [made[number] for number in range(episodes)]


def _record(
    task: TaskSpec,
    behavior: str,
    player: Behavior,
    command: Sequence[str],
    spec: DatasetSpec | None,
    summaries: list[EpisodeSummary],
) -> dict[str, Any]:
    return {
        "recipe": {
            "command": " ".join(("python -m collection", *command)),
            "task": task.name,
            "behavior": behavior,
            **player.identity,
        },
        "versions": installed_versions(task),
        **fidelity_record(spec, summaries),
    }


def _find(spec: DatasetSpec) -> Path:
    from vd4rl_data.dataset import find_local

    for local in find_local(spec):
        return local.path
    raise DatasetNotFoundError(
        f"{spec.name} is not on this machine; give the path of its file, or make it with "
        f"`python -m collection collect {spec.name}` if it can be collected"
    )


def _check_shows(spec: DatasetSpec, task: TaskSpec) -> None:
    """Returns of one task say nothing about those of another."""
    parts = [get_dataset_spec(name) for name in spec.parts] or [spec]
    shown = {share.environment.task.name for part in parts for share in part.mixture}
    if task.name not in shown:
        raise InvalidSettingError(
            f"dataset: expected a dataset of {task.name}, got {spec.name}, of"
            f" {', '.join(sorted(shown))}; give another one, or --task"
        )


def _compared_with(task: TaskSpec, behavior: str, level: float | None) -> DatasetSpec | None:
    """The first dataset of this kind; the published returns hold for all sizes."""
    named = list_datasets(task=task.name)
    rows = (spec for spec in named if spec.id.variant is None and spec.task == task)
    of_behavior = (row for row in rows if (row.behavior, row.level) == (behavior, level))
    return next(of_behavior, None)
