"""What an upload folder remembers between calls: what it is for, and which shards are finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.errors import OutputExistsError
from vd4rl_data.hub.publish.model import PreparedFile
from vd4rl_data.storage.atomic import write_text

STATE_FOLDER: Final = ".cache/vd4rl_data"
"""Below an upload folder; neither uploads nor mirrors take what lies below ``.cache``."""

_NAME: Final = "publish.json"
_VERSION: Final = 1


@dataclass(slots=True)
class FolderState:
    """The memory of one upload folder; every change is on the disk at once.

    Attributes:
        folder: the upload folder.
        repo_id: the repository it is for.
        datasets: id → content hash and number of shards.
        shards: path → a shard that was finished.
        texts: path → SHA-256 of a text as it was generated, to know it from an edited one.
    """

    folder: Path
    repo_id: str
    datasets: dict[str, tuple[str, int]]
    shards: dict[str, PreparedFile] = field(default_factory=dict[str, PreparedFile])
    texts: dict[str, str] = field(default_factory=dict[str, str])

    def finish_shard(self, shard: PreparedFile) -> None:
        """Remember a shard that is in place."""
        self.shards[shard.path] = shard
        self.save()

    def save(self) -> None:
        """Write everything."""
        path = self.folder / STATE_FOLDER / _NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "version": _VERSION,
            "repo_id": self.repo_id,
            "datasets": self.datasets,
            "shards": [asdict(shard) for shard in self.shards.values()],
            "texts": self.texts,
        }
        write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def open_folder(folder: Path, repo_id: str, datasets: dict[str, tuple[str, int]]) -> FolderState:
    """Take a folder for an upload: a new or empty one, or one that was taken for the same before.

    Args:
        folder: made if it is missing.
        repo_id: the repository to publish in.
        datasets: id → content hash and number of shards.

    Raises:
        OutputExistsError: it is a file, or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder}: expected a folder, got a file")
    earlier = read_state(folder)
    if earlier is None:
        _check_empty(folder)
        state = FolderState(folder, repo_id, datasets)
        state.save()
        return state
    if (earlier.repo_id, earlier.datasets) != (repo_id, datasets):
        raise OutputExistsError(
            f"{folder} was prepared for {earlier.repo_id} with {', '.join(earlier.datasets)}, from "
            f"other content or for another place than {repo_id} with {', '.join(datasets)} now; "
            "choose another folder, or delete this one"
        )
    return earlier


def read_state(folder: Path) -> FolderState | None:
    """What a folder remembers; ``None`` if it is no upload folder.

    Raises:
        OutputExistsError: its notes are not ours.
    """
    path = folder / STATE_FOLDER / _NAME
    try:
        content = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']!r}")
        shards = [PreparedFile(**shard) for shard in content["shards"]]
        return FolderState(
            folder,
            str(content["repo_id"]),
            {name: (str(digest), int(n)) for name, (digest, n) in content["datasets"].items()},
            {shard.path: shard for shard in shards},
            dict(content["texts"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputExistsError(
            f"{path}: expected the notes of an upload folder; {error!r}. Choose another folder"
        ) from error


def _check_empty(folder: Path) -> None:
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    # The notes are the first thing that is written, so whatever is here is somebody else's.
    if [name for name in found if name != STATE_FOLDER.partition("/")[0]]:
        raise OutputExistsError(
            f"{folder}: expected a new or empty folder, or one that this command made; got "
            f"{', '.join(found[:5])}"
        )
