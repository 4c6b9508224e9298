"""Behavior policies and replays → a folder that is ready to be uploaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import h5py

from vd4rl_data.download.policies import FOLDERS, FORMAT, LIST, VERSION
from vd4rl_data.errors import DatasetNotFoundError, OutputExistsError, PublishError
from vd4rl_data.publish.folder import NOTES, UploadFolder
from vd4rl_data.publish.model import CARD, PreparedFile, PreparedRepository
from vd4rl_data.publish.prepare import check_repo_id
from vd4rl_data.storage.atomic import atomic_path, check_free_space, write_lock
from vd4rl_data.storage.format import file_sha256

_WEIGHTS: Final = ".safetensors"
_DESCRIPTION: Final = ".json"
_REPLAY_FORMAT: Final = "vd4rl-data replay"


def prepare_policies(folders: Sequence[Path], folder: Path, repo_id: str) -> PreparedRepository:
    """Make an upload folder of policies and replays: the files, a list with their hashes, a card.

    The same files give the same bytes, and the same call goes on after a kill.

    Args:
        folders: folders with ``policies`` or ``replays`` in them, as ``python -m collection
            select`` writes them.
        folder: new, empty, or made by an earlier call for the same or for some of it.
        repo_id: ``USER/NAME``, where it will be published.

    Raises:
        PublishError: the name is not ``USER/NAME``; two folders have a file of the same name; or
            a policy's weights are not those that its description names.
        DatasetNotFoundError: a folder has no policies and no replays.
        OutputExistsError: something else stands in the folder, e.g. another policy of this name.
        NoSpaceError: the disk is full.
    """
    check_repo_id(repo_id)
    sources = _sources(folders)
    place = UploadFolder(folder, repo_id, {})
    with write_lock(folder / NOTES):
        place.save()
        check_free_space(folder / "*", sum(path.stat().st_size for path in sources.values()))
        files = [_copied(path, folder, name) for name, path in sorted(sources.items())]
        rows = {file.path: {"num_bytes": file.size, "sha256": file.sha256} for file in files}
        content = {"format": FORMAT, "version": VERSION, "files": rows}
        place.write(LIST, json.dumps(content, indent=1, sort_keys=True) + "\n")
        place.write(CARD, _card(repo_id, files))
    texts = [_described(folder, name) for name in (CARD, LIST)]
    everything = sorted([*files, *texts], key=lambda file: file.path)
    return PreparedRepository(folder, repo_id, (), tuple(everything))


def _sources(folders: Sequence[Path]) -> dict[str, Path]:
    """Path in the repository → file."""
    found: dict[str, Path] = {}
    for root in folders:
        here = {
            f"{inner}/{path.name}": path
            for inner in FOLDERS
            for path in sorted((root / inner).glob("*"))
            if path.suffix in (_WEIGHTS, _DESCRIPTION, ".h5")
        }
        if not here:
            above = f"; give the folder above: {root.parent}" if root.name in FOLDERS else ""
            raise DatasetNotFoundError(
                f"{root}: expected a folder with {' or '.join(FOLDERS)} in it, as"
                f" `python -m collection select --out` writes it{above}"
            )
        if twice := sorted(here.keys() & found.keys()):
            raise PublishError(f"{here[twice[0]]} and {found[twice[0]]} have the same name")
        found |= here
    for name, path in found.items():
        _check(name, path)
    return found


def _check(name: str, path: Path) -> None:
    """See that a file is what its name says, as far as that takes no knowledge of networks."""
    try:
        if path.suffix == ".h5":
            with h5py.File(path, "r") as file:
                sound = file.attrs.get("format") == _REPLAY_FORMAT
        elif path.suffix == _WEIGHTS:
            stated: Any = json.loads(path.with_suffix(_DESCRIPTION).read_text(encoding="utf-8"))
            sound = stated["sha256"] == file_sha256(path)
        else:
            sound = path.with_suffix(_WEIGHTS).is_file()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublishError(f"{path}: expected {name} to be a policy or replay: {error}") from error
    if not sound:
        raise PublishError(
            f"{path}: expected a replay, or a policy whose description beside it names the SHA-256"
            " of its weights; make both again with `python -m collection select`"
        )


def _copied(path: Path, folder: Path, name: str) -> PreparedFile:
    target = folder / name
    if target.is_file():
        if file_sha256(target) != file_sha256(path):
            raise OutputExistsError(
                f"{target} is another file than {path}; choose another folder, or delete this one:"
                " it can be made again"
            )
        return _described(folder, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
    return _described(folder, name)


def _described(folder: Path, name: str) -> PreparedFile:
    path = folder / name
    return PreparedFile(name, path.stat().st_size, file_sha256(path))


def _card(repo_id: str, files: Sequence[PreparedFile]) -> str:
    rows = [f"| `{file.path}` | {file.size:,} | `{file.sha256}` |" for file in files]
    return "\n".join(
        [
            "---",
            "task_categories: [reinforcement-learning]",
            "tags: [behavior-policy, vd4rl-data]",
            "---",
            "# Behavior policies and replays for vd4rl-data",
            "",
            "Their descriptions (`.json`) tell task, tier, training and learning curve. To collect",
            "a dataset with them, in a clone of vd4rl-data:",
            "",
            f"    python -m collection collect ID --source hf://{repo_id}@COMMIT",
            "",
            "| file | bytes | SHA-256 |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
