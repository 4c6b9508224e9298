"""The plan of a dataset to make, and the folder that holds its parts until it is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collection.jobs import PartJob
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Provenance
from vd4rl_data.storage.atomic import clear_removed, remove_folder


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """A dataset to make.

    Attributes:
        spec: its catalog row.
        path: the file to write.
        job: the workers' job; its ``part_recipe`` is what determines an episode's bytes.
        lengths: transitions of each episode; upper bounds if an episode can end early.
        provenance: what the manifest is to record; the renderer is filled in later.
        layout: of the file.
    """

    spec: DatasetSpec
    path: Path
    job: PartJob
    lengths: tuple[int, ...]
    provenance: Provenance
    layout: str = "flat"

    @property
    def parts_folder(self) -> Path:
        """The folder that holds the parts until the file is in place."""
        return parts_folder(self.path)

    def remove_parts(self) -> None:
        """Remove the parts, unless a larger collection left more: those are worth hours of work.

        The folder disappears in one step, so that no kill leaves parts without their recipe.
        """
        clear_removed(self.parts_folder)
        if self.parts_folder.is_dir() and self.count_parts() <= len(self.lengths):
            remove_folder(self.parts_folder)

    def count_parts(self) -> int:
        """Count the parts in the folder."""
        return len(list(self.parts_folder.glob("*.h5")))


def parts_folder(path: Path) -> Path:
    """The folder of the parts of a dataset file."""
    return path.with_name(f"{path.name}.parts")
