"""What an upload folder remembers between calls: what it is for, and which shards are finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.errors import OutputExistsError
from vd4rl_data.publish.model import PreparedFile
from vd4rl_data.storage.atomic import write_text
from vd4rl_data.storage.format import file_sha256

STATE_FOLDER: Final = ".cache/vd4rl_data"
"""Below an upload folder; neither uploads nor mirrors take what lies below ``.cache``."""

_NAME: Final = "publish.json"
_ELSEWHERE: Final = "choose another folder, or delete this one: it can be made again"
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
    """Take a folder for an upload: an empty one, or one that was taken for some of the same before.

    Args:
        folder: where; made if it is missing.
        repo_id: the repository to publish in.
        datasets: id → content hash and number of shards. There may be more than before.

    Raises:
        OutputExistsError: as :func:`check_folder` does; or it holds other content than that of
            ``datasets``, or a text that was edited before some of them came.
    """
    check_folder(folder, repo_id)
    state = read_state(folder)
    if state is None:
        state = FolderState(folder, repo_id, datasets)
        state.save()
    if state.datasets != datasets:
        _check_grown(state, datasets)
        state.datasets = datasets
        state.save()
    return state


def check_folder(folder: Path, repo_id: str) -> None:
    """Refuse what is not for this upload; nothing is written.

    Raises:
        OutputExistsError: it is a file, or holds something else, or is for another repository.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder}: expected a folder, got a file")
    state = read_state(folder)
    if state is None:
        _check_empty(folder)
    elif state.repo_id != repo_id:
        raise OutputExistsError(
            f"{folder} was prepared for {state.repo_id}, not for {repo_id}; {_ELSEWHERE}"
        )


def _check_grown(state: FolderState, datasets: dict[str, tuple[str, int]]) -> None:
    gone = sorted(state.datasets.keys() - datasets.keys())
    if gone:
        raise OutputExistsError(
            f"{state.folder} was prepared with {', '.join(gone)} too; name that as well, or "
            f"{_ELSEWHERE}"
        )
    changed = [name for name in sorted(state.datasets) if state.datasets[name] != datasets[name]]
    if changed:
        raise OutputExistsError(
            f"{state.folder} was prepared with other content of {', '.join(changed)}; {_ELSEWHERE}"
        )
    for name, digest in sorted(state.texts.items()):
        path = state.folder / name
        if path.is_file() and file_sha256(path) != digest:
            new = ", ".join(sorted(datasets.keys() - state.datasets.keys()))
            raise OutputExistsError(
                f"{path} was edited by hand and does not speak of {new}; move it elsewhere, "
                "prepare again, and bring your words into the new one"
            )


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
