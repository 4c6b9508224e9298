"""A file that is already where a dataset shall be made: keep it, grow it, or say why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from collection.errors import DatasetExistsError
from collection.progress import EpisodeProgress
from collection.work import Work
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.storage import StoredDataset, open_dataset, verify_dataset
from vd4rl_data.storage import sidecar as sidecars
from vd4rl_data.storage.atomic import write_lock

_COUNT_KEYS: Final = ("command", "episodes")
"""What recipes of the same episodes may differ in: how many of them were asked for."""

_VERSION_1: Final = "seeding"
"""A field that only recipes of version 1 have."""


def find_existing(work: Work) -> StoredDataset | None:
    """The file that is there, if it holds this work or its first episodes.

    Versions must agree only where episodes would be added: a finished file stays what it is.

    Raises:
        DatasetExistsError: it was made by another recipe, or cannot be read.
    """
    if not work.path.is_file():
        return None
    try:
        stored = open_dataset(work.path)
    except DatasetFormatError as error:
        raise DatasetExistsError(f"{error}. Make it again with --overwrite") from error
    got, expected = stored.manifest.provenance, work.provenance
    difference = _first_difference(_comparable(expected.recipe), _comparable(got.recipe))
    if difference is None and len(stored) < len(work.lengths):
        difference = _first_difference(expected.versions, got.versions)
    if difference is None:
        return stored
    episodes = len(stored)
    stored.close()
    raise DatasetExistsError(
        f"{work.path} was made otherwise ({stored.manifest.origin}, {episodes} episodes): "
        f"{difference}. Make it again with --overwrite, or write elsewhere with --out"
    )


def check_sound(work: Work, stored: StoredDataset, *, show_progress: bool) -> None:
    """Read every byte of a finished file; clear up what a killed run left beside it.

    Raises:
        DatasetExistsError: the file is damaged.
        DatasetLockedError: another process is making it again.
    """
    with EpisodeProgress("checking", len(stored), show=show_progress) as progress:
        report = verify_dataset(work.path, progress=progress.update)
    if not report.ok:
        raise DatasetExistsError(
            f"{work.path} is damaged: {'; '.join(report.problems)}. Make it again with --overwrite"
        )
    with write_lock(work.parts_folder):
        if not report.has_sidecar:
            with sidecars.replaced(work.path) as record:
                record(stored.manifest, [work.path], [work.path.name])
        work.remove_parts()


def _comparable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the episodes; as version 2 of the recipes says it, which counts versions."""
    found = {key: value for key, value in recipe.items() if key not in _COUNT_KEYS}
    if found.pop(_VERSION_1, None) is not None:
        found["recipe_version"] = 1
    if "replay_sha256" in found:  # version 1 named a seed here, too, although it decided nothing
        found.pop("recipe_version", None)
        found.pop("seed", None)
    return found


def _first_difference(expected: Mapping[str, Any], got: Mapping[str, Any]) -> str | None:
    for key in sorted(expected.keys() | got.keys()):
        if expected.get(key) != got.get(key):
            return f"{key}: expected {expected.get(key)!r}, got {got.get(key)!r}"
    return None
