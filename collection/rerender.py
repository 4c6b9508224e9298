"""Render a dataset from its physics states: new pixels, the same episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collection.checks import check_least
from collection.errors import (
    DatasetExistsError,
    InvalidSettingError,
    NoPhysicsStateError,
    OtherStatesError,
)
from collection.jobs import RenderJob
from collection.makers import PHYSICS_STATE
from collection.mixtures import described_looks, environment_numbers
from collection.pipeline import Made, make_dataset
from collection.plan import DatasetPlan, parts_folder
from collection.provenance import (
    OPTIONS,
    RENDER,
    ROLLOUT,
    collect_fields,
    collected,
    rolled_out_with,
)
from collection.versions import installed_versions
from vd4rl_data.ids import DatasetId, Variant, format_id
from vd4rl_data.look_words import parse_words
from vd4rl_data.media import find_media
from vd4rl_data.processes import LocalEngine
from vd4rl_data.processes.cluster import EngineOf
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Manifest, StoredDataset, open_dataset
from vd4rl_data.storage.format import info_key
from vd4rl_data.storage.manifest import recorded_media
from vd4rl_data.storage.naming import flat_path

PLAIN: Final = "none"
"""In place of the words of a look or a body: the simulator's own."""

_LOOK_FIELDS: Final = ("look", "level", "media", "motion", "percent")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to render; ``None`` keeps what the source's id says.

    Attributes:
        size: height and width of the frames, in pixels.
        look: the words of a look, as in ids, e.g. ``distracting_easy_street_static``, or ``none``.
        body: the word of a body, as in ids, e.g. ``multitask``, or ``none``.
    """

    size: int | None = None
    look: str | None = None
    body: str | None = None


def rerender(
    source: Path,
    root: Path,
    wanted: Wanted = Wanted(),
    *,
    workers: int = 1,
    engine: EngineOf = LocalEngine,
    parts_url: str | None = None,
    overwrite: bool = False,
    show_progress: bool = True,
) -> Made:
    """Render a dataset: new pixels, the same actions, rewards and states.

    States that were kept without pixels give, with their own versions, the very file that
    collecting the rendered dataset gives; so a file or parts of either are taken up by the other.
    Of a dataset with pixels, at its own size and look, the content equals the source's.

    Args:
        source: a dataset file of any layout that holds ``infos/physics_state``.
        root: the data folder to write into.
        wanted: what to render.
        workers: number of worker processes.
        engine: where they run; processes on other machines must see the same folders.
        parts_url: folder of an object store that finished episodes go through instead, e.g.
            ``s3://bucket/folder``.
        overwrite: make the file again even if it exists.
        show_progress: draw progress bars.

    Raises:
        InvalidSettingError: a number is out of range, or words are no look or body.
        NoPhysicsStateError: the source does not hold its physics states.
        UnknownDatasetError: the catalog has no such dataset with this look or body.
        OtherMediaError: the dataset is to show media that the source shows, and those of this
            machine are others.
        OtherStatesError: the states are of another task or body than the dataset's.
        DatasetExistsError: the file to write is the source itself, or was made from another recipe.
        Vd4rlError: see :func:`collection.pipeline.make_dataset`.
    """
    if wanted.size is not None:
        check_least("size", wanted.size, 1)
    check_least("workers", workers, 1)
    stored = open_dataset(source)
    try:
        plan = _plan(stored, root, wanted)
        if plan.path.resolve() in {shard.path.resolve() for shard in stored.shards}:
            raise DatasetExistsError(
                f"{plan.path} is the source itself; write the new file elsewhere with --out"
            )
    finally:
        stored.close()
    return make_dataset(
        plan,
        workers=workers,
        engine=engine,
        parts_url=parts_url,
        overwrite=overwrite,
        show_progress=show_progress,
    )


def _plan(stored: StoredDataset, root: Path, wanted: Wanted) -> DatasetPlan:
    source_spec = get_dataset_spec(stored.manifest.dataset_id)
    _check_renderable(stored)
    spec = get_dataset_spec(format_id(wanted_id(source_spec.id, wanted)))
    _check_same_environments(stored, source_spec, spec)
    manifest = stored.manifest
    versions = installed_versions(spec.task)
    recipe = _recipe(manifest, spec, versions)
    for name in manifest.media.keys() & recorded_media(recipe).keys():
        find_media(name, manifest.media[name], str(stored.path))
    path = flat_path(root, spec.name)
    job = RenderJob(
        spec=spec,
        source=stored.path.resolve(),
        rolled_out_with=rolled_out_with(manifest.provenance.recipe),
        parts_folder=parts_folder(path.absolute()),
        part_recipe={
            **{key: value for key, value in recipe.items() if key not in ("command", "episodes")},
            "versions": versions,
        },
    )
    provenance = dataclasses.replace(manifest.provenance, versions=versions, recipe=recipe)
    return DatasetPlan(spec, path, job, tuple(stored.lengths), provenance)


def wanted_id(source: DatasetId, wanted: Wanted) -> DatasetId:
    """The id of what is to be rendered.

    Raises:
        InvalidSettingError: the words are not those of a look or of a body.
    """
    variant = source.variant or Variant()
    if wanted.look is not None:
        look = _words("look", wanted.look, _LOOK_FIELDS)
        changes = {name: getattr(look, name) for name in _LOOK_FIELDS}
        variant = dataclasses.replace(variant, **changes)
    if wanted.body is not None:
        variant = dataclasses.replace(variant, body=_words("body", wanted.body, ("body",)).body)
    return dataclasses.replace(
        source,
        variant=None if variant == Variant() else variant,
        size=source.size if wanted.size is None else wanted.size,
    )


def _words(name: str, text: str, fields: tuple[str, ...]) -> Variant:
    """A variant with words for these fields alone."""
    if text == PLAIN:
        return Variant()
    variant = parse_words(name, text)
    rest = dataclasses.replace(variant, **dict.fromkeys(fields))
    if rest != Variant():
        raise InvalidSettingError(
            f"{name}: expected the words of a {name} alone, or {PLAIN!r}, got {text!r}"
        )
    return variant


def _recipe(source: Manifest, spec: DatasetSpec, versions: Mapping[str, str]) -> dict[str, Any]:
    """The recipe of the rendered episodes: for states of the same versions, that of collecting."""
    states = source.provenance.recipe
    if ROLLOUT in states and source.provenance.versions == versions:
        fields = collect_fields(spec, states[ROLLOUT])
        return collected(fields, source.num_episodes, states[OPTIONS])
    looks = described_looks(spec.mixture)
    return {
        "command": f"python -m collection render {source.dataset_id}.h5 --size {spec.size}",
        "episodes": source.num_episodes,
        "kind": RENDER,
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
        **({"looks": looks} if looks else {}),
    }


def _check_same_environments(stored: StoredDataset, source: DatasetSpec, spec: DatasetSpec) -> None:
    """Every episode was played by the robot that the dataset shows in it."""
    if spec.parts and not source.parts:
        raise InvalidSettingError(
            f"{spec.name} is {' followed by '.join(spec.parts)}, of which it stores nothing of its"
            f" own; render those"
        )
    numbers = [environment_numbers(each.mixture, len(stored)) for each in (source, spec)]
    for episode, (old, new) in enumerate(zip(*numbers, strict=True)):
        played = source.mixture[old].environment.task
        shown = spec.mixture[new].environment.task
        if played != shown:
            raise OtherStatesError(
                f"{stored.path}: episode {episode}: expected states of {shown.name}, which"
                f" {spec.name} shows, got states of {played.name}. Another body moves otherwise:"
                f" collect its own states (python -m collection collect {spec.name} --states)"
            )


def _check_renderable(stored: StoredDataset) -> None:
    if info_key(PHYSICS_STATE) not in stored.keys:
        raise NoPhysicsStateError(
            f"{stored.path}: expected the array {info_key(PHYSICS_STATE)}, got "
            f"{', '.join(stored.keys)}. Only files that this package collected can be rendered "
            f"again; this one is {stored.manifest.origin}"
        )
