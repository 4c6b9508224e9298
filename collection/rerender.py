"""Render a dataset again from its physics states: new pixels, the same episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collection.checks import check_least
from collection.errors import DatasetExistsError, NoPhysicsStateError
from collection.jobs import PHYSICS_STATE, RenderJob
from collection.pipeline import Made, make_dataset
from collection.plan import DatasetPlan, parts_folder
from collection.versions import installed_versions
from vd4rl_data.ids import format_id
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Manifest, StoredDataset, open_dataset
from vd4rl_data.storage.format import info_key
from vd4rl_data.storage.naming import flat_path


def rerender(
    source: Path,
    root: Path,
    *,
    size: int,
    workers: int = 1,
    overwrite: bool = False,
    show_progress: bool = True,
) -> Made:
    """Render a dataset at another size: new pixels, the same actions, rewards and states.

    At the source's own size, with its versions and renderer, the content equals the source's.

    Args:
        source: a dataset file of either layout that holds ``infos/physics_state``.
        root: the data folder to write into.
        size: height and width of the new frames, in pixels.
        workers: number of worker processes.
        overwrite: make the file again even if it exists.
        show_progress: draw progress bars.

    Raises:
        InvalidSettingError: a number is out of range.
        NoPhysicsStateError: the source does not hold its physics states.
        UnknownDatasetError: the catalog has no such dataset at this size.
        DatasetExistsError: the file to write is the source itself, or was made from another recipe.
        Vd4rlError: see :func:`collection.pipeline.make_dataset`.
    """
    check_least("size", size, 1)
    check_least("workers", workers, 1)
    stored = open_dataset(source)
    try:
        plan = _plan(stored, root, size)
        if plan.path.resolve() in {shard.path.resolve() for shard in stored.shards}:
            raise DatasetExistsError(
                f"{plan.path} is the source itself; write the new file elsewhere with --out"
            )
    finally:
        stored.close()
    return make_dataset(plan, workers=workers, overwrite=overwrite, show_progress=show_progress)


def _plan(stored: StoredDataset, root: Path, size: int) -> DatasetPlan:
    source_spec = get_dataset_spec(stored.manifest.dataset_id)
    _check_renderable(stored)
    spec = get_dataset_spec(format_id(dataclasses.replace(source_spec.id, size=size)))
    fields = _recipe(stored.manifest, spec)
    versions = installed_versions(spec.task)
    job = RenderJob(
        spec=spec,
        source=stored.path.resolve(),
        collected_as=_collected_as(stored.manifest.provenance.recipe),
        parts_folder=parts_folder(flat_path(root, spec.name)),
        part_recipe={**fields, "versions": versions},
    )
    source = stored.manifest.provenance
    command = f"python -m collection render {source_spec.name}.h5 --size {size}"
    provenance = dataclasses.replace(
        source,
        versions=versions,
        recipe={"command": command, "episodes": len(stored), **fields},
    )
    return DatasetPlan(spec, root, job, tuple(stored.lengths), provenance)


def _collected_as(recipe: Mapping[str, Any]) -> tuple[int, str] | None:
    """Seed and behavior that the episodes were first rolled out with; ``None`` for a replay."""
    while recipe.get("kind") == "render":
        recipe = recipe["source"]["recipe"]
    return (recipe["seed"], recipe["behavior"]) if "seed" in recipe else None


def _recipe(source: Manifest, spec: DatasetSpec) -> dict[str, Any]:
    """Everything that determines an episode's bytes, except versions and renderer."""
    return {
        "kind": "render",
        "dataset_id": spec.name,
        "source": {
            "dataset_id": source.dataset_id,
            "content_sha256": source.content_sha256,
            "recipe": dict(source.provenance.recipe),
            "versions": dict(source.provenance.versions),
            "renderer": source.provenance.renderer,
        },
        "camera": str(spec.task.camera),
        "size": spec.size,
    }


def _check_renderable(stored: StoredDataset) -> None:
    if info_key(PHYSICS_STATE) not in stored.keys:
        raise NoPhysicsStateError(
            f"{stored.path}: expected the array {info_key(PHYSICS_STATE)}, got "
            f"{', '.join(stored.keys)}. Only files that this package collected can be rendered "
            f"again; this one is {stored.manifest.origin}"
        )
