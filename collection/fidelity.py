"""Return statistics of a dataset, or of episodes simulated without rendering, and the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collection.behaviors import BehaviorOptions, find_behavior
from collection.checks import check_least
from collection.jobs import RolloutJob
from collection.progress import EpisodeProgress
from collection.report import returns_of
from collection.statistics import EpisodeSummary, fidelity_record
from collection.versions import installed_versions
from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.processes import LocalEngine
from vd4rl_data.registry import get_dataset_spec, get_task_spec, list_datasets
from vd4rl_data.spec import DatasetSpec
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
    """Simulate episodes without rendering them, and summarize their returns.

    Raises:
        UnknownTaskError: there is no such task.
        NotCollectableError: there is no such behavior, or none is shipped for the task.
        InvalidSettingError: a number is out of range, or an option does not apply to the behavior.
        WorkerError: a worker process died.
    """
    spec, task_spec = _compared_with(task, behavior), get_task_spec(task)
    check_least("episodes", episodes, 1)
    check_least("workers", workers, 1)
    player = find_behavior(task_spec, behavior, options)
    player.lengths(task_spec, episodes)
    job = RolloutJob(task_spec, player)
    made: dict[int, EpisodeSummary] = {}
    with (
        LocalEngine(min(workers, episodes)).open(job) as pool,
        EpisodeProgress("simulating", episodes, show=show_progress) as progress,
    ):
        for outcome in pool.map(range(episodes)):
            made[outcome.item] = outcome.result
            progress.update(len(made))
    summaries = [made[number] for number in range(episodes)]
    command = ["python -m collection rollout-stats", task, "--behavior", behavior]
    command += ["--episodes", str(episodes), *player.arguments]
    record = {
        "recipe": {
            "command": " ".join(command),
            "task": task,
            "behavior": behavior,
            **player.identity,
        },
        "versions": installed_versions(task_spec),
        **fidelity_record(spec, summaries),
    }
    return spec, summaries, record


def _find(spec: DatasetSpec) -> Path:
    from vd4rl_data.dataset import find_local

    for local in find_local(spec):
        return local.path
    raise DatasetNotFoundError(
        f"{spec.name} is not on this machine; give the path of its file, or make it with "
        f"`python -m collection collect {spec.name}` if it can be collected"
    )


def _compared_with(task: str, behavior: str) -> DatasetSpec | None:
    """The first dataset of this task and behavior; the published returns hold for all sizes."""
    rows = (spec for spec in list_datasets(task=task) if spec.id.variant is None)
    of_behavior = (row for row in rows if row.behavior == behavior)
    return next(of_behavior, None)
