"""What to do if the file to make already exists: keep it, add episodes to it, or refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from collection.errors import DatasetExistsError
from collection.plan import DatasetPlan
from collection.progress import EpisodeProgress
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.storage import StoredDataset, open_dataset, verify_dataset
from vd4rl_data.storage import sidecar as sidecars
from vd4rl_data.storage.atomic import write_lock

_COUNT_KEYS: Final = ("command", "episodes")
"""Fields that only say how many episodes were requested; recipes may differ in them."""

_VERSION_1: Final = "seeding"
"""A field that only version 1 of the recipes has."""


def find_existing(plan: DatasetPlan) -> StoredDataset | None:
    """Open the existing file, if there is one that holds the planned episodes or the first of them.

    Versions must agree only if episodes are to be added; a complete file is kept as it is.

    Raises:
        DatasetExistsError: the file was made from another recipe, or cannot be read.
    """
    if not plan.path.is_file():
        return None
    try:
        stored = open_dataset(plan.path)
    except DatasetFormatError as error:
        raise DatasetExistsError(f"{error}. Make it again with --overwrite") from error
    got, expected = stored.manifest.provenance, plan.provenance
    difference = _first_difference(_comparable(expected.recipe), _comparable(got.recipe))
    if difference is None and len(stored) < len(plan.lengths):
        difference = _first_difference(expected.versions, got.versions)
    if difference is None:
        return stored
    episodes = len(stored)
    stored.close()
    raise DatasetExistsError(
        f"{plan.path} was made differently ({stored.manifest.origin}, {episodes} episodes): "
        f"{difference}. Make it again with --overwrite, or write elsewhere with --out"
    )


def check_sound(plan: DatasetPlan, stored: StoredDataset, *, show_progress: bool) -> None:
    """Verify every byte of a finished file, and clean up what a killed run left beside it.

    Raises:
        DatasetExistsError: the file is damaged.
        DatasetLockedError: another process is making it again.
    """
    with EpisodeProgress("checking", len(stored), show=show_progress) as progress:
        report = verify_dataset(plan.path, progress=progress.update)
    if not report.ok:
        raise DatasetExistsError(
            f"{plan.path} is damaged: {'; '.join(report.problems)}. Make it again with --overwrite"
        )
    with write_lock(plan.parts_folder):
        if not report.has_sidecar:
            with sidecars.replaced(plan.path) as record:
                record(stored.manifest, [plan.path], [plan.path.name])
        plan.remove_parts()


def _comparable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that determine the episodes, written as version 2 of the recipes writes them."""
    found = {key: value for key, value in recipe.items() if key not in _COUNT_KEYS}
    if found.pop(_VERSION_1, None) is not None:
        found["recipe_version"] = 1
    if "replay_sha256" in found:  # version 1 stored a seed here as well, which had no effect
        found.pop("recipe_version", None)
        found.pop("seed", None)
    return found


def _first_difference(expected: Mapping[str, Any], got: Mapping[str, Any]) -> str | None:
    for key in sorted(expected.keys() | got.keys()):
        if expected.get(key) != got.get(key):
            return f"{key}: expected {expected.get(key)!r}, got {got.get(key)!r}"
    return None
