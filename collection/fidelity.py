"""Return statistics of a dataset, or of a policy that is only simulated, against the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collection.behaviors import BEHAVIORS
from collection.checks import check_least
from collection.errors import NotCollectableError
from collection.jobs import RolloutJob
from collection.progress import EpisodeProgress
from collection.report import returns_of
from collection.seeding import SEEDING
from collection.statistics import EpisodeSummary, fidelity_record
from collection.versions import installed_versions
from collection.workers import WorkerPool
from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.registry import DatasetSpec, get_dataset_spec, get_task_spec, list_datasets
from vd4rl_data.storage import open_dataset

Result = tuple[DatasetSpec, list[EpisodeSummary], dict[str, Any]]
"""The catalog row, each episode, and all of it as JSON."""


def dataset_record(dataset: str) -> Result:
    """The returns of a dataset file, or of a dataset id that is on this machine.

    Raises:
        DatasetNotFoundError: nothing on this machine holds this id.
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
    seed: int = 0,
    workers: int = 1,
    show_progress: bool = True,
) -> Result:
    """The returns of episodes that are simulated and not drawn.

    Raises:
        UnknownTaskError: there is no such task.
        NotCollectableError: there is no such behavior policy, or no dataset to compare with.
        InvalidSettingError: a number is out of range.
        WorkerError: a worker died.
    """
    spec = _compared_with(task, behavior)
    check_least("episodes", episodes, 1)
    check_least("seed", seed, 0)
    check_least("workers", workers, 1)
    job = RolloutJob(spec.task, behavior, seed)
    made: dict[int, EpisodeSummary] = {}
    with (
        WorkerPool(job, min(workers, episodes)) as pool,
        EpisodeProgress("simulating", episodes, show=show_progress) as progress,
    ):
        for number, summary in pool.run(range(episodes), lambda _: None):
            made[number] = summary
            progress.update(len(made))
    summaries = [made[number] for number in range(episodes)]
    command = (
        f"python -m collection rollout-stats {task} --behavior {behavior} --episodes {episodes} "
        f"--seed {seed}"
    )
    record = {
        "recipe": {
            "command": command,
            "task": task,
            "behavior": behavior,
            "seed": seed,
            "seeding": SEEDING,
        },
        "versions": installed_versions(),
        **fidelity_record(spec, summaries),
    }
    return spec, summaries, record


def _find(spec: DatasetSpec) -> Path:
    from vd4rl_data.dataset import find_local

    for local in find_local(spec):
        return local.path
    raise DatasetNotFoundError(
        f"{spec.name} is not on this machine; name its file, or make it with "
        f"`python -m collection collect {spec.name}` if it can be collected"
    )


def _compared_with(task: str, behavior: str) -> DatasetSpec:
    """The first main dataset of this task and behavior; all sizes share the published returns."""
    get_task_spec(task)
    if behavior not in BEHAVIORS:
        raise NotCollectableError(
            f"behavior: expected one of {', '.join(BEHAVIORS)}, got {behavior!r}"
        )
    for spec in list_datasets(task=task, behavior=behavior):
        if spec.id.variant is None:
            return spec
    raise NotCollectableError(f"the catalog has no dataset of {task} with behavior {behavior!r}")
