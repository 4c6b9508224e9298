"""Where a download of the authors' files lies until it is a dataset file, and what it needs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.download.plan import Plan
from vd4rl_data.download.public_files import PublicSource
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.atomic import remove_folder, removed_folder, write_text
from vd4rl_data.storage.naming import public_path, source_note

_LOGGER: Final = logging.getLogger("vd4rl_data")
SUFFIX: Final = ".download"


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one download.

    Attributes:
        target: the dataset file.
    """

    target: Path

    @classmethod
    def of(cls, spec: DatasetSpec, root: Path) -> Places:
        """The places for a dataset in a data folder."""
        return cls(public_path(root, spec.name))

    @property
    def folder(self) -> Path:
        """Raw files, parts, plan; it goes when the dataset file is in place."""
        return self.target.with_name(f"{self.target.name}{SUFFIX}")

    @property
    def parts(self) -> Path:
        """The parts."""
        return self.folder / "parts"

    @property
    def plan(self) -> Path:
        """What the servers said, for an interrupted download to keep to."""
        return self.folder / "plan.json"

    @property
    def lock(self) -> Path:
        """Held by the process that downloads."""
        return self.target.with_name(f".{self.target.name}{SUFFIX}.lock")

    @property
    def record(self) -> Path:
        """Beside the dataset file: each source file's SHA-256, and who named it."""
        return source_note(self.target)

    def left_behind(self) -> bool:
        """Whether a download, or the removal of its folder, was begun and not ended."""
        return self.folder.is_dir() or removed_folder(self.folder).is_dir()

    def remove(self) -> None:
        """Remove the folder in one step, so that no kill leaves half of it in use."""
        remove_folder(self.folder)

    def load_plan(self, source: PublicSource) -> Plan | None:
        """The plan of an interrupted download of this source; what belongs to another goes."""
        plan = Plan.load(self.plan)
        if plan is not None and not plan.belongs_to(source):
            _LOGGER.warning("%s: an unfinished download of something else; removed", self.folder)
            self.remove()
            return None
        return plan

    def recorded(self, source: PublicSource) -> dict[str, str]:
        """SHA-256 by path of an earlier download of the same revision."""
        try:
            record = cast("dict[str, Any]", json.loads(self.record.read_text("utf-8")))
            if (record["repo_id"], record["revision"]) != (source.repo_id, source.revision):
                return {}
            return {str(file["path"]): str(file["sha256"]) for file in record["files"]}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def write_record(self, plan: Plan, sources: list[Mapping[str, Any]]) -> None:
        """Note what was taken, and how each hash is known."""
        kept = ("bytes", "sha256", "hash_from")
        files = [
            {"path": file.path, **{key: source[key] for key in kept}}
            for file, source in zip(plan.files, sources, strict=True)
        ]
        record = {"repo_id": plan.repo_id, "revision": plan.revision, "files": files}
        write_text(self.record, json.dumps(record, indent=1) + "\n")


def needed_bytes(spec: DatasetSpec, source: PublicSource, plan: Plan, most_raw: int) -> int:
    """Free space that a download needs at most: the dataset file, the parts, raw files in flight.

    Parts are compressed about as well as the authors' files; where their size is not known, they
    count as a third of the pixels.
    """
    rows = source.num_episodes * (spec.task.time_steps + 1)
    final = rows * (spec.size**2 * 3 + spec.task.action_size * 4 + 10)
    sizes = sorted((file.size or 0 for file in plan.files), reverse=True)
    parts = final // 3 if plan.num_bytes is None else plan.num_bytes
    return final + parts + sum(sizes[:most_raw])
