"""Collect a dataset: behavior policy → rollout → rendering → file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collection.behaviors import Behavior, BehaviorOptions, find_behavior
from collection.checks import check_least
from collection.errors import InvalidSettingError
from collection.jobs import CollectJob
from collection.pipeline import Made, make_dataset
from collection.recipes import Recipe, find_recipe
from collection.versions import installed_versions
from collection.work import Work, parts_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Provenance
from vd4rl_data.storage.naming import flat_path


def collect(
    dataset_id: str,
    root: Path,
    *,
    episodes: int | None = None,
    workers: int = 1,
    options: BehaviorOptions = BehaviorOptions(),  # noqa: B008 - frozen
    overwrite: bool = False,
    show_progress: bool = True,
) -> Made:
    """Make a dataset file, or go on making it, or add episodes to it, or find it finished.

    The same id, options, number of episodes, versions and renderer give the same bytes, whatever
    the number of workers; fewer episodes are the first ones of more.

    Args:
        dataset_id: a catalog id that has a recipe.
        root: the data folder to write into.
        episodes: how many; all of the catalog row by default.
        workers: worker processes.
        options: another seed than 0, another policy or replay than the shipped one, or
            deterministic actions.
        overwrite: make the file again although it is there.
        show_progress: draw progress bars.

    Raises:
        InvalidIdError, UnknownDatasetError, NotCollectableError: the id cannot be collected.
        InvalidSettingError: a number is out of range, or an option means nothing to the behavior.
        PolicyFileError, ReplayFileError: a policy or replay is missing or damaged.
        Vd4rlError: see :func:`collection.pipeline.make_dataset`.
    """
    check_least("workers", workers, 1)
    work = plan_collection(dataset_id, root, episodes=episodes, options=options)
    return make_dataset(work, workers=workers, overwrite=overwrite, show_progress=show_progress)


def parts_to_collect(dataset_id: str, options: BehaviorOptions) -> tuple[str, ...]:
    """The ids whose files make up a dataset: its own, or those of a composite's parts.

    Raises:
        InvalidIdError, UnknownDatasetError: there is no such dataset.
        InvalidSettingError: one source was given for several parts.
    """
    spec = get_dataset_spec(dataset_id)
    if spec.parts and options.source is not None:
        raise InvalidSettingError(
            f"source: {spec.name} is {' followed by '.join(spec.parts)}, and one file cannot make "
            f"both, got {options.source}; collect each of them with a source of its own"
        )
    return spec.parts or (spec.name,)


def plan_collection(
    dataset_id: str, root: Path, *, episodes: int | None = None, options: BehaviorOptions
) -> Work:
    """Everything that :func:`collect` is going to do; writes nothing and raises what it does."""
    spec = get_dataset_spec(dataset_id)
    recipe = find_recipe(spec)
    count = spec.num_episodes if episodes is None else episodes
    check_least("episodes", count, 1)
    behavior = find_behavior(spec.task, recipe.behavior, options)
    return plan(spec, recipe, behavior, root, episodes=count)


def plan(
    spec: DatasetSpec, recipe: Recipe, behavior: Behavior, root: Path, *, episodes: int
) -> Work:
    """Everything that :func:`collection.pipeline.make_dataset` needs to collect a dataset."""
    settings = _settings(spec, behavior)
    versions = installed_versions(spec.task)
    job = CollectJob(
        spec=spec,
        behavior=behavior,
        parts_folder=parts_folder(flat_path(root, spec.name)),
        part_recipe={**settings, "versions": versions},
    )
    command = ["python -m collection collect", spec.name, "--episodes", str(episodes)]
    command += behavior.arguments
    provenance = Provenance(
        origin=recipe.origin,
        versions=versions,
        recipe={"command": " ".join(command), "episodes": episodes, **settings},
        behavior_policy=behavior.description,
    )
    return Work(spec, root, job, behavior.lengths(spec.task, episodes), provenance)


def _settings(spec: DatasetSpec, behavior: Behavior) -> dict[str, Any]:
    """What decides the bytes of an episode, but for versions and renderer."""
    task = spec.task
    return {
        "kind": "collect",
        "dataset_id": spec.name,
        "behavior": behavior.name,
        **behavior.identity,
        "task": {
            "name": task.name,
            "camera": str(task.camera),
            "action_repeat": task.action_repeat,
            "horizon": task.horizon,
        },
        "size": spec.size,
    }
