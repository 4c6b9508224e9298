"""Collect a dataset: behavior policy → rollout → rendering → file."""

from __future__ import annotations

from pathlib import Path

from collection.behaviors import BehaviorOptions
from collection.bodies import find_behavior_of
from collection.checks import check_least
from collection.errors import InvalidSettingError
from collection.jobs import CollectJob
from collection.pipeline import Made, make_dataset
from collection.plan import DatasetPlan, parts_folder
from collection.players import Behavior
from collection.provenance import collect_fields, collected, rollout_fields, states_fields
from collection.recipes import Recipe, find_recipe
from collection.sources import is_one_file
from collection.versions import installed_versions
from vd4rl_data.processes import LocalEngine
from vd4rl_data.processes.cluster import EngineOf
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Provenance
from vd4rl_data.storage.format import STATES_LAYOUT
from vd4rl_data.storage.naming import flat_path, states_path


def collect(
    dataset_id: str,
    root: Path,
    *,
    episodes: int | None = None,
    workers: int = 1,
    engine: EngineOf = LocalEngine,
    parts_url: str | None = None,
    options: BehaviorOptions = BehaviorOptions(),  # noqa: B008 - frozen
    states: bool = False,
    overwrite: bool = False,
    show_progress: bool = True,
) -> Made:
    """Make a dataset file, finish an interrupted one, add episodes to one, or find it complete.

    The same id, options, number of episodes, versions and renderer give the same bytes, whatever
    the number of workers. A smaller number of episodes gives the first ones of a larger number.

    Args:
        dataset_id: a catalog id that has a recipe.
        root: the data folder to write into.
        episodes: number of episodes; by default all that the catalog row has.
        workers: number of worker processes.
        engine: where they run; processes on other machines must see the same folders.
        parts_url: folder of an object store that finished episodes go through instead, e.g.
            ``s3://bucket/folder``.
        options: a seed other than 0, a policy or replay other than the shipped one, or
            deterministic actions.
        states: keep the episodes without pixels, to be rendered by
            :func:`collection.rerender.rerender`; nothing is drawn.
        overwrite: make the file again even if it exists.
        show_progress: draw progress bars.

    Raises:
        InvalidIdError, UnknownDatasetError, NotCollectableError: the id cannot be collected.
        InvalidSettingError: a number is out of range, or an option does not apply to the behavior.
        PolicyFileError, ReplayFileError: a policy or replay is missing or damaged.
        NoPhysicsStateError: states of a simulator that has none.
        Vd4rlError: see :func:`collection.pipeline.make_dataset`.
    """
    check_least("workers", workers, 1)
    plan = plan_collection(dataset_id, root, episodes=episodes, options=options, states=states)
    return make_dataset(
        plan,
        workers=workers,
        engine=engine,
        parts_url=parts_url,
        overwrite=overwrite,
        show_progress=show_progress,
    )


def parts_to_collect(dataset_id: str, options: BehaviorOptions) -> tuple[str, ...]:
    """The ids whose files make up a dataset: its own, or those of a composite's parts.

    Raises:
        InvalidIdError, UnknownDatasetError: there is no such dataset.
        InvalidSettingError: a source was given for a dataset of several parts.
    """
    spec = get_dataset_spec(dataset_id)
    if spec.parts and is_one_file(options.source):
        raise InvalidSettingError(
            f"source: {spec.name} is {' followed by '.join(spec.parts)}, and one policy cannot "
            f"make both, got {options.source}; collect each part with its own source,"
            " or give a folder that holds both"
        )
    return spec.parts or (spec.name,)


def plan_collection(
    dataset_id: str,
    root: Path,
    *,
    episodes: int | None = None,
    options: BehaviorOptions,
    states: bool = False,
) -> DatasetPlan:
    """Plan what :func:`collect` will do, without writing anything; raises the same errors."""
    spec = get_dataset_spec(dataset_id)
    recipe = find_recipe(spec)
    count = spec.num_episodes if episodes is None else episodes
    check_least("episodes", count, 1)
    behavior = find_behavior_of(spec, recipe.behavior, options)
    return plan_dataset(spec, recipe, behavior, root, episodes=count, states=states)


def plan_dataset(
    spec: DatasetSpec,
    recipe: Recipe,
    behavior: Behavior,
    root: Path,
    *,
    episodes: int,
    states: bool = False,
) -> DatasetPlan:
    """Plan the collection of a dataset, for :func:`collection.pipeline.make_dataset`."""
    if states:
        fields, path = states_fields(spec, behavior), states_path(root, spec.name)
        made = collected(fields, episodes, behavior.arguments, "--states")
    else:
        fields = collect_fields(spec, rollout_fields(behavior))
        path = flat_path(root, spec.name)
        made = collected(fields, episodes, behavior.arguments)
    versions = installed_versions(spec.task)
    job = CollectJob(
        spec=spec,
        behavior=behavior,
        parts_folder=parts_folder(path.absolute()),
        part_recipe={**fields, "versions": versions},
        states=states,
    )
    provenance = Provenance(
        origin=recipe.origin,
        versions=versions,
        recipe=made,
        behavior_policy=behavior.description,
    )
    layout = STATES_LAYOUT if states else "flat"
    return DatasetPlan(spec, path, job, behavior.lengths(spec.task, episodes), provenance, layout)
